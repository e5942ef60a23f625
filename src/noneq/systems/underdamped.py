"""Motion with inertia: positions and velocities in baths of one or several temperatures."""

from abc import abstractmethod
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.domains import Free
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.systems.base import (
    AbstractDiffusion,
    HasEntropyProduction,
    HasParity,
    HasStationaryDensity,
)
from noneq.systems.linear import square_root, stationary_covariance
from noneq.systems.one_state import of_positions, of_state


class AbstractUnderdamped(AbstractDiffusion, HasParity):
    """Langevin motion with inertia. A state (2 dim,) holds dim positions, then their velocities.

    **Equation**: dx = v dt, m dv = [F(t, x) − gamma v] dt + √(2 gamma T) dW, F = −∇V + f_nc.

    Positions are even and velocities odd under time reversal, see `parity`. Simulated by `BAOAB`.
    """

    symbols: ClassVar[tuple[str, ...]] = ("x", "v")

    mass: eqx.AbstractVar[float]
    friction: eqx.AbstractVar[float]

    @property
    @abstractmethod
    def temperatures(self) -> tuple[float, ...]:
        """kT of the bath of each coordinate."""

    @abstractmethod
    def potential(self, t: ScalarLike, x: Float[Array, "dim"]) -> Scalar:
        """V(t, x) at positions x (dim,)."""

    @abstractmethod
    def nonconservative_force(self, t: ScalarLike, x: Float[Array, "dim"]) -> Float[Array, "dim"]:
        """The part of the force that is no gradient of V, at positions x (dim,)."""

    @property
    def parity(self) -> tuple[int, ...]:
        """+1 for positions, −1 for velocities."""
        dim = self.event_shape[0] // 2
        return (1,) * dim + (-1,) * dim

    @of_positions
    def force(self, t: ScalarLike, x: Float[Array, "dim"]) -> Float[Array, "dim"]:
        """−∇V + f_nc at positions x (dim,), the gradient by automatic differentiation."""
        return self.nonconservative_force(t, x) - jax.grad(self.potential, argnums=1)(t, x)

    @of_state
    def drift(self, t: ScalarLike, x: Float[Array, "state"]) -> Float[Array, "state"]:
        """(v, (F − gamma v)/m)."""
        place, velocity = jnp.split(x, 2)
        pull = self.force(t, place) - self.friction * velocity
        return jnp.concatenate([velocity, pull / self.mass])

    def diffusion(self, t: ScalarLike, x: Float[Array, "state"]) -> Array:
        """(2 dim, dim): zero for positions, √(2 gamma T)/m for velocities."""
        kick = np.sqrt(2 * self.friction * np.asarray(self.temperatures)) / self.mass
        return jnp.asarray(
            np.concatenate([np.zeros((kick.size, kick.size)), np.diag(kick)]), x.dtype
        )


class UnderdampedPair(AbstractUnderdamped, HasStationaryDensity, HasEntropyProduction):
    """Two heavy particles on springs, coupled by a third one, each in a bath of its own.

    **Equation**: V = k0 (x0² + x1²)/2 + ka (x0 − x1)²/2; heat flows through the coupling at the
    rate J = ka² gamma (T1 − T0)/{2 [ka² m + (k0 + ka) gamma²]}, and entropy is produced at the
    rate J (1/T0 − 1/T1).

    Args:
        k0: stiffness of the trap of each particle.
        ka: stiffness of the coupling.
        cold, hot: kT of the baths of the first and of the second particle.
        mass, friction: of each particle.

    Raises:
        InvalidInput: a number that is not positive (ka ≥ 0), or not finite.
    """

    k0: float = 1.0
    ka: float = 1.0
    cold: float = 1.0
    hot: float = 3.0
    mass: float = 1.0
    friction: float = 1.0

    def __check_init__(self) -> None:
        positive = (self.k0, self.cold, self.hot, self.mass, self.friction)
        if not (min(positive) > 0 and self.ka >= 0 and np.isfinite([*positive, self.ka]).all()):
            raise InvalidInput(
                f"UnderdampedPair: k0 = {self.k0}, ka = {self.ka}, cold = {self.cold}, hot = "
                f"{self.hot}, mass = {self.mass}, friction = {self.friction}; expected finite "
                "numbers > 0 (ka ≥ 0)."
            )

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(4,): x0, x1, v0, v1."""
        return (4,)

    @property
    def domain(self) -> Free:
        """All positions and velocities."""
        return Free()

    @property
    def temperatures(self) -> tuple[float, ...]:
        """Cold and hot."""
        return (self.cold, self.hot)

    @property
    def time_step(self) -> float:
        """0.05 over the larger of frequency and gamma/m."""
        fastest = np.sqrt((self.k0 + 2 * self.ka) / self.mass)
        return 0.05 / max(float(fastest), self.friction / self.mass)

    @of_positions
    def potential(self, t: ScalarLike, x: Float[Array, "2"]) -> Scalar:
        """V(x)."""
        return self.k0 * jnp.sum(x**2) / 2 + self.ka * (x[0] - x[1]) ** 2 / 2

    @of_positions
    def nonconservative_force(self, t: ScalarLike, x: Float[Array, "2"]) -> Float[Array, "2"]:
        """Zero: heat flows because the temperatures differ."""
        return jnp.zeros_like(x)

    def matrices(self) -> tuple[np.ndarray, np.ndarray]:
        """A and D, (4, 4) each, of the linear equation dX = −A X dt + √(2D) dW."""
        springs = (self.k0 + self.ka) * np.eye(2) - self.ka * np.eye(2)[::-1]
        drag = self.friction / self.mass * np.eye(2)
        rates = np.block([[np.zeros((2, 2)), -np.eye(2)], [springs / self.mass, drag]])
        kicks = self.friction * np.asarray(self.temperatures) / self.mass**2
        return rates, np.diag([0.0, 0.0, *kicks])

    def stationary_covariance(self) -> np.ndarray:
        """Sigma of A Sigma + Sigma A^T = 2D, (4, 4)."""
        return stationary_covariance(*self.matrices())

    @checked
    def initial(self, key: Key) -> Float[Array, "4"]:
        """A draw from the stationary law."""
        root = square_root(self.stationary_covariance())
        noise = jax.random.normal(key, (4,))
        return jnp.asarray(root, noise.dtype) @ noise

    @of_state
    def log_density(self, x: Float[Array, "4"]) -> Scalar:
        """log N(x; 0, Sigma)."""
        covariance = self.stationary_covariance()
        precision = jnp.asarray(np.linalg.inv(covariance), x.dtype)
        return -x @ precision @ x / 2 - np.linalg.slogdet(2 * np.pi * covariance)[1] / 2

    def entropy_production_rate(self) -> float:
        """Heat into each bath over its temperature: Σ_i gamma (⟨v_i²⟩ − T_i/m)/T_i."""
        baths = np.asarray(self.temperatures)
        squares = np.diag(self.stationary_covariance())[2:]
        return float(np.sum(self.friction * (squares - baths / self.mass) / baths))
