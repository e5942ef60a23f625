"""From rows with times and labels to trajectories, snapshots or one snapshot."""

from typing import Any

import numpy as np

from noneq.data.layouts import Raw
from noneq.data.readings.options import Reading
from noneq.errors import InvalidInput


_LARGEST_GRID = 10_000_000
_LARGEST_RATIO = 50
_FEWEST = 3
"""Rows that make one trajectory when each has a time of its own."""
_ROUNDING = 1e-9
"""Times that differ by less than this share of the largest may be one time."""
_BELOW, _DIGITS = 1e-6, 16 * 2.0**-52
"""They are one if they differ by less than this share of the usual step, or in the last digit."""


def assemble(
    values: np.ndarray,
    time: np.ndarray | None,
    trajectory: np.ndarray | None,
    condition: np.ndarray | None,
    record: dict[str, Any],
    reading: Reading,
) -> Raw:
    """Rows as trajectories (with labels, or one row at each time), snapshots, or one snapshot.

    Raises:
        InvalidInput: labels without times, rows without a time, doubled observations, or
            times so uneven that the common time axis would not fit into memory.
    """
    if time is None:
        if trajectory is not None:
            raise InvalidInput(
                "there is a trajectory column but no time column; name it (--time-column)."
            )
        return Raw(values, np.zeros(1), np.zeros(len(values), np.int32), None, condition, record)
    lost = ~np.isfinite(time)
    if lost.any():
        raise InvalidInput(
            f"{lost.sum()} rows have no finite time, first row {np.argmax(lost) + 1}; remove them."
        )
    times, column = np.unique(time, return_inverse=True) if "sha256" in record else distinct(time)
    alone = times.size == len(values) >= _FEWEST and "sha256" not in record
    if trajectory is None and alone and reading.kind is None and _one(condition):
        if (np.diff(column) < 0).any():
            raise InvalidInput(
                "every row has a time of its own, and the times are out of order: one path, or "
                "unpaired samples? Say --kind trajectories or --kind snapshots."
            )
        trajectory = np.zeros(len(values))
    if trajectory is None or reading.kind == "snapshots":
        return Raw(values, times, column.astype(np.int32), None, condition, record)
    _, first, label = np.unique(trajectory, return_index=True, return_inverse=True)
    # Trajectories keep the order in which the file names them.
    row = np.argsort(np.argsort(first))[label]
    shape = (first.size, times.size)
    _refuse_sparse(shape, len(values), values[0].size)
    filled = np.bincount(row * times.size + column, minlength=shape[0] * shape[1]).reshape(shape)
    if (filled > 1).any():
        i, j = np.argwhere(filled > 1)[0]
        raise InvalidInput(
            f"trajectory {trajectory[np.sort(first)[i]]} has {filled[i, j]} rows at time "
            f"{times[j]:g}; keep one, or read with --kind snapshots."
        )
    grid = np.zeros((*shape, *values.shape[1:]), values.dtype)
    grid[row, column] = values
    mask = None if filled.all() else filled.astype(bool)
    return Raw(grid, times, None, mask, _constant(condition, row, np.sort(first)), record)


def _one(condition: np.ndarray | None) -> bool:
    """Whether all rows could belong to one path: a path has one condition."""
    return condition is None or bool((condition == condition[:1]).all())


def distinct(time: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct times and the place of each row's; times equal to rounding are one."""
    every, place = np.unique(time, return_inverse=True)
    gaps, largest = np.diff(every), np.abs(every).max(initial=0.0)
    wide = gaps[gaps > _ROUNDING * largest]
    # Times far from zero may lie closer than that and differ: only gaps far below the usual are none.
    usual = _BELOW * np.median(wide) if wide.size else 0.0
    apart = gaps > np.maximum(_DIGITS * largest, np.minimum(_ROUNDING * largest, usual))
    group = np.concatenate([[0], np.cumsum(apart)])
    return every[np.concatenate([[True], apart])], group[place]


def _constant(
    condition: np.ndarray | None, row: np.ndarray, first: np.ndarray
) -> np.ndarray | None:
    if condition is None:
        return None
    kept = condition[first]
    if not np.array_equal(kept[row], condition, equal_nan=True):
        raise InvalidInput(
            "a condition changes along a trajectory; conditions hold for a whole trajectory, so "
            "make it a coordinate or read with kind='snapshots'."
        )
    return kept


def _refuse_sparse(shape: tuple[int, int], rows: int, size: int) -> None:
    entries = shape[0] * shape[1]
    if entries * size > _LARGEST_GRID and entries > _LARGEST_RATIO * rows:
        raise InvalidInput(
            f"{shape[0]} trajectories share {shape[1]} different times, so {rows} rows would fill "
            f"a grid of {entries} states; round the times to a common step, or read with "
            "kind='snapshots' (command line: --kind snapshots)."
        )
