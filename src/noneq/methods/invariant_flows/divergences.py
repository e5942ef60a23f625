"""Ways to the divergence of a field and to the symmetric part of its Jacobian."""

from abc import abstractmethod
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar
from noneq.calculus import MOST_EXACT, rademacher
from noneq.errors import InvalidInput
from noneq.kinds import AbstractChecked


class Traces(NamedTuple):
    """What probes tell of a Jacobian J.

    Attributes:
        first, second: estimates of div v = tr J whose product stands for its square.
        symmetric: estimate of ‖S‖²_F, S = (J + Jᵀ)/2.
    """

    first: Scalar
    second: Scalar
    symmetric: Scalar


class AbstractDivergence(AbstractChecked):
    """Probes e of a state, and what their products J e say."""

    @abstractmethod
    def number(self, dim: int) -> int:
        """How many directions `draw` gives."""

    @abstractmethod
    def draw(self, dim: int, *, key: Key) -> Float[Array, "probes dim"]:
        """Directions in which the field is differentiated."""

    @abstractmethod
    def __call__(
        self, probes: Float[Array, "probes dim"], pushed: Float[Array, "probes dim"]
    ) -> Traces:
        """From e and J e, one each per row."""


class ExactDivergence(AbstractDivergence):
    """All of J, one product per dimension; up to 64 dimensions."""

    def number(self, dim: int) -> int:
        return dim

    def draw(self, dim: int, *, key: Key) -> Float[Array, "probes dim"]:
        return jnp.eye(dim)

    def __call__(
        self, probes: Float[Array, "probes dim"], pushed: Float[Array, "probes dim"]
    ) -> Traces:
        trace = jnp.trace(pushed)
        return Traces(trace, trace, jnp.sum(((pushed + pushed.T) / 2) ** 2))


class UnbiasedHutchinson(AbstractDivergence):
    """Two independent means of random-sign probes, whose product is unbiased.

    **Equation**: (div v)² ≈ mean_a e_a·J e_a · mean_b e_b·J e_b; ‖S‖²_F ≈ mean_ab (e_b·S e_a)², a
    and b from the two groups.

    Args:
        probes: probes of each of the two groups.

    Raises:
        InvalidInput: fewer than 1.
    """

    probes: int = 4

    def __check_init__(self) -> None:
        if self.probes < 1:
            raise InvalidInput(f"UnbiasedHutchinson: probes = {self.probes}; expected at least 1.")

    def number(self, dim: int) -> int:
        return 2 * self.probes

    def draw(self, dim: int, *, key: Key) -> Float[Array, "probes dim"]:
        return rademacher(2 * self.probes, dim, key=key)

    def __call__(
        self, probes: Float[Array, "probes dim"], pushed: Float[Array, "probes dim"]
    ) -> Traces:
        k = self.probes
        form = probes @ pushed.T
        traces = jnp.diagonal(form)
        between = (form[:k, k:] + form[k:, :k].T) / 2
        return Traces(jnp.mean(traces[:k]), jnp.mean(traces[k:]), jnp.mean(between**2))


class BiasedHutchinson(AbstractDivergence):
    """The square of one mean of probes: the published mode, whose variance is a hidden penalty.

    **Equation**: E (mean_a e_a·J e_a)² = (div v)² + (2/k) ‖S‖²_F for k Gaussian probes (for random
    signs only the entries of S off its diagonal count).

    Args:
        probes: k.
        gaussian: normal probes; otherwise random signs.

    Raises:
        InvalidInput: fewer than 2 probes.

    Source: Zhang and Levin 2025 (10 probes); the penalty is ours.
    """

    probes: int = 10
    gaussian: bool = True

    def __check_init__(self) -> None:
        if self.probes < 2:
            raise InvalidInput(f"BiasedHutchinson: probes = {self.probes}; expected at least 2.")

    def number(self, dim: int) -> int:
        return self.probes

    def draw(self, dim: int, *, key: Key) -> Float[Array, "probes dim"]:
        if self.gaussian:
            return jax.random.normal(key, (self.probes, dim))
        return rademacher(self.probes, dim, key=key)

    def __call__(
        self, probes: Float[Array, "probes dim"], pushed: Float[Array, "probes dim"]
    ) -> Traces:
        form = probes @ pushed.T
        trace = jnp.mean(jnp.diagonal(form))
        squares = ((form + form.T) / 2) ** 2
        apart = jnp.sum(squares) - jnp.trace(squares)
        return Traces(trace, trace, apart / (self.probes * (self.probes - 1)))


def check_divergence(divergence: AbstractDivergence, dim: int, name: str) -> None:
    """Refuse exact divergence where it is too slow.

    Args:
        name: of the method that asks.

    Raises:
        InvalidInput: more than 64 dimensions.
    """
    if isinstance(divergence, ExactDivergence) and dim > MOST_EXACT:
        raise InvalidInput(
            f"{name}: exact divergence in {dim} dimensions is too slow (at most {MOST_EXACT}); use "
            "divergence=UnbiasedHutchinson() (command line: --set "
            "divergence.kind=UnbiasedHutchinson)."
        )
