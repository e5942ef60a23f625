"""The eight two-dimensional shape sets: laws to draw from, without dynamics.

Scalings follow FFJORD's toy data, so that published likelihoods compare.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar
from noneq.domains import Free
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.systems.base import AbstractSystem, HasStationaryDensity
from noneq.systems.one_state import of_state


class AbstractShape(AbstractSystem):
    """A law in the plane; its numbers are finite and not negative.

    Raises:
        InvalidInput: a number that is negative, infinite or NaN.
    """

    def __check_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 <= value < np.inf:
                raise InvalidInput(
                    f"{type(self).__name__}: {name} = {value}; it must be finite and ≥ 0."
                )

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(2,)."""
        return (2,)

    @property
    def domain(self) -> Free:
        """The plane."""
        return Free()


class EightGaussians(AbstractShape, HasStationaryDensity):
    """Eight Gaussians on a circle.

    **Equation**: (4 (cos kπ/4, sin kπ/4) + 0.5 ξ)/1.414.

    Args:
        noise: standard deviation before the division, 0.5 in the source.
    """

    noise: float = 0.5

    @checked
    def initial(self, key: Key) -> Float[Array, "2"]:
        """One draw."""
        which, noise = jax.random.split(key)
        angle = jax.random.randint(which, (), 0, 8) * (np.pi / 4)
        centre = 4.0 * jnp.stack([jnp.cos(angle), jnp.sin(angle)])
        return (centre + self.noise * jax.random.normal(noise, (2,))) / 1.414

    @of_state
    def log_density(self, x: Float[Array, "2"]) -> Scalar:
        """Log of the mean of eight normal densities; entropy 2.83188 nats."""
        angle = np.arange(8) * np.pi / 4
        centres = jnp.asarray(4.0 / 1.414 * np.stack([np.cos(angle), np.sin(angle)], 1), x.dtype)
        variance = (self.noise / 1.414) ** 2
        square = jnp.sum((x - centres) ** 2, axis=1)
        constant = np.log(8 * 2 * np.pi * variance)
        return jax.scipy.special.logsumexp(-square / (2 * variance)) - constant


class Checkerboard(AbstractShape, HasStationaryDensity):
    """Uniform on the eight like-coloured squares of side 2 in [−4, 4]²; entropy log 32."""

    @checked
    def initial(self, key: Key) -> Float[Array, "2"]:
        """One draw."""
        row_key, column_key, inside = jax.random.split(key, 3)
        column = jax.random.randint(column_key, (), -2, 2)
        row = 2 * jax.random.randint(row_key, (), -1, 1) + column % 2
        return 2.0 * (jnp.stack([column, row]) + jax.random.uniform(inside, (2,)))

    @of_state
    def log_density(self, x: Float[Array, "2"]) -> Scalar:
        """−log 32 on the board's squares, −∞ elsewhere."""
        column, row = jnp.floor(x / 2)
        on = (jnp.max(jnp.abs(x)) < 4.0) & ((column + row) % 2 == 0)
        return jnp.where(on, -np.log(32.0), -jnp.inf)


class Moons(AbstractShape):
    """Two interleaved half circles.

    Args:
        noise: standard deviation before the scaling by 2.
    """

    noise: float = 0.1

    @checked
    def initial(self, key: Key) -> Float[Array, "2"]:
        """One draw."""
        which, where, noise = jax.random.split(key, 3)
        angle = jax.random.uniform(where, maxval=np.pi)
        upper = jnp.stack([jnp.cos(angle), jnp.sin(angle)])
        lower = jnp.array([1.0, 0.5]) - upper
        x = jnp.where(jax.random.bernoulli(which), upper, lower)
        x = x + self.noise * jax.random.normal(noise, (2,))
        return 2.0 * x + jnp.array([-1.0, -0.2])


class TwoSpirals(AbstractShape):
    """Two spiral arms, point images of each other.

    Args:
        noise: standard deviation about the arms.
    """

    noise: float = 0.1

    @checked
    def initial(self, key: Key) -> Float[Array, "2"]:
        """One draw."""
        which, where, width, noise = jax.random.split(key, 4)
        angle = jnp.sqrt(jax.random.uniform(where)) * 3 * np.pi
        shift = 0.5 * jax.random.uniform(width, (2,))
        arm = jnp.stack([-jnp.cos(angle), jnp.sin(angle)]) * angle + shift
        arm = jnp.where(jax.random.bernoulli(which), arm, -arm) / 3
        return arm + self.noise * jax.random.normal(noise, (2,))


class SwissRoll(AbstractShape):
    """One spiral.

    Args:
        noise: standard deviation before the division by 5.
    """

    noise: float = 1.0

    @checked
    def initial(self, key: Key) -> Float[Array, "2"]:
        """One draw."""
        where, noise = jax.random.split(key)
        angle = 1.5 * np.pi * (1 + 2 * jax.random.uniform(where))
        x = angle * jnp.stack([jnp.cos(angle), jnp.sin(angle)])
        return (x + self.noise * jax.random.normal(noise, (2,))) / 5


class Rings(AbstractShape):
    """Four concentric rings of radius 0.75, 1.5, 2.25 and 3.

    Args:
        noise: standard deviation about the rings.
    """

    noise: float = 0.08

    @checked
    def initial(self, key: Key) -> Float[Array, "2"]:
        """One draw."""
        which, where, noise = jax.random.split(key, 3)
        radius = 0.75 * jax.random.randint(which, (), 1, 5)
        angle = jax.random.uniform(where, maxval=2 * np.pi)
        x = radius * jnp.stack([jnp.cos(angle), jnp.sin(angle)])
        return x + self.noise * jax.random.normal(noise, (2,))


class Circles(AbstractShape):
    """Two concentric circles of radius 1.5 and 3.

    Args:
        noise: standard deviation before the scaling by 3.
    """

    noise: float = 0.08

    @checked
    def initial(self, key: Key) -> Float[Array, "2"]:
        """One draw."""
        which, where, noise = jax.random.split(key, 3)
        radius = jnp.where(jax.random.bernoulli(which), 1.0, 0.5)
        angle = jax.random.uniform(where, maxval=2 * np.pi)
        x = radius * jnp.stack([jnp.cos(angle), jnp.sin(angle)])
        return 3.0 * (x + self.noise * jax.random.normal(noise, (2,)))


class Pinwheel(AbstractShape):
    """Five bent arms.

    Args:
        radial, tangential: standard deviations along and across an arm.
        rate: how much the arms bend.
    """

    radial: float = 0.3
    tangential: float = 0.1
    rate: float = 0.25

    @checked
    def initial(self, key: Key) -> Float[Array, "2"]:
        """One draw."""
        which, noise = jax.random.split(key)
        along, across = jax.random.normal(noise, (2,))
        along, across = 1 + self.radial * along, self.tangential * across
        angle = jax.random.randint(which, (), 0, 5) * (2 * np.pi / 5)
        angle = angle + self.rate * jnp.exp(along)
        c, s = jnp.cos(angle), jnp.sin(angle)
        return 2.0 * jnp.stack([along * c + across * s, -along * s + across * c])
