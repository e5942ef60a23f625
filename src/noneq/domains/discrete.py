"""States on finitely many levels: spins, pixels, letters."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from noneq.domains.base import AbstractDomain
from noneq.errors import InvalidInput


class Discrete(AbstractDomain):
    """Every coordinate takes one of a few values.

    Densities on it are probabilities (densities against the counting measure).

    Args:
        levels: the values in rising order, or their number for 0, 1, …, levels − 1.

    Raises:
        InvalidInput: fewer than two levels, or values that do not rise or are not finite.
    """

    levels: int | tuple[float, ...] = 2

    def __check_init__(self) -> None:
        values = self.values
        if values.size < 2 or not np.isfinite(values).all() or (np.diff(values) <= 0).any():
            raise InvalidInput(
                f"Discrete: levels = {self.levels}; expected at least two, finite and rising."
            )

    @property
    def values(self) -> np.ndarray:
        """The levels, in rising order."""
        if isinstance(self.levels, int):
            return np.arange(max(self.levels, 0), dtype=float)
        return np.asarray(self.levels, float)

    def index(self, x: Float[Array, "*any"]) -> Int[Array, "*any"]:
        """Number of the level nearest to each value."""
        values = jnp.asarray(self.values, x.dtype)
        return jnp.searchsorted((values[1:] + values[:-1]) / 2, x)

    def state(self, index: Int[Array, "*any"]) -> Float[Array, "*any"]:
        """Values of the levels of these numbers."""
        return jnp.asarray(self.values, jnp.zeros(()).dtype)[index]

    def project(self, x: Float[Array, "*event"]) -> Float[Array, "*event"]:
        return jnp.asarray(self.values, x.dtype)[self.index(x)]

    def difference(
        self, x: Float[Array, "*event"], y: Float[Array, "*event"]
    ) -> Float[Array, "*event"]:
        return x - y

    def contains(self, x: Float[Array, "*event"]) -> Bool[Array, ""]:
        return jnp.all(jnp.abs(self.project(x) - x) <= 1e-5 * (1 + jnp.abs(x)))

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        return np.asarray(self.values[0]), np.asarray(self.values[-1])
