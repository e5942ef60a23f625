"""Tables, some rows at a time: one pass for the times and the paths, another one for the states."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from noneq.data.checks import as_floats
from noneq.data.conditions import coded
from noneq.data.formats.assembly import distinct
from noneq.data.layouts import Raw
from noneq.errors import DataFileError, InvalidInput
from noneq.plain_text import cell


Block = dict[str, np.ndarray]


@dataclass(frozen=True)
class Table:
    """Columns by their roles, read in blocks of rows.

    Attributes:
        blocks: starts to read from the first row; gives rows of all columns by name.
        record: that of a file of this library, else labels.
        coordinates, condition: names of columns.
        time, trajectory: names of columns, or None.
    """

    blocks: Callable[[], Iterator[Block]]
    record: dict[str, Any]
    coordinates: tuple[str, ...]
    condition: tuple[str, ...] = ()
    time: str | None = None
    trajectory: str | None = None


@dataclass
class Survey:
    """What a first pass finds.

    Attributes:
        rows: of the table.
        times: distinct ones.
        labels: of the paths, in the order of the file.
        is_sorted: whether the rows of a path stand together, in the order of time.
    """

    rows: int = 0
    times: np.ndarray = field(default_factory=lambda: np.zeros(0))
    labels: dict[float, None] = field(default_factory=dict)
    is_sorted: bool = True

    @property
    def paths(self) -> int:
        """How many there are."""
        return len(self.labels)


def surveyed(table: Table) -> Survey:
    """One pass over times and labels.

    Raises:
        InvalidInput: a time that is missing.
        DataFileError: the file is damaged.
    """
    found, last = Survey(), (np.nan, -np.inf)
    for block in table.blocks():
        count = len(block[table.coordinates[0]])
        time = np.zeros(count) if table.time is None else block[table.time].astype(np.float64)
        if not np.isfinite(time).all():
            row = found.rows + int(np.argmin(np.isfinite(time))) + 1
            raise InvalidInput(f"row {row} has no finite time; remove it.")
        found.times = np.union1d(found.times, time)
        found.rows += count
        if table.trajectory is None:
            continue
        label = block[table.trajectory].astype(np.float64)
        new = np.concatenate([[label[0] != last[0]], label[1:] != label[:-1]])
        later = np.concatenate([[time[0] > last[1]], time[1:] > time[:-1]])
        again = [one for one in label[new].tolist() if one in found.labels]
        found.is_sorted &= bool((new | later).all()) and not again
        found.labels |= dict.fromkeys(label[new].tolist())
        last = (label[-1], time[-1])
    if "sha256" not in table.record and found.rows:
        found.times = distinct(found.times)[0]
    return found


def parts(table: Table, found: Survey) -> Iterator[Raw]:
    """The rows as ensembles, in their order; a path is in one of them.

    Raises:
        InvalidInput: missing entries, or a condition that changes along a path.
        DataFileError: the file is damaged, or changed since the first pass.
    """
    rows = 0
    for block in _whole_paths(table):
        values = np.stack([block[name] for name in table.coordinates], axis=1)
        values = values.astype(table.record.get("dtype", np.float64))
        if not np.isfinite(values).all():
            row = rows + int(np.argmin(np.isfinite(values).all(axis=1))) + 1
            raise InvalidInput(f"row {row} has a missing entry; read the file with --drop-missing.")
        time = np.zeros(len(values)) if table.time is None else block[table.time]
        index = np.searchsorted(found.times, time.astype(np.float64), side="right") - 1
        if (index < 0).any():
            raise DataFileError("it changed while it was read; read it again when it is written.")
        rows += len(values)
        given = _condition(table, block)
        values = as_floats(values, "values")
        if table.trajectory is None:
            yield Raw(values, found.times, index.astype(np.int32), None, given, table.record)
        else:
            label = block[table.trajectory]
            yield _grid(values, index, label, given, found.times, table.record)
    if rows != found.rows:
        raise DataFileError("it changed while it was read; read it again when it is written.")


def _whole_paths(table: Table) -> Iterator[Block]:
    """Blocks that end where a path ends."""
    if table.trajectory is None:
        yield from table.blocks()
        return
    held: Block = {}
    for block in table.blocks():
        joined = (
            {name: np.concatenate([held[name], block[name]]) for name in block} if held else block
        )
        label = joined[table.trajectory]
        last = int(np.argmax(label == label[-1]))
        if last:
            yield {name: column[:last] for name, column in joined.items()}
        held = {name: column[last:].copy() for name, column in joined.items()}
    if held:
        yield held


def _grid(
    values: np.ndarray,
    index: np.ndarray,
    label: np.ndarray,
    given: np.ndarray | None,
    times: np.ndarray,
    record: dict[str, Any],
) -> Raw:
    """Rows of whole paths as trajectories on the common times, NaN where there is none."""
    new = np.concatenate([[True], label[1:] != label[:-1]])
    row, first = np.cumsum(new) - 1, np.flatnonzero(new)
    grid = np.full((len(first), times.size, values.shape[1]), np.nan, values.dtype)
    grid[row, index] = values
    if given is not None:
        if not np.array_equal(given[first][row], given):
            raise InvalidInput(
                "a condition changes along a trajectory; make it a coordinate, or read with --kind "
                "snapshots."
            )
        given = given[first]
    return Raw(grid, times, None, None, given, record)


def _condition(table: Table, block: Block) -> np.ndarray | None:
    if not table.condition:
        return None
    known = tuple(tuple(map(cell, own)) for own in table.record.get("categories", ()))
    given = coded([block[name] for name in table.condition], known)[0]
    return given.astype(table.record.get("condition_dtype", float))
