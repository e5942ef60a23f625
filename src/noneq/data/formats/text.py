"""Text tables: one row of numbers per state, with any delimiter, with or without names above.

Our own files begin with a comment line that carries the record, so that labels come back and a
changed digit is noticed; they are read strictly.
"""

import io
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from noneq.data.formats.columns import from_table
from noneq.data.formats.dialect import (
    MISSING,
    Dialect,
    decode,
    is_comment,
    is_missing,
    is_number,
    sniff,
    split,
)
from noneq.data.formats.reader import AbstractReader
from noneq.data.formats.text_writer import MARK
from noneq.data.layouts import Raw, own, parse_record
from noneq.data.readings.ambiguity import refuse_nameless
from noneq.data.readings.labels import is_date
from noneq.data.readings.options import Reading
from noneq.data.readings.roles import CONDITION, Column, is_label
from noneq.data.safety import check_file, refuse_bomb, refuse_long
from noneq.errors import DataFileError, InvalidInput


_GROUPED = re.compile(r"[-+]?\d+(?:[_,' \u00a0.]\d+)+%?|[-+]?\d+\.?\d*\s?%")
_ZERO = re.compile(r"(?<![\d.])0\d")
UNSURE = "#%!/ \t\xa0\u2003\u3000"
"""First characters of lines that may be comments or blank."""
_MISSING = sorted({w for m in MISSING for w in (m, m.upper(), m.capitalize())} | {"N/A", "NaN"})
_WIDE = 1000


class TextReader(AbstractReader):
    """A table of any delimiter; empty cells and ``NA`` are missing."""

    def read(self, path: Path, reading: Reading, limit: int) -> Raw:
        """A table of any delimiter; empty cells and ``NA`` are missing."""
        check_file(path)
        refuse_bomb(path, path.stat().st_size, limit)
        text, notes = decode(path, path.read_bytes())
        lines = text.splitlines()
        refuse_long(path, "a line", max(map(len, lines), default=0))
        record = _record(path, lines)
        if record:
            reading = Reading()
        numbered = [
            (number, line)
            for number, line in enumerate(lines, 1)
            if line[:1] not in UNSURE
            or (line.strip() and not (is_comment(line) and (number == 1 or not record)))
        ]
        with own(record):
            dialect = (
                _own_dialect(numbered) if record else dialect_of(path, lines, numbered, reading)
            )
            body = numbered[dialect.headers :]
            if not body:
                raise InvalidInput(f"{path} has a header but no rows; nothing to read.")
            names = _named(path, dialect, split(body[0][1], dialect.delimiter), reading)
            texts = _texts(record, names, reading)
            columns = columns_of(path, dialect, names, body, texts, bool(record))
            if not dialect.names:
                if not reading.columns:
                    refuse_nameless(str(path), columns, reading)
                reading = replace(reading, columns=())
            return from_table(columns, record, reading, (*notes, *dialect.notes))


def _record(path: Path, lines: Sequence[str]) -> dict[str, Any]:
    """The record in the first line of our own files."""
    first = lines[0] if lines else ""
    if first.startswith(MARK):
        return parse_record(path, first.removeprefix(MARK))
    if any('"sha256"' in line for line in lines[:3]):
        raise DataFileError(f"{path}: its noneq record is damaged; restore it from a copy.")
    return {}


def _own_dialect(numbered: Sequence[tuple[int, str]]) -> Dialect:
    names = tuple(split(numbered[0][1], ",")) if numbered else ()
    return Dialect(",", ".", 1, names, ("",) * len(names))


def dialect_of(
    path: Path, lines: Sequence[str], numbered: Sequence[tuple[int, str]], reading: Reading
) -> Dialect:
    """How the cells of a table of others are parted, and what its columns are called."""
    comment = ""
    for line in lines[: numbered[0][0] - 1 if numbered else 0]:
        comment = line.lstrip().lstrip("#%!/") if is_comment(line) else comment
    return sniff(path, [line for _, line in numbered[:1000]], comment, reading)


def _named(path: Path, dialect: Dialect, first: Sequence[str], reading: Reading) -> tuple[str, ...]:
    """Names of the columns; of a table without a header those that the reading gives."""
    if dialect.names:
        return dialect.names
    width = len(first)
    if len(reading.columns) == width:
        return reading.columns
    if reading.columns:
        raise InvalidInput(
            f"{path} has no header and {width} columns, --columns names {len(reading.columns)}; name "
            "them all, such as --columns time,x,y."
        )
    return tuple(f"column {i + 1}" for i in range(width))


def _texts(record: dict[str, Any], names: Sequence[str], reading: Reading) -> set[str]:
    """Columns whose texts are categories and no damage; in our own files whatever they look like."""
    if not record:
        return {*reading.condition, *reading.states}
    columns = [name for name in names if name.startswith(CONDITION)]
    return {name for name, own in zip(columns, record.get("categories", ()), strict=False) if own}


def columns_of(
    path: Path,
    dialect: Dialect,
    names: Sequence[str],
    body: Sequence[tuple[int, str]],
    texts: set[str],
    is_own: bool,
) -> list[Column]:
    """The columns of the rows ``body``, each of numbers or of texts."""
    import pandas as pd

    _refuse_ragged(path, dialect, len(names), body)
    if len(names) > _WIDE:
        return _wide_columns(path, dialect, names, body, texts, is_own)
    joined = "\n".join(line for _, line in body)
    zeros = _ZERO.search(joined) is not None
    # From version 3 on every number is read to the last bit anyway.
    exact: Any = {} if pd.__version__ >= "3" else {"float_precision": "round_trip"}
    frame = pd.read_csv(  # pyright: ignore[reportCallIssue]
        io.StringIO(joined),
        sep=dialect.delimiter or r"\s+",
        header=None,
        names=list(range(len(names))),
        index_col=False,
        decimal=dialect.decimal,
        na_values=_MISSING,
        keep_default_na=False,
        skipinitialspace=True,
        low_memory=False,
        **exact,
    )
    found = []
    for place, (name, unit) in enumerate(zip(names, dialect.units, strict=True)):
        values = frame[place]
        if name in texts and (is_own or values.dtype.kind not in "fiub"):
            cells = [split(line, dialect.delimiter)[place] for _, line in body]
            found.append(_categories(name, unit, cells, is_own))
            continue
        if values.dtype.kind in "fub" or (
            values.dtype.kind == "i"
            and not (zeros and _has_leading_zeros(name, dialect, place, body))
        ):
            found.append(Column(name, unit, values.to_numpy(np.float64)))
            continue
        cells = [split(line, dialect.delimiter)[place] for _, line in body]
        found.append(_text_column(path, dialect, name, unit, cells, body))
    return found


def _categories(name: str, unit: str, cells: Sequence[str], is_own: bool) -> Column:
    """Names of categories; in files of others a code for a missing one is none."""
    kept = ["" if is_missing(cell) and not is_own else cell for cell in cells]
    return Column(name, unit, np.array(kept, object))


def _wide_columns(
    path: Path,
    dialect: Dialect,
    names: Sequence[str],
    body: Sequence[tuple[int, str]],
    texts: set[str],
    is_own: bool,
) -> list[Column]:
    """Columns of a table with so many that pandas' care for each of them would take most time."""
    rows = [split(line, dialect.delimiter) for _, line in body]
    plain = dialect.decimal == "." and not any("_" in line for _, line in body)
    try:
        numbers = np.array([np.fromiter(map(float, row), float) for row in rows]) if plain else None
    except ValueError:  # a cell that is no plain number
        numbers = None
    pairs = zip(names, dialect.units, strict=True)
    if numbers is not None:
        return [Column(name, unit, numbers[:, i]) for i, (name, unit) in enumerate(pairs)]
    cells = zip(*rows, strict=True)
    return [
        _categories(name, unit, column, is_own)
        if name in texts
        else _text_column(path, dialect, name, unit, list(column), body)
        for (name, unit), column in zip(pairs, cells, strict=True)
    ]


def _has_leading_zeros(
    name: str, dialect: Dialect, place: int, body: Sequence[tuple[int, str]]
) -> bool:
    """Whether labels such as 007 would lose something as numbers."""
    return is_label(name) and any(
        re.match(r"[-+]?0\d", split(line, dialect.delimiter)[place]) for _, line in body
    )


def _text_column(
    path: Path,
    dialect: Dialect,
    name: str,
    unit: str,
    cells: list[str],
    body: Sequence[tuple[int, str]],
) -> Column:
    """A column that pandas takes for text: numbers written otherwise, dates, labels, or damage."""
    known = [cell for cell in cells if not is_missing(cell)]
    number = [is_number(cell, dialect.decimal) for cell in known]
    if all(number) and not (is_label(name) and known):
        plain = str.maketrans(
            {"d": "e", "D": "e", **({",": "."} if dialect.decimal == "," else {})}
        )
        values = [np.nan if is_missing(cell) else float(cell.translate(plain)) for cell in cells]
        return Column(name, unit, np.array(values))
    if all(number):
        return Column(name, unit, np.array(cells, object))
    wrong = next(
        i for i, c in enumerate(cells) if not is_missing(c) and not is_number(c, dialect.decimal)
    )
    grouped = _GROUPED.fullmatch(cells[wrong])
    if grouped or sum(number) * 2 > len(number):
        cure = (
            "thousands separators and per cent signs are not read, write plain numbers"
            if grouped
            else "correct it, leave the column out (--read drop=…), or make it the --trajectory-column"
        )
        raise InvalidInput(
            f"{path} line {body[wrong][0]}, column {name!r}: {cells[wrong]!r} is no number; {cure}."
        )
    dates = bool(known) and all(is_date(cell) for cell in known)
    return Column(name, unit, np.array(cells, object), dates)


def _refuse_ragged(
    path: Path, dialect: Dialect, width: int, body: Sequence[tuple[int, str]]
) -> None:
    """Refuse rows of another length, which pandas would fill."""
    plain = dialect.delimiter is not None and not any('"' in line for _, line in body)
    for number, line in body:
        count = (
            line.count(dialect.delimiter) + 1
            if plain and dialect.delimiter
            else len(split(line, dialect.delimiter))
        )
        if count != width:
            raise DataFileError(
                f"{path} line {number} has {count} cells, the header {width}; the file is cut or "
                "damaged."
            )
