"""What the first lines of a large table in text say of all of it."""

from pathlib import Path
from typing import Any, NamedTuple

from noneq.data.formats.columns import from_table
from noneq.data.formats.dialect import decode
from noneq.data.formats.text import UNSURE, columns_of, dialect_of
from noneq.data.readings.options import Reading


_HEAD = 1_000_000
"""Bytes by which it is judged."""


class Head(NamedTuple):
    """What the first lines of a plain table say of all of it.

    Attributes:
        delimiter: None for blanks.
        decimal: sign before the decimals.
        lines: before the first row.
        columns: names of all columns.
        names: of the coordinates.
        time, trajectory: names of columns, or None.
        labels: what travels with the data.
    """

    delimiter: str | None
    decimal: str
    lines: int
    columns: tuple[str, ...]
    names: tuple[str, ...]
    time: str | None
    trajectory: str | None
    labels: dict[str, Any]


def plain_head(path: Path) -> Head | None:
    """The first lines of a table with names; None if there is more in it than numbers, times and paths.

    Raises:
        InvalidInput: no table, or one that can be read in two ways.
    """
    with path.open("rb") as stream:
        content = stream.read(_HEAD)
    text, _ = decode(path, content[: content.rfind(b"\n") + 1])
    lines = text.splitlines()
    numbered = [(i, line) for i, line in enumerate(lines, 1) if line[:1] not in UNSURE]
    dialect = dialect_of(path, lines, numbered, Reading())
    body = numbered[dialect.headers :]
    if not body or not dialect.names or '"' in text:
        return None
    columns = columns_of(path, dialect, dialect.names, body, set(), False)
    raw = from_table(columns, {}, Reading())
    assert raw.understood is not None
    roles = {part.name: part.role for part in raw.understood.parts}
    lone = lambda role: next((name for name, own in roles.items() if own == role), None)
    numbers = all(not column.is_text and not column.dates for column in columns)
    alone = raw.time_index is None and lone("trajectory") is None
    if not numbers or alone or raw.condition is not None:
        return None
    names = tuple(raw.record["names"])
    return Head(
        dialect.delimiter, dialect.decimal, body[0][0] - 1, dialect.names, names, lone("time"),
        lone("trajectory"), raw.record,
    )  # fmt: skip
