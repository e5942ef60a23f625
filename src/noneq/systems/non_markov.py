"""What every motion is whose next step depends on more than its state."""

from abc import abstractmethod

from jaxtyping import Array, Float

from noneq._typing import ScalarLike
from noneq.systems.base import AbstractSystem


class AbstractNonMarkov(AbstractSystem):
    """A system whose next step depends on its past too, so that a state does not fix its future.

    It is no `AbstractDiffusion`: what holds for dX = f dt + B dW (Fokker–Planck, Itô, entropy
    production from drift and noise) does not hold here.
    """

    @property
    @abstractmethod
    def time_step(self) -> float:
        """An internal step that is stable and accurate to about a per cent."""

    @property
    @abstractmethod
    def rest(self) -> float:
        """Time that paths run before the first recorded one, unless their start is given."""


class AbstractFractional(AbstractNonMarkov):
    """Motion under fractional noise, whose increments are correlated for all times.

    **Equation**: dX = f(t, X) dt + B dB^H, ⟨(B^H_t)²⟩ = t^{2H}; B does not depend on the state, so
    that no calculus has to be named. H = ½ is white noise; H < ½ turns back, H > ½ persists.
    """

    @property
    @abstractmethod
    def hurst(self) -> float:
        """H, between 0 and 1."""

    @abstractmethod
    def drift(self, t: ScalarLike, x: Float[Array, "*event"]) -> Float[Array, "*event"]:
        """f(t, x), for one state."""

    @abstractmethod
    def noise(self) -> Array:
        """B: a number, one a coordinate, or a matrix (dim, m)."""


class AbstractDelayed(AbstractNonMarkov):
    """Motion with a delayed response, in the sense of Itô.

    **Equation**: dX = f(t, X(t), X(t − delay)) dt + B(t, X) dW.

    Before a path begins, its state is taken for constant at `initial`.
    """

    @property
    @abstractmethod
    def delay(self) -> float:
        """Time after which a state acts, > 0."""

    @abstractmethod
    def drift(
        self, t: ScalarLike, x: Float[Array, "*event"], past: Float[Array, "*event"]
    ) -> Float[Array, "*event"]:
        """f(t, x, past), for one state and that one a delay ago."""

    @abstractmethod
    def diffusion(self, t: ScalarLike, x: Float[Array, "*event"]) -> Array:
        """B(t, x): a number, one a coordinate, or a matrix (dim, m)."""
