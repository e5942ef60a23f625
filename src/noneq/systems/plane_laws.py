"""Two laws in the plane with a density in closed form: a pair of peaks, and an annulus."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.systems.base import HasStationaryDensity
from noneq.systems.one_state import of_state
from noneq.systems.shapes import AbstractShape


class TwoPeaks(AbstractShape, HasStationaryDensity):
    """Two Gaussians, about (−1, −1) and (1, 1).

    Args:
        width: standard deviation of each.

    Raises:
        InvalidInput: a width that is not positive.

    Source: Zhang and Levin 2025.
    """

    width: float = 0.5

    def __check_init__(self) -> None:
        if not 0 < self.width < np.inf:
            raise InvalidInput(f"TwoPeaks: width = {self.width}; expected a positive number.")

    @checked
    def initial(self, key: Key) -> Float[Array, "2"]:
        """One draw."""
        which, where = jax.random.split(key)
        centre = jax.random.rademacher(which, (), float)
        return centre + self.width * jax.random.normal(where, (2,))

    @of_state
    def log_density(self, x: Float[Array, "2"]) -> Scalar:
        """Log of the mean of two normal densities."""
        square = lambda centre: jnp.sum((x - centre) ** 2) / (2 * self.width**2)
        constant = np.log(4 * np.pi * self.width**2)
        return jnp.logaddexp(-square(1.0), -square(-1.0)) - constant


class Annulus(AbstractShape, HasStationaryDensity):
    """Uniform between two circles about the origin.

    Args:
        inner, outer: their radii.

    Raises:
        InvalidInput: radii that do not rise from 0 or more.

    Source: Zhang and Levin 2025, their ring.
    """

    inner: float = 1.0
    outer: float = 2.0

    def __check_init__(self) -> None:
        if not 0 <= self.inner < self.outer < np.inf:
            raise InvalidInput(
                f"Annulus: inner = {self.inner}, outer = {self.outer}; expected 0 ≤ inner < outer."
            )

    @checked
    def initial(self, key: Key) -> Float[Array, "2"]:
        """One draw."""
        along, across = jax.random.split(key)
        angle = jax.random.uniform(along, maxval=2 * np.pi)
        square = jax.random.uniform(across, minval=self.inner**2, maxval=self.outer**2)
        return jnp.sqrt(square) * jnp.stack([jnp.cos(angle), jnp.sin(angle)])

    @of_state
    def log_density(self, x: Float[Array, "2"]) -> Scalar:
        """Minus the log of the area inside, −∞ outside."""
        radius = jnp.linalg.norm(x)
        area = np.pi * (self.outer**2 - self.inner**2)
        return jnp.where((radius >= self.inner) & (radius <= self.outer), -np.log(area), -jnp.inf)
