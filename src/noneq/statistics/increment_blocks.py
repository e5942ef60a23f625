"""Displacements of paths in pieces that fit into memory, each part of one block of the record."""

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from jaxtyping import Float

from noneq.data.ensembles import Trajectories
from noneq.data.lazy.paths import LazyPaths
from noneq.domains import Free, periods_of
from noneq.errors import InvalidInput
from noneq.statistics.increments import Increments


_ROWS = 2**16

Paths: TypeAlias = Trajectories | LazyPaths
"""In memory, mapped into it, or in a zarr folder."""


def increment_blocks(
    trajectories: Paths, lag: int = 1, blocks: int = 64, rows: int = _ROWS
) -> Iterator[tuple[int, Increments]]:
    """Displacements as `noneq.statistics.increments.increments` finds them, piece by piece.

    The record is cut into blocks whose sums are nearly independent: groups of whole paths if there
    are more paths than blocks, else stretches of each path. Nothing is held but one piece, so that
    the values may lie in a file (`numpy.memmap`).

    Args:
        trajectories: ``(n, T, *event_shape)``.
        lag: frames from start to end.
        blocks: about how many; a few paths are cut into the same number of stretches each.
        rows: most displacements in one piece.

    Yields:
        The number of the block, counted from 0, and displacements of it.

    Raises:
        InvalidInput: a lag below 1, or no two observed frames so far apart.
    """
    n, frames = trajectories.n, trajectories.times.size
    starts = frames - lag
    if lag < 1 or starts < 1:
        raise InvalidInput(
            f"The lag is {lag} frames and each path has {frames}; expected at least 1 and at most "
            f"{frames - 1}: give longer paths."
        )
    groups = min(n, blocks)
    cuts = min(-(-blocks // n), starts)
    edges = np.linspace(0, starts, cuts + 1).astype(int)
    found = False
    for group, paths in enumerate(np.array_split(np.arange(n), groups)):
        for cut, (low, high) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
            for piece in _pieces(trajectories, lag, paths, int(low), int(high), rows):
                found = True
                yield group * cuts + cut, piece
    if not found:
        raise InvalidInput(
            f"No path has two observed frames {lag} apart; give longer paths or fewer gaps."
        )


def block_count(trajectories: Paths, lag: int = 1, blocks: int = 64) -> int:
    """How many blocks `increment_blocks` makes."""
    n, frames = trajectories.n, trajectories.times.size
    return min(n, blocks) * max(1, min(-(-blocks // n), frames - lag))


def _pieces(
    trajectories: Paths, lag: int, paths: np.ndarray, low: int, high: int, rows: int
) -> Iterator[Increments]:
    """Starts low … high − 1 of some paths, at most ``rows`` at once."""
    many = max(1, rows // (high - low))
    for at in range(0, len(paths), many):
        here = slice(int(paths[at]), int(paths[min(at + many, len(paths)) - 1]) + 1)
        for first in range(low, high, rows):
            last = min(first + rows, high)
            piece = _piece(trajectories, lag, here, first, last)
            if len(piece.dt):
                yield piece


def _piece(trajectories: Paths, lag: int, paths: slice, first: int, last: int) -> Increments:
    values, seen = _read(trajectories, paths, slice(first, last + lag))
    count, frames = values.shape[0], last - first
    values = values.reshape(count, frames + lag, -1)
    start = values[:, :frames].reshape(count * frames, -1)
    move = (values[:, lag:] - values[:, :frames]).reshape(count * frames, -1)
    times = trajectories.times.astype(np.float64)
    time = np.tile(times[first:last], count)
    dt = np.tile(times[first + lag : last + lag] - times[first:last], count)
    path = np.repeat(np.arange(paths.start, paths.stop), frames)
    if not isinstance(trajectories.domain, Free):
        _shorten(move, periods_of(trajectories.domain, trajectories.event_shape).ravel())
    if seen is not None:
        both = (seen[:, :frames] & seen[:, lag:]).ravel()
        start, move, time, dt, path = start[both], move[both], time[both], dt[both], path[both]
    return Increments(start, move, time, dt, path)


def _read(trajectories: Paths, paths: slice, frames: slice) -> tuple[np.ndarray, np.ndarray | None]:
    """States in float64, and which of them are observed; None if all are."""
    if isinstance(trajectories, LazyPaths):
        values, seen = trajectories.piece(paths, frames)
    else:
        values, mask = trajectories.values[paths, frames], trajectories.mask
        seen = None if mask is None else mask[paths, frames]
    return np.asarray(values, np.float64), seen


def _shorten(move: Float[np.ndarray, "N dim"], periods: Float[np.ndarray, " dim"]) -> None:
    """The shortest way around every periodic coordinate, in place."""
    for i in np.flatnonzero(periods):
        move[:, i] -= periods[i] * np.round(move[:, i] / periods[i])
