"""What every system is: ground truth that can be drawn from and, mostly, simulated.

Physical functions take one state: ``(t, x)``, ``x`` of shape ``(*event_shape)``. Fields are
Python scalars and tuples, so that equal systems share one compilation.
"""

from abc import abstractmethod

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.domains import AbstractDomain
from noneq.traced import AbstractUntraced


class AbstractSystem(AbstractUntraced):
    """A known law: something that states can be drawn from."""

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
        """One name per coordinate: x, y, z, or x0, x1, … above three."""
        count = self.event_shape[0]
        return tuple("xyz"[:count]) if count <= 3 else tuple(f"x{i}" for i in range(count))


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

    def drift(self, t: ScalarLike, x: Float[Array, "*event"]) -> Float[Array, "*event"]:
        """−∇V + f_nc, the gradient by automatic differentiation."""
        return self.nonconservative_force(t, x) - jax.grad(self.potential, argnums=1)(t, x)

    def diffusion(self, t: ScalarLike, x: Float[Array, "*event"]) -> Array:
        """√(2/beta), the same in every direction."""
        return jnp.sqrt(jnp.asarray(2.0 / self.beta, x.dtype))


class AbstractGradient(AbstractLangevin):
    """Langevin motion in a potential alone (which may depend on time)."""

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
