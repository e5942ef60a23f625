"""What every system is: ground truth that can be drawn from and, mostly, simulated.

Physical functions take one state: ``(t, x)``, ``x`` of shape ``(*event_shape)``. Fields are
Python scalars and tuples, so that equal systems share one compilation.
"""

import warnings
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.domains import AbstractDomain
from noneq.systems.interventions import Intervention
from noneq.systems.one_state import of_state
from noneq.traced import AbstractUntraced


class AbstractSystem(AbstractUntraced):
    """A known law: something that states can be drawn from.

    Class attributes:
        symbols: of the kinds of coordinates, which follow each other in equal numbers.
    """

    symbols: ClassVar[tuple[str, ...]] = ("x",)

    @property
    @abstractmethod
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one state."""

    @property
    @abstractmethod
    def domain(self) -> AbstractDomain:
        """Where states live."""

    @abstractmethod
    def initial(self, key: Key) -> Float[Array, "*event"]:
        """One draw of the state at the first time."""

    @property
    def names(self) -> tuple[str, ...]:
        """One name per coordinate: x, y, z, or x0, x1, … above three; or by ``symbols``."""
        symbols, count = self.symbols, self.event_shape[0]
        if symbols == ("x",) and count <= 3:
            return tuple("xyz"[:count])
        each = count // len(symbols)
        return symbols if each == 1 else tuple(f"{s}{i}" for s in symbols for i in range(each))


class AbstractDiffusion(AbstractSystem):
    """A system dX = f(t, X) dt + B(t, X) dW, in the sense of Itô; B = 0 is an ODE."""

    @property
    @abstractmethod
    def time_step(self) -> float:
        """An internal step that is stable and accurate to about a per cent."""

    @abstractmethod
    def drift(self, t: ScalarLike, x: Float[Array, "*event"]) -> Float[Array, "*event"]:
        """f(t, x), for one state."""

    @abstractmethod
    def diffusion(self, t: ScalarLike, x: Float[Array, "*event"]) -> Array:
        """B(t, x): a scalar, an array of the state's shape (diagonal), or a matrix (dim, m)."""

    def intervene(
        self,
        *,
        clamp: Mapping[Any, Any] | None = None,
        shift: Mapping[Any, Any] | None = None,
        replace: Mapping[Any, Any] | None = None,
        noise: Mapping[Any, Any] | None = None,
        start: Mapping[Any, Any] | None = None,
    ) -> "Intervened":
        """The system after an intervention on its mechanisms, not conditioned on its values.

        Args:
            clamp, shift, replace, noise, start: coordinates, by name or index, and what happens to
                them, as in `noneq.systems.Intervention`.

        Returns:
            A system as well: it can be simulated, and intervened on again.

        Raises:
            InvalidInput: nothing to change, or a coordinate that is not there.

        A value at which a system learnt from data was never seen is warned of.
        """
        parts = {"clamp": clamp, "shift": shift, "replace": replace, "noise": noise, "start": start}
        given = Intervention(**{name: part for name, part in parts.items() if part is not None})
        return Intervened(self, given)


class HasRange(eqx.Module):
    """Trait: a system learnt from data, which knows where these lay."""

    @property
    @abstractmethod
    def seen(self) -> tuple[tuple[float, float], ...]:
        """Lowest and highest value of each coordinate; empty if not known."""


class Intervened(AbstractDiffusion):
    """A system whose mechanisms are changed; see `Intervention` for the equations.

    Args:
        system: without the change.
        intervention: the change, coordinates by name or index.

    Raises:
        InvalidInput: a coordinate that is not there, or one that is changed twice.
    """

    system: AbstractDiffusion
    intervention: Intervention
    symbols: tuple[str, ...]  # pyright: ignore

    def __init__(self, system: AbstractDiffusion, intervention: Intervention):
        self.system = system
        self.symbols = system.names  # pyright: ignore[reportIncompatibleVariableOverride]
        self.intervention = intervention.placed(system.names)
        _warn_unseen(system, self.intervention)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """As without the change."""
        return self.system.event_shape

    @property
    def domain(self) -> AbstractDomain:
        """As without the change."""
        return self.system.domain

    @property
    def time_step(self) -> float:
        """As without the change."""
        return self.system.time_step

    def initial(self, key: Key) -> Float[Array, "*event"]:
        """A draw of the system, then what ``start`` and ``clamp`` say."""
        return self.intervention.begun(self.system.initial(key))

    def drift(self, t: ScalarLike, x: Float[Array, "*event"]) -> Float[Array, "*event"]:
        """The changed drift, clamped coordinates taken at their values."""
        x = self.intervention.held(x)
        return self.intervention.drift(t, x, self.system.drift(t, x))

    def diffusion(self, t: ScalarLike, x: Float[Array, "*event"]) -> Array:
        """The changed noise."""
        b = self.system.diffusion(t, self.intervention.held(x))
        return self.intervention.diffusion(b, self.event_shape)


def _warn_unseen(system: AbstractDiffusion, intervention: Intervention) -> None:
    """Warn of values far from the data that the system was learnt from."""
    names = system.names
    while isinstance(system, Intervened):
        system = system.system
    if not isinstance(system, HasRange) or not system.seen:
        return
    for place, value in (*intervention.clamp, *intervention.start):
        low, high = system.seen[place]
        if not low <= value <= high:
            warnings.warn(
                f"{names[place]} = {value:g} lies outside the data that the system was learnt from, "
                f"which reach from about {low:.3g} to {high:.3g}: its drift is a guess there.",
                stacklevel=4,
            )


class AbstractODE(AbstractDiffusion):
    """A system without noise, dx/dt = f(t, x)."""

    def diffusion(self, t: ScalarLike, x: Float[Array, "*event"]) -> Array:
        """Zero."""
        return jnp.zeros((), x.dtype)


class AbstractMap(AbstractSystem):
    """A system that moves in steps, x → step(t, x); one step is one unit of time."""

    @abstractmethod
    def step(self, t: ScalarLike, x: Float[Array, "*event"], *, key: Key) -> Float[Array, "*event"]:
        """One draw of the state at t + 1, given the state x at t."""


class AbstractLangevin(AbstractDiffusion):
    """Overdamped motion at mobility 1.

    **Equation**: dX = [−∇V(t, X) + f_nc(t, X)] dt + √(2/beta) dW.
    """

    beta: eqx.AbstractVar[float]

    @abstractmethod
    def potential(self, t: ScalarLike, x: Float[Array, "*event"]) -> Scalar:
        """V(t, x), for one state."""

    @abstractmethod
    def nonconservative_force(
        self, t: ScalarLike, x: Float[Array, "*event"]
    ) -> Float[Array, "*event"]:
        """The part of the force that is no gradient of V."""

    @of_state
    def drift(self, t: ScalarLike, x: Float[Array, "*event"]) -> Float[Array, "*event"]:
        """−∇V + f_nc, the gradient by automatic differentiation."""
        return self.nonconservative_force(t, x) - jax.grad(self.potential, argnums=1)(t, x)

    def diffusion(self, t: ScalarLike, x: Float[Array, "*event"]) -> Array:
        """√(2/beta), the same in every direction."""
        return jnp.sqrt(jnp.asarray(2.0 / self.beta, x.dtype))


class AbstractGradient(AbstractLangevin):
    """Langevin motion in a potential alone (which may depend on time)."""

    @of_state
    def nonconservative_force(
        self, t: ScalarLike, x: Float[Array, "*event"]
    ) -> Float[Array, "*event"]:
        """Zero."""
        return jnp.zeros_like(x)


class HasStationaryDensity(eqx.Module):
    """Trait: a known law that does not change with time."""

    @abstractmethod
    def log_density(self, x: Float[Array, "*event"]) -> Scalar:
        """Normalised log density in nats, for one state."""


class HasEntropyProduction(eqx.Module):
    """Trait: a known entropy production in the (periodic) steady state."""

    @abstractmethod
    def entropy_production_rate(self) -> float:
        """Mean rate in nats per unit time, k_B = 1."""


class HasTransition(eqx.Module):
    """Trait: a linear system whose states a whole interval apart can be drawn exactly."""

    @abstractmethod
    def transition(self, lag: float) -> tuple[np.ndarray, np.ndarray]:
        """(decay, covariance), (dim, dim) each: x(t + lag) given x(t) is N(decay x(t), covariance)."""


class HasParity(eqx.Module):
    """Trait: a system with coordinates, such as velocities, whose sign time reversal changes."""

    @property
    @abstractmethod
    def parity(self) -> tuple[int, ...]:
        """+1 for an even coordinate, −1 for an odd one, (dim,)."""
