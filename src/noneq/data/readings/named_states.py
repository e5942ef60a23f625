"""Columns of discrete states, by number or by name, one row after the other."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from noneq.data.readings.options import Reading
from noneq.data.readings.roles import Column, is_label, says_time
from noneq.errors import InvalidInput


_MISSING = ("", "nan", "na", "n/a", "none", "null")
_CLOCK = "row number"


def with_states(
    columns: Sequence[Column], reading: Reading
) -> tuple[list[Column], Reading, tuple[str, ...]]:
    """The columns that ``reading.states`` names as the only coordinates, with numbers in place of names.

    Names are numbered in alphabetical order. Where no column says the time, rows are successive steps,
    of each label if there is a column of labels.

    Returns:
        Columns, the reading that takes them, and a remark for every column of names.

    Raises:
        InvalidInput: a column that is not there, has another role, or has too few names.
    """
    by_name = {column.name: column for column in columns}
    unknown = [name for name in reading.states if name not in by_name]
    if unknown:
        raise InvalidInput(
            f"states: there is no column {unknown[0]!r}; the columns are {', '.join(by_name)}."
        )
    if reading.columns:
        raise InvalidInput(
            "states and columns both name the coordinates; give one of them (--columns, --read states=)."
        )
    remarks, found = [], []
    for column in columns:
        if column.name in reading.states and column.is_text:
            column, remark = _numbered(column)
            remarks.append(remark)
        found.append(column)
    reading = replace(reading, columns=reading.states, states=())
    if reading.time is None and not any(
        (column.dates or says_time(column.name)) and column.name not in reading.columns
        for column in columns
    ):
        labels = next(
            (c for c in columns if c.name == reading.trajectory or is_label(c.name)), None
        )
        labels = None if labels is not None and labels.name in reading.columns else labels
        found.append(Column(_CLOCK, "step", _counts(len(columns[0].values), labels)))
        reading = replace(reading, time=_CLOCK)
    return found, reading, tuple(remarks)


def _numbered(column: Column) -> tuple[Column, str]:
    """A column of names as numbers from 0, missing ones as NaN, and which name is which."""
    cells = [str(cell).strip() for cell in column.values.tolist()]
    names = sorted({cell for cell in cells if cell.lower() not in _MISSING})
    if len(names) < 2:
        raise InvalidInput(
            f"column {column.name!r} names {len(names)} state(s); a sequence needs 2 at least."
        )
    number = {name: float(i) for i, name in enumerate(names)}
    values = np.array([number.get(cell, np.nan) for cell in cells])
    key = ", ".join(f"{i} = {name}" for i, name in enumerate(names))
    return Column(column.name, column.unit, values), f"{column.name}: {key}"


def _counts(rows: int, labels: Column | None) -> np.ndarray:
    """Number of each row, of a label's own rows if there are labels."""
    if labels is None:
        return np.arange(rows, dtype=float)
    seen: dict[object, int] = {}
    found = np.zeros(rows)
    for row, label in enumerate(labels.values.tolist()):
        found[row] = seen[label] = seen.get(label, -1) + 1
    return found
