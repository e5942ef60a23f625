"""Windows of successive frames as an even and an odd part under time reversal, block by block."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from noneq.data.ensembles import Trajectories
from noneq.domains import periods_of
from noneq.errors import InvalidInput


_NUMBERS = 2**22
"""Numbers of a block, so that data of any size pass through a small memory."""
_LEAST_SEGMENTS = 32


class Block(NamedTuple):
    """Windows of some segments; windows with a missing frame have weight 0.

    Attributes:
        even: parts that reversal keeps, (x_i + x_{n−1−i})/2 from the origin, ``(c, L, even)``.
        odd: parts whose sign it changes, (x_{n−1−i} − x_i), ``(c, L, odd)``.
        weight: 1 or 0, ``(c, L)``.
    """

    even: Float[np.ndarray, "c L even"]
    odd: Float[np.ndarray, "c L odd"]
    weight: Float[np.ndarray, "c L"]


@dataclass(frozen=True)
class Windows:
    """All windows of ``count`` frames, each ``lag`` frames from the next, in segments of time.

    A segment is a whole path, or of few paths a piece of one, so that there are at least 32.
    Values are read where they lie, never copied as a whole.

    Args:
        trajectories: ``(n, T, *event_shape)``.
        count: frames of a window, at least 2.
        lag: frames between two frames of a window.
        origin: ``(dim,)`` taken off the even parts.
        scale: ``(dim,)`` unit of all parts: the spread of a coordinate, 1 for periodic ones.
        length: windows of a segment.
        path, begin: of every segment, the number of its path and its first frame.
    """

    trajectories: Trajectories
    count: int
    lag: int
    origin: Float[np.ndarray, " dim"]
    scale: Float[np.ndarray, " dim"]
    length: int
    path: Int[np.ndarray, " segments"]
    begin: Int[np.ndarray, " segments"]

    @property
    def span(self) -> int:
        """Frames from the first to the last one of a window."""
        return self.lag * (self.count - 1)

    @property
    def periods(self) -> Float[np.ndarray, " dim"]:
        """Periods of the coordinates, 0 where there is none."""
        domain, shape = self.trajectories.domain, self.trajectories.event_shape
        return np.asarray(periods_of(domain, shape), np.float64).reshape(-1)

    @property
    def periodic(self) -> Float[np.ndarray, " even"]:
        """Periods of the even parts."""
        return np.tile(self.periods, (self.count + 1) // 2)

    @property
    def chunk(self) -> int:
        """Segments of a block."""
        row = self.origin.size * self.count
        return max(1, min(len(self.path), _NUMBERS // ((self.length + self.span) * row)))

    def blocks(self, which: Int[np.ndarray, " m"]) -> Iterator[tuple[np.ndarray, Block]]:
        """The segments ``which``, `chunk` at a time, the last block filled up with weight 0."""
        size = self.chunk
        for first in range(0, len(which), size):
            part = which[first : first + size]
            block = self._block(np.resize(part, size))
            block.weight[len(part) :] = 0
            yield part, block

    def draw(
        self, which: Int[np.ndarray, " m"], count: int, rng: np.random.Generator
    ) -> Iterator[Block]:
        """``count`` random windows of the segments ``which``, as blocks of one segment each."""
        found, missing = [], count
        while missing > 0:
            segment = which[rng.integers(len(which), size=missing)]
            frame = self.begin[segment] + rng.integers(self.length, size=missing)
            inside = frame + self.span < self.trajectories.times.size
            path, frame = self.path[segment][inside], frame[inside]
            if self.trajectories.mask is not None:
                frames = frame[:, None] + self.lag * np.arange(self.count)
                seen = self.trajectories.mask[path[:, None], frames].all(1)
                path, frame = path[seen], frame[seen]
            found.append((path, frame))
            missing -= len(path)
        path, frame = (np.concatenate(parts) for parts in zip(*found, strict=True))
        rows = max(1, _NUMBERS // (self.count * self.origin.size))
        for first in range(0, count, rows):
            p, f = path[first : first + rows], frame[first : first + rows]
            states = [self.trajectories.values[p, f + i * self.lag] for i in range(self.count)]
            flat = [state.reshape(len(p), self.origin.size) for state in states]
            even, odd = self._split(flat)
            yield Block(even[None], odd[None], np.ones((1, len(p)), np.float32))

    def durations(self) -> Float[np.ndarray, " segments"]:
        """Time of all complete windows of every segment."""
        times = self.trajectories.times.astype(np.float64)
        step, found = times[self.span :] - times[: -self.span], []
        for first in range(0, len(self.path), self.chunk):
            part = slice(first, first + self.chunk)
            frames = self.begin[part, None] + np.arange(self.length)
            complete = self._complete(self.path[part], self.begin[part])
            found.append((step[np.minimum(frames, step.size - 1)] * complete).sum(1))
        return np.concatenate(found)

    def _complete(self, path: np.ndarray, begin: np.ndarray) -> Bool[np.ndarray, "c L"]:
        """Which windows lie in the data and have all frames."""
        first = begin[:, None] + np.arange(self.length)
        last = self.trajectories.times.size - 1
        complete = first + self.span <= last
        mask = self.trajectories.mask
        if mask is not None:
            for i in range(self.count):
                complete &= mask[path[:, None], np.minimum(first + i * self.lag, last)]
        return complete

    def _block(self, which: np.ndarray) -> Block:
        values, last = self.trajectories.values, self.trajectories.times.size
        path, begin = self.path[which], self.begin[which]
        states = np.empty((len(which), self.length + self.span, self.origin.size), values.dtype)
        for row, p, b in zip(states, path, begin, strict=True):
            seen = values[p, b : min(b + len(row), last)].reshape(-1, self.origin.size)
            row[: len(seen)], row[len(seen) :] = seen, seen[-1]
        frames = [states[:, i * self.lag : i * self.lag + self.length] for i in range(self.count)]
        weight = self._complete(path, begin).astype(np.float32)
        return Block(*self._split(frames), weight)

    def _split(self, frames: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Even and odd parts of windows given frame by frame."""
        periods = self.periods
        if periods.any():
            # Each frame on the branch nearest to the one before.
            cell = np.where(periods > 0, periods, 1.0)
            open_ = [np.asarray(frames[0], np.float64)]
            for now in frames[1:]:
                move = now - open_[-1]
                open_.append(open_[-1] + move - (periods > 0) * cell * np.round(move / cell))
            frames = open_
        last, half = self.count - 1, self.count // 2
        odd = [frames[last - i] - frames[i] for i in range(half)]
        even = [frames[i] - self.origin + odd[i] / 2 for i in range(half)]
        even += [frames[half] - self.origin] * (self.count % 2)
        join = lambda parts: np.concatenate([x / self.scale for x in parts], -1, dtype=np.float32)
        return join(even), join(odd)


def windows(trajectories: Trajectories, count: int, lag: int, what: str) -> Windows:
    """All windows of the trajectories.

    Raises:
        InvalidInput: fewer than two frames a window, a lag below 1, or too few frames.
    """
    if count < 2 or lag < 1:
        raise InvalidInput(
            f"{what}: window = {count} frames, lag = {lag}; expected at least 2 and 1."
        )
    n, frames = trajectories.values.shape[:2]
    room = frames - lag * (count - 1)
    if room < 1 or n * room < 2 * _LEAST_SEGMENTS:
        raise InvalidInput(
            f"{what}: {n} path(s) of {frames} times hold {max(n * room, 0)} windows of {count} frames "
            f"{lag} apart; expected at least {2 * _LEAST_SEGMENTS}. Record for longer, or take a "
            "smaller window or lag."
        )
    pieces = min(math.ceil(_LEAST_SEGMENTS / n), room)
    length = math.ceil(room / pieces)
    starts = np.arange(0, room, length)
    every = (slice(None, None, max(1, n // 256)), slice(None, None, max(1, frames // 256)))
    some = np.asarray(trajectories.values[every], np.float64)[trajectories.observed[every]]
    some = some.reshape(len(some), -1)
    spread = some.std(0)
    periods = periods_of(trajectories.domain, trajectories.event_shape).reshape(-1)
    scale = np.where((periods > 0) | (spread == 0), 1.0, spread).astype(np.float32)
    return Windows(
        trajectories,
        count,
        lag,
        some.mean(0),
        scale,
        length,
        np.repeat(np.arange(n), len(starts)),
        np.tile(starts, n),
    )
