"""csv: a header line, then one row of numbers per state.

Our own files begin with a comment line that carries the record, so that labels come back and
a changed digit is noticed.
"""

import csv
import re
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from noneq.data.formats.columns import from_table, table, trajectory_name
from noneq.data.layouts import Layout, Raw, own, parse_record, record_of, record_text
from noneq.data.safety import check_file
from noneq.data.snapshots import Snapshots
from noneq.data.trajectories import Trajectories
from noneq.errors import DataFileError, InvalidInput
from noneq.plain_text import cell


_MARK = "# noneq "
_BLOCK = 20_000
"""Rows handled at once."""
_MISSING = ("", "na", "n/a", "nan", "null", "none", "-", "?")


def write_csv(data: Snapshots | Trajectories, path: Path) -> None:
    """Shortest digits that give every number back exactly."""
    columns = table(data)
    with path.open("w", encoding="utf-8", newline="") as stream:
        stream.write(f"{_MARK}{_one_cell(record_text(record_of(data)))}\n")
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(map(cell, columns))
        for start in range(0, len(columns["time"]), _BLOCK):
            block = [column[start : start + _BLOCK].astype(str) for column in columns.values()]
            writer.writerows(zip(*block, strict=True))


def _one_cell(record: str) -> str:
    """JSON with the separators inside its texts written as codes: a name begins no cell."""
    return re.sub(r'"(?:[^"\\]|\\.)*"', _hidden, record)


def _hidden(text: re.Match[str]) -> str:
    return text[0].replace(",", "\\u002c").replace(";", "\\u003b")


def read_csv(path: Path, layout: Layout) -> Raw:
    """Comma, semicolon or tab between columns; empty cells and ``NA`` are missing."""
    check_file(path)
    with path.open(encoding="utf-8-sig", newline="") as stream:
        record, header, rows = _start(path, stream)
        layout = Layout() if record else layout
        label = trajectory_name(header, layout)
        with own(record):
            blocks, bad = _body(path, header, rows, label)

    def numbers(name: str) -> np.ndarray:
        if name in bad:
            line, text = bad[name]
            raise InvalidInput(
                f"{path} line {line}, column {name!r}: {text!r} is no number; correct it, drop the "
                "column, read fewer --components, or make it the --trajectory-column."
            )
        return column(name)

    def column(name: str) -> np.ndarray:
        place = header.index(name)
        return np.concatenate([block[place] for block in blocks])

    with own(record):
        return from_table(header, numbers, column, record, layout)


def _start(
    path: Path, stream: TextIO
) -> tuple[dict[str, Any], list[str], Iterator[tuple[int, list[str]]]]:
    """The record, the header and the rows with their line numbers."""
    record: dict[str, Any] = {}
    comment, line, skipped = "", stream.readline(), 1
    while line.startswith("#") or not line.strip():
        if not line:
            raise InvalidInput(f"{path} has no header line; begin it with time,x0,x1 or the like.")
        if line.startswith(_MARK):
            record = parse_record(line.removeprefix(_MARK))
        elif '"sha256"' in line:
            raise DataFileError(f"{path}: its noneq record is damaged; restore it from a copy.")
        comment, line, skipped = line[1:], stream.readline(), skipped + 1
    if '"sha256"' in line:
        raise DataFileError(f"{path}: its noneq record is damaged; restore it from a copy.")
    delimiter = "," if record else max(",;\t", key=line.count)
    header, *_ = csv.reader([line], delimiter=delimiter)
    reader = csv.reader(stream, delimiter=delimiter, strict=True)
    rows = ((skipped + reader.line_num, row) for row in reader)
    if all(_is_number(cell) for cell in header):
        # np.savetxt puts its header into a comment.
        row, (header, *_) = header, csv.reader([comment.strip()], delimiter=delimiter)
        if len(header) != len(row) or all(_is_number(cell) for cell in header):
            raise InvalidInput(
                f"{path} has no header line (it starts with numbers); put one first that names its "
                f"{len(row)} columns, such as time,x0,x1."
            )
        rows = chain([(skipped, row)], rows)
    return record, [name.strip() for name in header], rows


def _body(
    path: Path, header: list[str], rows: Iterator[tuple[int, list[str]]], label: str | None
) -> tuple[list[list[np.ndarray]], dict[str, tuple[int, str]]]:
    """Blocks of columns, and the first cell of each column that is no number."""
    blocks: list[list[np.ndarray]] = []
    bad: dict[str, tuple[int, str]] = {}
    filled = ((line, row) for line, row in rows if row)
    while block := list(islice(filled, _BLOCK)):
        for line, row in block:
            if len(row) != len(header):
                raise DataFileError(
                    f"{path} line {line} has {len(row)} cells, the header {len(header)}; "
                    "the file is cut or damaged."
                )
        columns = []
        for name, cells in zip(header, zip(*(row for _, row in block), strict=True), strict=True):
            if name == label:
                columns.append(np.array([cell.strip() for cell in cells]))
                continue
            try:
                columns.append(np.array(cells).astype(np.float64))
            except ValueError:
                columns.append(np.array([_number(cell) for cell in cells]))
                wrong = (i for i, cell in enumerate(cells) if not _is_number(cell))
                for i in islice(wrong, 1):
                    bad.setdefault(name, (block[i][0], cells[i]))
        blocks.append(columns)
    if not blocks:
        raise InvalidInput(f"{path} has a header but no rows; nothing to read.")
    return blocks, bad


def _is_number(cell: str) -> bool:
    return _number(cell) == _number(cell) or cell.strip().lower() in _MISSING


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")
