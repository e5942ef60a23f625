"""Tables: rows of time, trajectory label, condition and coordinates, in text and parquet."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from noneq.data.conditions import coded, listed
from noneq.data.formats.assembly import assemble
from noneq.data.layouts import Raw, kind_of
from noneq.data.readings.ambiguity import refuse_open
from noneq.data.readings.labels import are_compact_dates, elapsed, time_unit
from noneq.data.readings.lineages import is_lineage, labelled
from noneq.data.readings.named_states import with_states
from noneq.data.readings.options import Reading
from noneq.data.readings.roles import CONDITION, Column, Roles, assign, unit_of_time
from noneq.data.readings.understanding import Part, Understanding
from noneq.data.snapshots import Snapshots
from noneq.data.trajectories import Trajectories
from noneq.errors import InvalidInput
from noneq.plain_text import cell


_MOST_CATEGORIES = 32
_LARGEST_LABEL = 2.0**53
_RESERVED = ("time", "t", "trajectory")


def table(data: Snapshots | Trajectories, first: int = 0) -> dict[str, np.ndarray]:
    """Columns by name: ``time``, ``trajectory``, ``condition:0`` …, then the coordinates.

    Conditions with names are called ``condition:NAME``; named categories are texts.

    Args:
        data: the states.
        first: number of the first trajectory.

    Raises:
        InvalidInput: states that are no vectors, or names that would clash.
    """
    if len(data.event_shape) != 1:
        raise InvalidInput(
            f"states of shape {data.event_shape} do not fit a table; write npz, nc or zarr."
        )
    doubles = _doubles(data.names)
    clash = [
        name
        for name in data.names
        if name.strip().lower() in _RESERVED
        or name.startswith(CONDITION)
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
        columns["trajectory"] = first + np.nonzero(data.observed)[0]
    if flat.condition is not None:
        columns |= dict(zip(condition_columns(data), _conditions(flat), strict=True))
    return columns | dict(zip(data.names, flat.values.T, strict=True))


def condition_columns(data: Snapshots | Trajectories) -> list[str]:
    """Names of the columns of conditions in a table of our own."""
    width = 0 if data.condition is None else data.condition.shape[1]
    return [f"{CONDITION}{name}" for name in data.condition_names or range(width)]


def _conditions(flat: Snapshots) -> list[np.ndarray]:
    """The columns of the condition, categories by name."""
    named = flat.categories or ((),) * len(np.asarray(flat.condition).T)
    odd = [text for own in named for text in own if text != text.strip() or not text.isprintable()]
    if odd or any(not text for own in named for text in own):
        raise InvalidInput(
            f"category {(odd or [''])[0]!r} does not fit a table (empty, or with odd blanks); rename "
            "it or write npz, nc or zarr."
        )
    return [
        np.asarray([cell(text) for text in own], object)[column.astype(int)] if own else column
        for own, column in zip(named, np.asarray(flat.condition).T, strict=True)
    ]


def from_table(
    columns: Sequence[Column],
    record: dict[str, Any],
    reading: Reading,
    notes: Sequence[str] = (),
) -> Raw:
    """Sort columns into time, trajectory, condition and coordinates.

    Args:
        record: that of an own file, whose columns are known; else empty.
        notes: remarks of the reader.

    Raises:
        InvalidInput: a name twice, or what `noneq.data.readings.roles.assign` refuses.
    """
    if reading.states and not record:
        columns, reading, more = with_states(columns, reading)
        notes = (*notes, *more)
    names = [column.name for column in columns]
    if doubles := _doubles(names):
        raise InvalidInput(f"column {min(doubles)!r} appears twice; rename one.")
    roles = _own_roles(names) if record else assign(columns, reading)
    if not record:
        refuse_open(columns, roles, reading)
    by_name = {column.name: column for column in columns}
    values = _stack(by_name, roles.coordinates[: None if record else reading.components])
    known = tuple(tuple(map(cell, own)) for own in record.get("categories", ()))
    given, categories = None, ()
    if roles.condition:
        cells = [
            labelled(by_name[name].values)
            if is_lineage(name) and not record
            else by_name[name].values
            for name in roles.condition
        ]
        given, categories = coded(cells, known)
    label = by_name[roles.trajectory] if roles.trajectory else None
    if record:
        values = values.astype(record["dtype"])
        given = given if given is None else given.astype(record.get("condition_dtype", float))
        time = by_name[roles.time].values if roles.time else None
        return assemble(values, time, label and label.values, given, record, reading)
    if given is not None and _are_categories(given):
        given = given.astype(np.int64)
    if given is not None:
        _refuse_blank(given, roles.condition, reading)
    clock = _clock(by_name[roles.time]) if roles.time else None
    kept, lost = _labelled(label)
    units = dict(reading.units)
    labels = {
        "names": list(roles.coordinates[: reading.components]),
        "units": [units.get(n, by_name[n].unit) for n in roles.coordinates[: reading.components]],
        "time_unit": units.get("time", units.get(roles.time or "", clock[1] if clock else "")),
        "condition_names": _names_of(roles.condition),
        "categories": categories,
    }
    said = [*notes, *roles.notes, *([clock[2]] if clock and clock[2] else []), *lost]
    raw = assemble(
        values[kept],
        None if clock is None else clock[0][kept],
        None if label is None else label.values[kept],
        None if given is None else given[kept],
        labels,
        reading,
    )
    said = _understood(raw, columns, roles, labels, said, reading)
    return replace(raw, understood=said, settled=("columns", "drop"))


def _names_of(condition: Sequence[str]) -> list[str]:
    """Names of the columns of a condition; our own ``condition:0``, ``condition:1`` … have none."""
    names = [name.removeprefix(CONDITION) for name in condition]
    return [] if list(condition) == [f"{CONDITION}{i}" for i in range(len(names))] else names


def _own_roles(names: Sequence[str]) -> Roles:
    condition = tuple(name for name in names if name.startswith(CONDITION))
    taken = {"time", "trajectory", *condition}
    return Roles(
        "time" if "time" in names else None,
        "trajectory" if "trajectory" in names else None,
        condition,
        tuple(name for name in names if name not in taken),
    )


def _refuse_blank(given: np.ndarray, names: Sequence[str], reading: Reading) -> None:
    """Refuse a row without a condition, unless such rows are to be left out."""
    for name, lost in zip(names, ~np.isfinite(given.T), strict=True):
        if lost.any() and not reading.drop_missing:
            raise InvalidInput(
                f"{lost.sum()} rows have no {name}, the first is row {np.argmax(lost) + 1}; leave "
                "them out with --drop-missing."
            )


def _stack(columns: dict[str, Column], names: Sequence[str]) -> np.ndarray:
    for name in names:
        if columns[name].is_text:
            raise InvalidInput(
                f"column {name!r} holds texts such as {columns[name].values[0]!r}; make it a condition "
                f"(--condition-column {name}) or leave it out (--read drop={name})."
            )
    return np.stack([columns[name].values for name in names], axis=1).astype(np.float64)


def _clock(column: Column) -> tuple[np.ndarray, str, str]:
    """Times as numbers, their unit, and a remark where they were dates."""
    if column.dates or (
        not column.is_text and not column.unit and are_compact_dates(column.values)
    ):
        cells = [str(cell) if column.is_text else f"{cell:.0f}" for cell in column.values.tolist()]
        blank = next((i for i, cell in enumerate(cells) if not cell.strip()), None)
        if blank is not None:
            raise InvalidInput(f"row {blank + 1} has no {column.name}; remove it.")
        times, unit, first = elapsed(cells)
        return times, unit, f"dates as {unit}s since {first}".replace("ss ", "seconds ")
    if column.is_text:
        raise InvalidInput(
            f"column {column.name!r} should be the time and holds {column.values[0]!r}; write numbers "
            "or dates (YYYY-MM-DD), or name another column (--time-column)."
        )
    unit = column.unit or unit_of_time(column.name.lower()) or ""
    if column.name.lower() in ("frame", "frames"):
        unit = unit or "frame"
    return column.values.astype(np.float64), time_unit(unit) or unit, ""


def _labelled(label: Column | None) -> tuple[np.ndarray | slice, list[str]]:
    """Rows with a label, and a remark on those without."""
    if label is None:
        return slice(None), []
    if label.is_text:
        kept = np.array(
            [str(cell).strip().lower() not in ("", "nan", "na", "none") for cell in label.values]
        )
    else:
        kept = np.isfinite(label.values)
    lost = int((~kept).sum())
    if not lost:
        return slice(None), []
    if lost == kept.size:
        raise InvalidInput(
            f"column {label.name!r} is empty; leave it out (--read drop={label.name})."
        )
    return kept, [f"{lost} rows without {label.name} are left out"]


def _understood(
    raw: Raw,
    columns: Sequence[Column],
    roles: Roles,
    labels: dict[str, Any],
    notes: Sequence[str],
    reading: Reading,
) -> Understanding:
    units = dict(zip(labels["names"], labels["units"], strict=True))
    parts = []
    for column in columns:
        name = column.name
        if name == roles.time:
            parts.append(Part(name, "time", labels["time_unit"]))
        elif name == roles.trajectory:
            parts.append(Part(name, "trajectory"))
        elif name in roles.condition:
            own = labels["categories"] or ((),) * len(roles.condition)
            levels = own[roles.condition.index(name)]
            why = f"{len(levels)} categories: {listed(levels)}" if levels else ""
            parts.append(Part(name, "condition", column.unit, why))
        elif name in units:
            parts.append(Part(name, "coordinate", units[name]))
        else:
            why = roles.left_out.get(name, "beyond --components")
            parts.append(Part(name, "left out", column.unit, why))
    order = ("time", "trajectory", "condition", "coordinate", "left out")
    parts.sort(key=lambda part: order.index(part.role))
    otherwise = []
    if raw.time_index is None:
        otherwise.append("--kind snapshots forgets which states belong together")
    elif raw.times.size > 1:
        otherwise.append("--trajectory-column NAME pairs them")
    if roles.time:
        otherwise.append("--read time=none pools all times")
    elif len(roles.coordinates) > 1:
        otherwise.append("--time-column NAME makes a column the time")
    if len(roles.coordinates) > 1:
        otherwise.append("--columns A,B chooses coordinates")
    return Understanding(kind_of(raw), tuple(parts), tuple(notes), tuple(otherwise))


def _are_categories(given: np.ndarray) -> bool:
    """Whether a text file's conditions are labels: whole numbers, few different ones a column."""
    small = bool(np.isfinite(given).all() and (np.abs(given) < _LARGEST_LABEL).all())
    whole = small and bool((given == np.round(given)).all())
    return whole and max(np.unique(column).size for column in given.T) <= _MOST_CATEGORIES


def _doubles(names: Sequence[str]) -> set[str]:
    return {name for name, count in Counter(names).items() if count > 1}
