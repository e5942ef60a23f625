"""Which entries of skew tensors are free, and how the others follow from them."""

import itertools
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


@dataclass(frozen=True, eq=False)
class Pattern:
    """Tensors that are linear in a few free numbers c, with ‖tensor‖ = |c|.

    **Equation**: tensor = weight c[index].

    Attributes:
        index: which number stands at an entry.
        weight: its factor, 0 where the entry vanishes.
        count: how many numbers there are; 0 if everything vanishes.
    """

    index: np.ndarray
    weight: np.ndarray
    count: int

    def place(self, free: Float[Array, " count"]) -> Array:
        """The tensor of these numbers."""
        if self.count == 0:
            return jnp.zeros(self.weight.shape)
        return jnp.asarray(self.weight, free.dtype) * free[self.index]


def matrix_pattern(dim: int) -> Pattern:
    """Skew matrices: one number for each pair of coordinates."""
    rows, columns = np.triu_indices(dim, 1)
    index, weight = np.zeros((dim, dim), int), np.zeros((dim, dim))
    index[rows, columns] = index[columns, rows] = np.arange(len(rows))
    weight[rows, columns], weight[columns, rows] = np.sqrt(0.5), -np.sqrt(0.5)
    return Pattern(index, weight, len(rows))


def kernel_pattern(channels: int, sizes: tuple[int, ...], isotropic: bool) -> Pattern:
    """One number for each orbit of entries under exchange with sign −1 (and the grid's group)."""
    shape = (channels, channels, *sizes)
    places = np.arange(np.prod(shape)).reshape(shape)
    moved = [places]
    if isotropic:
        axes = range(2, len(shape))
        moved = [
            np.flip(places.transpose(0, 1, *order), flips)
            for order in itertools.permutations(axes)
            for count in range(len(sizes) + 1)
            for flips in itertools.combinations(axes, count)
        ]
    exchange = lambda p: np.flip(p.swapaxes(0, 1), tuple(range(2, p.ndim)))
    images = np.stack([p.ravel() for p in moved] + [exchange(p).ravel() for p in moved])
    signs = np.repeat([1.0, -1.0], len(moved))
    index, weight, count = np.zeros(places.size, int), np.zeros(places.size), 0
    done = np.zeros(places.size, bool)
    for place in range(places.size):
        if done[place]:
            continue
        orbit = np.zeros(places.size)
        np.add.at(orbit, images[:, place], signs)
        done[images[:, place]] = True
        norm = np.linalg.norm(orbit)
        if norm > 0:
            at = np.flatnonzero(orbit)
            index[at], weight[at] = count, orbit[at] / norm
            count += 1
    return Pattern(index.reshape(shape), weight.reshape(shape), count)
