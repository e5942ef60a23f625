"""Tables: rows of time, trajectory label, condition and coordinates, in csv and parquet."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from noneq.data.layouts import Layout, Raw
from noneq.data.snapshots import Snapshots
from noneq.data.trajectories import Trajectories
from noneq.errors import InvalidInput


_MOST_CATEGORIES = 32
_CONDITION = "condition:"
_TIME_NAMES = ("time", "t")
_TRAJECTORY_NAMES = ("trajectory",)
_LARGEST_GRID = 10_000_000
_LARGEST_RATIO = 50


def table(data: Snapshots | Trajectories) -> dict[str, np.ndarray]:
    """Columns by name: ``time``, ``trajectory``, ``condition:0`` …, then the coordinates.

    Raises:
        InvalidInput: states that are no vectors, or coordinate names that would clash.
    """
    if len(data.event_shape) != 1:
        raise InvalidInput(
            f"states of shape {data.event_shape} do not fit a table; write npz, nc or zarr."
        )
    reserved = {*_TIME_NAMES, *_TRAJECTORY_NAMES}
    doubles = _doubles(data.names)
    clash = [
        name
        for name in data.names
        if name.strip().lower() in reserved
        or name.startswith(_CONDITION)
        or name != name.strip()
        or not name.isprintable()
        or not name
        or name in doubles
    ]
    if clash:
        raise InvalidInput(
            f"coordinate name {clash[0]!r} does not fit a table (empty, double, reserved, "
            "with odd blanks); rename it or write npz, nc or zarr."
        )
    flat = data.snapshots()
    columns = {"time": flat.sample_times}
    if isinstance(data, Trajectories):
        columns["trajectory"] = np.nonzero(data.observed)[0]
    if flat.condition is not None:
        columns |= {f"{_CONDITION}{i}": column for i, column in enumerate(flat.condition.T)}
    return columns | dict(zip(data.names, flat.values.T, strict=True))


def from_table(
    header: Sequence[str],
    numbers: Callable[[str], np.ndarray],
    texts: Callable[[str], np.ndarray],
    record: dict[str, Any],
    layout: Layout,
) -> Raw:
    """Sort named columns into time, trajectory, condition and coordinates.

    Args:
        header: names of all columns.
        numbers, texts: a column by name, as float64 or as labels.
        record: labels, as in `Raw`.
        layout: which column is what; defaults are ``time`` or ``t``, ``trajectory`` and
            names that start with ``condition:``.
    """
    if doubles := _doubles(header):
        raise InvalidInput(f"column {min(doubles)!r} appears twice; rename one.")
    for name in filter(None, (layout.time, layout.trajectory, *layout.condition)):
        if name not in header:
            raise InvalidInput(f"there is no column {name!r}; the columns are {', '.join(header)}.")
    time = layout.time or _first(header, _TIME_NAMES)
    trajectory = trajectory_name(header, layout)
    condition = layout.condition or tuple(n for n in header if n.startswith(_CONDITION))
    taken = {time, trajectory, *condition}
    coordinates = [n for n in header if n not in taken]
    coordinates = coordinates[: layout.components]
    if not coordinates:
        raise InvalidInput(f"no column is left for coordinates among {', '.join(header)}.")
    values = np.stack([numbers(name) for name in coordinates], axis=1)
    given = np.stack([numbers(name) for name in condition], axis=1) if condition else None
    if "dtype" in record:
        values = values.astype(record["dtype"])
    if given is not None and "condition_dtype" in record:
        given = given.astype(record["condition_dtype"])
    elif given is not None and _are_categories(given):
        given = given.astype(np.int64)
    return assemble(
        values,
        numbers(time).astype(np.float64) if time else None,
        texts(trajectory) if trajectory else None,
        given,
        {"names": coordinates} | record,
        layout,
    )


def _are_categories(given: np.ndarray) -> bool:
    """Whether a text file's conditions are labels: whole numbers, few different ones a column."""
    whole = bool(np.isfinite(given).all() and (given == np.round(given)).all())
    return whole and max(np.unique(column).size for column in given.T) <= _MOST_CATEGORIES


def trajectory_name(header: Sequence[str], layout: Layout) -> str | None:
    """Name of the column of trajectory labels, if there is one."""
    return layout.trajectory or _first(header, _TRAJECTORY_NAMES)


def assemble(
    values: np.ndarray,
    time: np.ndarray | None,
    trajectory: np.ndarray | None,
    condition: np.ndarray | None,
    record: dict[str, Any],
    layout: Layout,
) -> Raw:
    """Rows as trajectories (with labels), snapshots (with times) or one snapshot.

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
    times, column = np.unique(time, return_inverse=True)
    if trajectory is None or layout.kind == "snapshots":
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
            f"{times[j]:g}; keep one."
        )
    grid = np.zeros((*shape, *values.shape[1:]), values.dtype)
    grid[row, column] = values
    mask = None if filled.all() else filled.astype(bool)
    return Raw(grid, times, None, mask, _constant(condition, row, np.sort(first)), record)


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


def _doubles(names: Sequence[str]) -> set[str]:
    return {name for name, count in Counter(names).items() if count > 1}


def _first(header: Sequence[str], names: Sequence[str]) -> str | None:
    return next((h for h in header if h.strip().lower() in names), None)
