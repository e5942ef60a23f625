"""A noisy oscillator at its birth."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.domains import Free
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.systems.base import AbstractLangevin, HasEntropyProduction, HasStationaryDensity
from noneq.systems.one_state import of_state


class Hopf(AbstractLangevin, HasStationaryDensity, HasEntropyProduction):
    """The normal form of the Hopf bifurcation with noise: a limit cycle of radius √mu for mu > 0.

    **Equation**: dX = [(mu − r²) X + w J X] dt + √(2/beta) dW, J = [[0, −1], [1, 0]]: motion in
    U = −mu r²/2 + r⁴/4 with a rotation that keeps p = e^{−beta U}/Z; r² is a normal number of mean
    mu and variance 2/beta, cut to positive values. Entropy production beta w² ⟨r²⟩.

    Args:
        mu: distance from the bifurcation.
        w: angular velocity.
        beta: inverse temperature, one over the diffusivity.

    Raises:
        InvalidInput: beta not positive, or a number that is not finite.
    """

    mu: float = 1.0
    w: float = 2.0
    beta: float = 10.0

    def __check_init__(self) -> None:
        if not (np.isfinite([self.mu, self.w, self.beta]).all() and self.beta > 0):
            raise InvalidInput(
                f"Hopf: mu = {self.mu}, w = {self.w}, beta = {self.beta}; expected finite numbers "
                "and beta > 0."
            )

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
        """0.02 over the rate of change of the drift, two standard deviations of r² outside."""
        furthest = max(self.mu, 0.0) + 2 * self._spread
        return 0.02 / math.hypot(max(abs(self.mu), 3 * furthest - self.mu), self.w)

    @property
    def _spread(self) -> float:
        """Standard deviation of r² before the cut."""
        return math.sqrt(2 / self.beta)

    @checked
    def initial(self, key: Key) -> Float[Array, "2"]:
        """A draw from p: r² by inverting its distribution function on a grid."""
        for_r, for_angle = jax.random.split(key)
        # Up to where the exponent has fallen by 50 from its highest value.
        reach = math.hypot(min(self.mu, 0.0), 10 * self._spread)
        grid = np.linspace(max(0.0, self.mu - reach), self.mu + reach, 4001)
        exponent = -((grid - self.mu) ** 2) * self.beta / 4
        weight = np.exp(exponent - exponent.max())
        mass = np.concatenate([[0.0], np.cumsum((weight[1:] + weight[:-1]) / 2)])
        draw = jax.random.uniform(for_r)
        square = jnp.interp(draw, jnp.asarray(mass / mass[-1]), jnp.asarray(grid))
        angle = jax.random.uniform(for_angle, maxval=2 * np.pi)
        return jnp.sqrt(square) * jnp.stack([jnp.cos(angle), jnp.sin(angle)])

    @of_state
    def potential(self, t: ScalarLike, x: Float[Array, "2"]) -> Scalar:
        """U(x)."""
        square = jnp.sum(x**2)
        return -self.mu * square / 2 + square**2 / 4

    @of_state
    def nonconservative_force(self, t: ScalarLike, x: Float[Array, "2"]) -> Float[Array, "2"]:
        """w J x, the rotation."""
        return self.w * jnp.stack([-x[1], x[0]])

    @of_state
    def log_density(self, x: Float[Array, "2"]) -> Scalar:
        """−beta U − log Z, Z = π e^{beta mu²/4} √(2π) s Φ(mu/s), s² = 2/beta."""
        from scipy.special import log_ndtr

        gaussian = 0.5 * math.log(2 * math.pi) + math.log(math.pi * self._spread)
        log_z = gaussian + self.beta * self.mu**2 / 4 + float(log_ndtr(self.mu / self._spread))
        return -self.beta * self.potential(0.0, x) - log_z

    def mean_square_radius(self) -> float:
        """⟨r²⟩ = mu + s φ(mu/s)/Φ(mu/s), s² = 2/beta."""
        return self._spread * _mean_above_zero(self.mu / self._spread)

    def entropy_production_rate(self) -> float:
        """Beta w² ⟨r²⟩."""
        return self.beta * self.w**2 * self.mean_square_radius()


def _mean_above_zero(z: float) -> float:
    """Mean z + φ(z)/Φ(z) of N(z, 1) cut to positive values."""
    if z < -30:
        # The two terms cancel; their sum is a series in 1/z.
        return -1 / z + 2 / z**3 - 10 / z**5 + 74 / z**7
    from scipy.special import log_ndtr

    return z + math.exp(-(z**2) / 2 - math.log(2 * math.pi) / 2 - float(log_ndtr(z)))
