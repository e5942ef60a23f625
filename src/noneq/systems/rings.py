"""A particle driven around a ring."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.domains import Torus
from noneq.errors import InvalidInput
from noneq.systems.base import AbstractLangevin, HasEntropyProduction, HasStationaryDensity


class DrivenRing(AbstractLangevin, HasStationaryDensity, HasEntropyProduction):
    """A constant force around a ring with a cosine potential.

    **Equation**: dX = (F + a sin x) dt + √(2/beta) dW on [0, 2π), V = a cos x.

    Args:
        force: F.
        amplitude: a.
        beta: inverse temperature.

    Raises:
        InvalidInput: beta not positive, or a number that is not finite.
    """

    force: float = 1.0
    amplitude: float = 1.0
    beta: float = 1.0

    def __check_init__(self) -> None:
        if not (np.isfinite([self.force, self.amplitude, self.beta]).all() and self.beta > 0):
            raise InvalidInput(
                f"DrivenRing: force = {self.force}, amplitude = {self.amplitude}, beta = "
                f"{self.beta}; expected finite numbers and beta > 0."
            )

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(1,)."""
        return (1,)

    @property
    def domain(self) -> Torus:
        """The circle [0, 2π)."""
        return Torus()

    @property
    def time_step(self) -> float:
        """0.01 over the largest of curvature, force² beta and 1/beta."""
        speed = abs(self.force) + abs(self.amplitude)
        return 0.01 / max(abs(self.amplitude), speed**2 * self.beta, 1 / self.beta)

    def initial(self, key: Key) -> Float[Array, "1"]:
        """Uniform on the circle."""
        return jax.random.uniform(key, (1,), maxval=2 * np.pi)

    def potential(self, t: ScalarLike, x: Float[Array, "1"]) -> Scalar:
        """a cos x."""
        return self.amplitude * jnp.cos(x[0])

    def nonconservative_force(self, t: ScalarLike, x: Float[Array, "1"]) -> Float[Array, "1"]:
        """F."""
        return jnp.full_like(x, self.force)

    def current(self) -> float:
        """Steady probability current J: turns per unit time.

        **Equation**: J = D (1 − e^{−2πF/D}) / ∫_0^{2π} dx ∫_x^{x+2π} dy e^{[U(y) − U(x)]/D},
        U = V − F x, D = 1/beta.
        """
        _, unnormalised, step = self._steady()
        return float(-np.expm1(-2 * np.pi * self.force * self.beta)) / (
            self.beta * unnormalised.sum() * step
        )

    def log_density(self, x: Float[Array, "1"]) -> Scalar:
        """Steady log p(x), interpolated on a fine grid."""
        grid, unnormalised, step = self._steady()
        log_p = np.log(unnormalised / (unnormalised.sum() * step))
        return jnp.interp(x[0], jnp.asarray(grid), jnp.asarray(log_p), period=2 * np.pi)

    def entropy_production_rate(self) -> float:
        """Work of the force over kT: 2π F J beta."""
        return float(2 * np.pi * self.force * self.current() * self.beta)

    def _steady(self) -> tuple[np.ndarray, np.ndarray, float]:
        """Grid, ∫_x^{x+2π} e^{[U(y) − U(x)]/D} dy on it (proportional to p), and its step."""
        count = 1024
        grid = np.arange(count) * 2 * np.pi / count
        step = grid[1]
        # y = x + s: the integrand in s is smooth but not periodic, so Simpson's rule.
        s = np.linspace(0, 2 * np.pi, 2 * count + 1)
        simpson = np.full(s.size, 2.0)
        simpson[1::2], simpson[[0, -1]] = 4.0, 1.0
        rise = self.amplitude * (np.cos(grid[:, None] + s) - np.cos(grid[:, None]))
        kernel = np.exp(self.beta * (rise - self.force * s))
        return grid, kernel @ simpson * (s[1] / 3), step
