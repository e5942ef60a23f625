"""Where states live: free space, a reflecting box, a torus."""

from abc import abstractmethod

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from noneq.errors import InvalidInput
from noneq.traced import AbstractUntraced


class AbstractDomain(AbstractUntraced):
    """A region of state space. All functions take one state, shape ``(*event_shape)``."""

    @abstractmethod
    def project(self, x: Float[Array, "*event"]) -> Float[Array, "*event"]:
        """Bring a state that left the domain back into it."""

    @abstractmethod
    def difference(
        self, x: Float[Array, "*event"], y: Float[Array, "*event"]
    ) -> Float[Array, "*event"]:
        """Displacement from y to x (the shortest one on a torus)."""

    @abstractmethod
    def contains(self, x: Float[Array, "*event"]) -> Bool[Array, ""]:
        """Whether the whole state lies in the domain."""

    @property
    @abstractmethod
    def bounds(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Lower and upper corner, or None where there is none."""


class Free(AbstractDomain):
    """All of R^n."""

    def project(self, x: Float[Array, "*event"]) -> Float[Array, "*event"]:
        return x

    def difference(
        self, x: Float[Array, "*event"], y: Float[Array, "*event"]
    ) -> Float[Array, "*event"]:
        return x - y

    def contains(self, x: Float[Array, "*event"]) -> Bool[Array, ""]:
        return jnp.all(jnp.isfinite(x))

    @property
    def bounds(self) -> None:
        return None


class Box(AbstractDomain):
    """A box with reflecting walls.

    **Equation**: per coordinate, project(x) = low + L(1 − |1 − u mod 2|), u = (x − low)/L,
    L = high − low: the trajectory folded at the walls.

    Args:
        low, high: corners, a number for all coordinates or one per coordinate.

    Raises:
        InvalidInput: low ≥ high anywhere, or not finite.
    """

    low: float | tuple[float, ...]
    high: float | tuple[float, ...]

    def __check_init__(self) -> None:
        check_corners("Box", self.low, self.high)

    def project(self, x: Float[Array, "*event"]) -> Float[Array, "*event"]:
        low, high = along(self.low, x), along(self.high, x)
        width = high - low
        u = jnp.mod((x - low) / width, 2.0)
        return low + width * (1.0 - jnp.abs(1.0 - u))

    def difference(
        self, x: Float[Array, "*event"], y: Float[Array, "*event"]
    ) -> Float[Array, "*event"]:
        return x - y

    def contains(self, x: Float[Array, "*event"]) -> Bool[Array, ""]:
        low, high = along(self.low, x), along(self.high, x)
        return jnp.all((x >= low) & (x <= high))

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        return np.asarray(self.low, float), np.asarray(self.high, float)


class Torus(AbstractDomain):
    """A periodic box [low, low + period).

    Args:
        period: a number for all coordinates or one per coordinate, > 0.
        low: lower corner.

    Raises:
        InvalidInput: a period that is not positive and finite.
    """

    period: float | tuple[float, ...] = 2 * np.pi
    low: float | tuple[float, ...] = 0.0

    def __check_init__(self) -> None:
        period = np.asarray(self.period, float)
        if not (np.isfinite(period).all() and (period > 0).all()):
            raise InvalidInput(f"Torus: period={self.period}; every period must be finite and > 0.")

    def project(self, x: Float[Array, "*event"]) -> Float[Array, "*event"]:
        low, period = jnp.asarray(self.low, x.dtype), jnp.asarray(self.period, x.dtype)
        inside = low + jnp.mod(x - low, period)
        # Just below the lower corner the remainder rounds to the period itself.
        return jnp.where(inside < low + period, inside, low)

    def difference(
        self, x: Float[Array, "*event"], y: Float[Array, "*event"]
    ) -> Float[Array, "*event"]:
        period = jnp.asarray(self.period, x.dtype)
        return jnp.mod(x - y + period / 2, period) - period / 2

    def contains(self, x: Float[Array, "*event"]) -> Bool[Array, ""]:
        low = jnp.asarray(self.low, x.dtype)
        return jnp.all((x >= low) & (x < low + jnp.asarray(self.period, x.dtype)))

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        low = np.asarray(self.low, float)
        return low, np.asarray(low + np.asarray(self.period, float))


def check_corners(name: str, low: float | tuple, high: float | tuple) -> None:
    """Refuse corners that enclose nothing.

    Raises:
        InvalidInput: naming the domain.
    """
    lowest, highest = np.asarray(low, float), np.asarray(high, float)
    if not (np.isfinite(lowest).all() and np.isfinite(highest).all() and (lowest < highest).all()):
        raise InvalidInput(
            f"{name}: low={low}, high={high}; every low must be finite and below high."
        )


def along(values: float | tuple[float, ...], x: Array) -> Array:
    """One value per leading coordinate, which is the channel of a field."""
    return jnp.reshape(jnp.asarray(values, x.dtype), (-1, *(1,) * (x.ndim - 1)))
