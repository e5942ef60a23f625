"""Distances between all pairs of states, on any domain, in chunks of fixed shape.

Frames are centred and scaled on the host in float64, so that float32 suffices on the device.
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from noneq.domains import AbstractDomain
from noneq.traced import jit


_BLOCK = 256
"""Sample counts are padded to a multiple of this, so that few shapes are compiled."""


@dataclass(frozen=True)
class Frame:
    """States of one time ready for the device: padded, with the weight of each row.

    Args:
        x: centred states ``(padded, *event_shape)``.
        weight: 1 for a state, 0 for padding.
        n: number of states.
    """

    x: Array
    weight: Array
    n: int


def on_device(x: np.ndarray, y: np.ndarray) -> tuple[Frame, Frame, float]:
    """Both samples about their common centre, and the scale of their spread."""
    centre = (x.mean(axis=0) + y.mean(axis=0)) / 2
    largest = lambda a, b: max(float(np.abs(a).max()), float(np.abs(b).max()))
    scale = largest(x - centre, y - centre)
    if scale <= 1e-14 * largest(x, y):
        # One point: what is left is rounding of the centre.
        return _pad(np.zeros_like(x)), _pad(np.zeros_like(y)), 1.0
    return _pad(x - centre), _pad(y - centre), scale


def squared_distances(x: Frame, y: Frame, domain: AbstractDomain, scale: float) -> np.ndarray:
    """Squared distances in units of ``scale``, shape ``(n, m)``, float64 on the host."""
    matrix = _matrix(x.x, y.x, domain, jnp.asarray(scale, x.x.dtype))
    return np.asarray(matrix, np.float64)[: x.n, : y.n]


def row_moments(
    kernel: Callable[[Array, Array], Array],
    width: np.ndarray,
    x: Frame,
    y: Frame,
    domain: AbstractDomain,
    scale: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Sums over the states of y of kernel(d², width) and of its square, for each state of x.

    Args:
        kernel: a function of module level (compiled once per function).
        width: parameters of the kernel.
        scale: unit of the distance d.
    """
    size = jnp.asarray(scale, x.x.dtype)
    first, second = _rows(kernel, jnp.asarray(width, x.x.dtype), x.x, y.x, y.weight, domain, size)
    return np.asarray(first, np.float64)[: x.n], np.asarray(second, np.float64)[: x.n]


def _pad(x: np.ndarray) -> Frame:
    n = len(x)
    size = -(-n // _BLOCK) * _BLOCK
    padded = np.concatenate([x, np.zeros((size - n, *x.shape[1:]))])
    weight = np.arange(size) < n
    dtype = jnp.result_type(float)
    return Frame(jnp.asarray(padded, dtype), jnp.asarray(weight, dtype), n)


def _to_all(one: Array, y: Array, domain: AbstractDomain, scale: Array) -> Array:
    gap = jax.vmap(domain.difference, in_axes=(None, 0))(one, y) / scale
    return jnp.sum(gap.reshape(len(y), -1) ** 2, axis=1)


@jit
def _matrix(x: Array, y: Array, domain: AbstractDomain, scale: Array) -> Array:
    return jax.lax.map(lambda one: _to_all(one, y, domain, scale), x, batch_size=16)


@jit
def _rows(
    kernel: Callable[[Array, Array], Array],
    width: Array,
    x: Array,
    y: Array,
    weight: Array,
    domain: AbstractDomain,
    scale: Array,
) -> tuple[Array, Array]:
    def row(one: Array) -> tuple[Array, Array]:
        k = kernel(_to_all(one, y, domain, scale), width) * weight
        return jnp.sum(k), jnp.sum(k * k)

    return jax.lax.map(row, x, batch_size=16)
