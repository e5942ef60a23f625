"""Trajectories that stay in their file, read by stretches of paths."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from noneq.data.lazy.chunks import ChunkedArray
from noneq.data.trajectories import Trajectories
from noneq.domains import AbstractDomain


@dataclass(frozen=True)
class Part:
    """The trajectories or samples whose number, drawn by ``seed``, lies in [low, high)."""

    seed: int
    low: float
    high: float

    def keeps(self, first: int, count: int) -> np.ndarray:
        """Which of the ``count`` rows of the chunk that begins at row ``first`` belong to it."""
        drawn = np.random.default_rng([self.seed, first]).random(count)
        return (drawn >= self.low) & (drawn < self.high)


@dataclass(frozen=True)
class LazyPaths:
    """The trajectories of a `LazyEnsemble`: sums over their increments read a piece at a time.

    Attributes:
        times: (T,).
        values: (n, T, *event), NaN where a state is missing.
        condition: (n, k) or None.
        labels: what travels with the data.
        parts: the paths that belong to this part of a split.
    """

    times: np.ndarray
    values: ChunkedArray
    condition: ChunkedArray | None
    labels: dict[str, Any]
    parts: Sequence[Part]

    @property
    def n(self) -> int:
        """Paths of the whole file."""
        return self.values.shape[0]

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one state."""
        return self.values.shape[2:]

    @property
    def domain(self) -> AbstractDomain:
        """Where the states live."""
        return self.labels["domain"]

    def piece(self, paths: slice, frames: slice) -> tuple[np.ndarray, np.ndarray | None]:
        """States ``(paths, frames, *event)``, and which of them are observed; None if all are.

        Raises:
            DataFileError: a chunk is missing or damaged, or the file grew.
        """
        self.values.check_same()
        values = self.values.block(paths, frames)
        seen = ~np.isnan(values).reshape(*values.shape[:2], -1).all(axis=2)
        seen &= self._kept[paths, None]
        return values, None if seen.all() else seen

    def numbers(self) -> np.ndarray:
        """Of the paths of this part."""
        return np.flatnonzero(self._kept)

    def starts(self, most: int) -> np.ndarray:
        """First states ``(n, *event)`` of the paths of this part that have one, ``most`` at most.

        Raises:
            DataFileError: a chunk is missing or damaged.
        """
        found, rows = [], self.values.chunks[0]
        for first in range(0, self.n, rows):
            values, seen = self.piece(slice(first, first + rows), slice(0, 1))
            found.append(values[:, 0] if seen is None else values[seen])
            if sum(map(len, found)) >= most:
                break
        return np.concatenate(found)[:most]

    def take(self, numbers: np.ndarray) -> Trajectories:
        """Some paths in memory, in the order of their numbers.

        Raises:
            DataFileError: a chunk is missing or damaged.
        """
        values = np.empty((len(numbers), *self.values.shape[1:]), self.values.dtype)
        rows = self.values.chunks[0]
        for i in np.unique(numbers // rows):
            here = np.flatnonzero(numbers // rows == i)
            values[here] = self.values[i * rows : (i + 1) * rows][numbers[here] - i * rows]
        seen = ~np.isnan(values).reshape(*values.shape[:2], -1).all(axis=2)
        condition = None if self.condition is None else self.condition[:][numbers]
        mask = None if seen.all() else seen
        return Trajectories(values, self.times, mask=mask, condition=condition, **self.labels)

    @cached_property
    def _kept(self) -> np.ndarray:
        """Which paths belong to all parts."""
        rows, keep = self.values.chunks[0], np.ones(self.n, bool)
        for part in self.parts:
            for first in range(0, self.n, rows):
                here = slice(first, min(first + rows, self.n))
                keep[here] &= part.keeps(first, here.stop - first)
        return keep
