"""Functions of the state that are known on a grid."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Scalar, ScalarLike
from noneq.inference.rare.committor.grid_chain import GridChain
from noneq.inference.rare.sets import StateSet


class GridFunction(eqx.Module):
    """A function of the state known at the centres of cells, between which it is linear.

    Attributes:
        axes: the centres along each coordinate.
        values: at the centres; with more axes behind if it has several parts.
        periodic: whether each coordinate is.
    """

    axes: tuple[Array, ...]
    values: Array
    periodic: tuple[bool, ...] = eqx.field(static=True)

    def __call__(self, x: Float[Array, " dim"]) -> Array:
        """The value at one state; outside that at the nearest border."""
        return _of_grid(self.axes, self.values, self.periodic, x)


class GridCommittor(eqx.Module):
    """q(x) = P(target before start | x), on a grid.

    Attributes:
        function: q between the centres of cells.
        start, target: the sets, where q is 0 and 1.
        chain: the generator that it solves.
    """

    function: GridFunction
    start: StateSet
    target: StateSet
    chain: GridChain = eqx.field(static=True)

    def __call__(self, x: Float[Array, " dim"]) -> Scalar:
        """q at one state."""
        q = jnp.where(self.target.contains(x), 1.0, self.function(x))
        return jnp.where(self.start.contains(x), 0.0, q)

    @property
    def axes(self) -> tuple[np.ndarray, ...]:
        """Centres of the cells along each coordinate."""
        return self.chain.axes

    @property
    def values(self) -> np.ndarray:
        """q at the centres, one axis a coordinate."""
        return np.asarray(self.function.values)


class HittingProbability(eqx.Module):
    """h(t, x) = P(target before ``horizon`` and before ``avoid`` | X_t = x), on a grid.

    Attributes:
        function: h at all kept times, the last axis.
        horizon: the last time.
        target, avoid: the sets, where h is 1 and 0; no set to avoid is None.
    """

    function: GridFunction
    times: Array
    target: StateSet
    avoid: StateSet | None
    horizon: float = eqx.field(static=True)

    def __call__(self, t: ScalarLike, x: Float[Array, " dim"]) -> Scalar:
        """h at one time and state."""
        every = self.function(x)
        h = jnp.interp(jnp.asarray(t, every.dtype), self.times, every)
        h = jnp.where(self.target.contains(x), 1.0, h)
        return h if self.avoid is None else jnp.where(self.avoid.contains(x), 0.0, h)


def on_grid(chain: GridChain, values: np.ndarray, periodic: tuple[bool, ...]) -> GridFunction:
    """Values at the nodes as a function of the state."""
    shaped = values.reshape(*chain.shape, *values.shape[1:])
    axes = tuple(jnp.asarray(axis, float) for axis in chain.axes)
    return GridFunction(axes, jnp.asarray(shaped, float), periodic)


def _of_grid(axes: tuple[Array, ...], values: Array, periodic: tuple[bool, ...], x: Any) -> Array:
    """The multilinear interpolation of values on a grid at one state; constant outside."""
    places = []
    for axis, wraps, part in zip(axes, periodic, x, strict=True):
        at = (part - axis[0]) / (axis[1] - axis[0])
        size = axis.shape[0]
        at = jnp.mod(at, size) if wraps else jnp.clip(at, 0.0, size - 1.0)
        low = jnp.minimum(jnp.floor(at).astype(jnp.int32), size - 1 if wraps else size - 2)
        places.append((low, (low + 1) % size, at - low))
    total = jnp.zeros(values.shape[len(axes) :], values.dtype)
    for corner in np.ndindex(*(2,) * len(axes)):
        index = tuple(place[side] for place, side in zip(places, corner, strict=True))
        weight = 1.0
        for (_, _, share), side in zip(places, corner, strict=True):
            weight = weight * (share if side else 1 - share)
        total = total + weight * values[index]
    return total
