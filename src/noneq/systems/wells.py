"""Double wells: in equilibrium, and with a swirl that keeps the Boltzmann law."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.domains import Free
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.systems.base import (
    AbstractGradient,
    AbstractLangevin,
    HasEntropyProduction,
    HasStationaryDensity,
)
from noneq.systems.one_state import of_state


class DoubleWell(AbstractGradient, HasStationaryDensity, HasEntropyProduction):
    """A particle between two wells at ±1, in equilibrium.

    **Equation**: V(x) = barrier (x² − 1)², dX = −V' dt + √(2/beta) dW.

    Args:
        beta: inverse temperature.
        barrier: height of V at 0.
        start: where every trajectory starts, −1 is the left well.

    Raises:
        InvalidInput: beta or barrier not positive.
    """

    beta: float = 3.0
    barrier: float = 1.0
    start: float = -1.0

    def __check_init__(self) -> None:
        _positive(self, "beta", "barrier")

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(1,)."""
        return (1,)

    @property
    def domain(self) -> Free:
        """The line."""
        return Free()

    @property
    def time_step(self) -> float:
        """0.02 / V''(±1)."""
        return 0.02 / (8.0 * self.barrier)

    @checked
    def initial(self, key: Key) -> Float[Array, "1"]:
        """Always ``start``."""
        return jnp.full((1,), self.start)

    @of_state
    def potential(self, t: ScalarLike, x: Float[Array, "1"]) -> Scalar:
        """V(x)."""
        return self.barrier * (x[0] ** 2 - 1) ** 2

    @of_state
    def log_density(self, x: Float[Array, "1"]) -> Scalar:
        """−beta V − log Z."""
        return -self.beta * self.potential(0.0, x) - _log_normaliser(self.beta * self.barrier)

    def entropy_production_rate(self) -> float:
        """Zero: detailed balance holds."""
        return 0.0


class TiltedWell(AbstractGradient, HasStationaryDensity, HasEntropyProduction):
    """A particle between two wells, one of them lowered by a tilt, in equilibrium.

    **Equation**: V(x) = barrier (x² − 1)² − tilt x, dX = −V' dt + √(2/beta) dW.

    Args:
        tilt: a constant force to the right.
        barrier: height of V at 0 without the tilt.
        beta: inverse temperature.

    Raises:
        InvalidInput: beta or barrier not positive, or a tilt that is not finite.
    """

    tilt: float = 0.0
    barrier: float = 2.0
    beta: float = 1.0

    def __check_init__(self) -> None:
        _positive(self, "beta", "barrier")
        if not np.isfinite(self.tilt):
            raise InvalidInput(f"TiltedWell: tilt = {self.tilt}; it must be finite.")

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(1,)."""
        return (1,)

    @property
    def domain(self) -> Free:
        """The line."""
        return Free()

    @property
    def time_step(self) -> float:
        """0.02 / V''(±1)."""
        return 0.02 / (8.0 * self.barrier)

    @checked
    def initial(self, key: Key) -> Float[Array, "1"]:
        """A draw from the Boltzmann law, by inverting its distribution function on a grid."""
        grid, log_weight = self._grid()
        mass = np.cumsum(np.exp(log_weight - log_weight.max()))
        place = jnp.interp(jax.random.uniform(key), jnp.asarray(mass / mass[-1]), jnp.asarray(grid))
        return place[None]

    @of_state
    def potential(self, t: ScalarLike, x: Float[Array, "1"]) -> Scalar:
        """V(x)."""
        return self.barrier * (x[0] ** 2 - 1) ** 2 - self.tilt * x[0]

    @of_state
    def log_density(self, x: Float[Array, "1"]) -> Scalar:
        """−beta V − log Z."""
        grid, log_weight = self._grid()
        top = log_weight.max()
        total = top + np.log(np.sum(np.exp(log_weight - top)) * (grid[1] - grid[0]))
        return -self.beta * self.potential(0.0, x) - total

    def entropy_production_rate(self) -> float:
        """Zero: detailed balance holds."""
        return 0.0

    def _grid(self) -> tuple[np.ndarray, np.ndarray]:
        """Points and −beta V, wide enough that the rest weighs nothing."""
        strength = self.beta * self.barrier
        pull = 2 * np.cbrt(abs(self.tilt) / self.barrier)
        grid = np.linspace(-1, 1, 8001) * (np.sqrt(1 + np.sqrt(50 / strength)) + pull)
        return grid, -self.beta * (self.barrier * (grid**2 - 1) ** 2 - self.tilt * grid)


class Swirl(AbstractLangevin, HasStationaryDensity, HasEntropyProduction):
    """Two wells with a force along the level lines, which dissipates but leaves p unchanged.

    **Equation**: dX = −(I + q J)∇U dt + √(2/beta) dW, U = (x² − 1)² + y², J = [[0, −1], [1, 0]];
    p = e^{−beta U}/Z, mean velocity −q J∇U, entropy production q² ⟨ΔU⟩.

    Args:
        q: strength of the swirl; 0 is equilibrium.
        beta: inverse temperature.

    Raises:
        InvalidInput: beta not positive.
    """

    q: float = 1.0
    beta: float = 2.0

    def __check_init__(self) -> None:
        _positive(self, "beta")

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(2,)."""
        return (2,)

    @property
    def domain(self) -> Free:
        """The plane."""
        return Free()

    @property
    def time_step(self) -> float:
        """0.02 / (largest curvature at the wells, with the swirl)."""
        return 0.02 / (8.0 * np.sqrt(1 + self.q**2))

    @checked
    def initial(self, key: Key) -> Float[Array, "2"]:
        """A draw from p: x by inverting its distribution function on a grid, y Gaussian."""
        for_x, for_y = jax.random.split(key)
        grid, log_weight = _grid(self.beta)
        mass = np.cumsum(np.exp(log_weight))
        x = jnp.interp(jax.random.uniform(for_x), jnp.asarray(mass / mass[-1]), jnp.asarray(grid))
        return jnp.stack([x, jax.random.normal(for_y) / np.sqrt(2 * self.beta)])

    @of_state
    def potential(self, t: ScalarLike, x: Float[Array, "2"]) -> Scalar:
        """U(x, y)."""
        return (x[0] ** 2 - 1) ** 2 + x[1] ** 2

    @of_state
    def nonconservative_force(self, t: ScalarLike, x: Float[Array, "2"]) -> Float[Array, "2"]:
        """−q J∇U."""
        gradient = jax.grad(self.potential, argnums=1)(t, x)
        return -self.q * jnp.stack([-gradient[1], gradient[0]])

    @of_state
    def log_density(self, x: Float[Array, "2"]) -> Scalar:
        """−beta U − log Z."""
        log_z = _log_normaliser(self.beta) + np.log(np.pi / self.beta) / 2
        return -self.beta * self.potential(0.0, x) - log_z

    def entropy_production_rate(self) -> float:
        """q² ⟨ΔU⟩ = q² (12 ⟨x²⟩ − 2)."""
        grid, log_weight = _grid(self.beta)
        weight = np.exp(log_weight)
        second = float(np.sum(weight * grid**2) / np.sum(weight))
        return self.q**2 * (12 * second - 2)


def _grid(strength: float) -> tuple[np.ndarray, np.ndarray]:
    """Points and −strength (x² − 1)², wide enough that the rest weighs nothing."""
    grid = np.linspace(-1, 1, 4001) * np.sqrt(1 + np.sqrt(50 / strength))
    return grid, -strength * (grid**2 - 1) ** 2


def _log_normaliser(strength: float) -> float:
    """log ∫ exp(−strength (x² − 1)²) dx."""
    grid, log_weight = _grid(strength)
    return float(np.log(np.sum(np.exp(log_weight)) * (grid[1] - grid[0])))


def _positive(system: DoubleWell | TiltedWell | Swirl, *names: str) -> None:
    for name in names:
        value = getattr(system, name)
        if not (np.isfinite(value) and value > 0):
            raise InvalidInput(f"{type(system).__name__}: {name} = {value}; it must be > 0.")
