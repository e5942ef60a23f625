"""csv: a header line, then one row of numbers per state.

Our own files begin with a comment line that carries the record, so that labels come back and
a changed digit is noticed.
"""

import csv
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from noneq.data.formats.columns import from_table, table, trajectory_name
from noneq.data.layouts import Layout, Raw, own, parse_record, record_of, record_text
from noneq.data.safety import LONGEST_TEXT, check_file, refuse_long
from noneq.data.snapshots import Snapshots
from noneq.data.trajectories import Trajectories
from noneq.errors import DataFileError, InvalidInput


_MARK = "# noneq "
_CELLS = 100_000
"""Cells handled at once."""
_MISSING = ("", "na", "n/a", "nan", "null", "none", "-", "?")


def write_csv(data: Snapshots | Trajectories, path: Path) -> None:
    """Shortest digits that give every number back exactly."""
    columns = table(data)
    with path.open("w", encoding="utf-8", newline="") as stream:
        stream.write(f"{_MARK}{record_text(record_of(data))}\n")
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        step = max(1, _CELLS // len(columns))
        for start in range(0, len(columns["time"]), step):
            block = [column[start : start + step].astype(str) for column in columns.values()]
            writer.writerows(zip(*block, strict=True))


def read_csv(path: Path, layout: Layout) -> Raw:
    """Comma, semicolon or tab between columns; empty cells and ``NA`` are missing."""
    check_file(path)
    with path.open(encoding="utf-8-sig", newline="") as stream:
        record, header, rows = _start(path, stream)
        layout = Layout() if record else layout
        label = trajectory_name(header, layout)
        with own(record):
            table, labels, bad = _body(path, header, rows, label)
    places = {name: i for i, name in enumerate(header)}

    def numbers(name: str) -> np.ndarray:
        if name in bad:
            line, text = bad[name]
            raise InvalidInput(
                f"{path} line {line}, column {name!r}: {text!r} is no number; correct it, drop the "
                "column, read fewer --components, or make it the --trajectory-column."
            )
        return table[:, places[name]]

    with own(record):
        return from_table(header, numbers, lambda _: labels, record, layout)


def _lines(path: Path, stream: TextIO) -> Iterator[str]:
    """Lines, none of them longer than a table's could be."""
    while line := stream.readline(LONGEST_TEXT + 1):
        refuse_long(path, "a line", len(line))
        yield line


def _start(
    path: Path, stream: TextIO
) -> tuple[dict[str, Any], list[str], Iterator[tuple[int, list[str]]]]:
    """The record, the header and the rows with their line numbers."""
    record: dict[str, Any] = {}
    lines = _lines(path, stream)
    comment, line, skipped = "", next(lines, ""), 1
    while line.startswith("#") or not line.strip():
        if not line:
            raise InvalidInput(f"{path} has no header line; begin it with time,x0,x1 or the like.")
        if line.startswith(_MARK):
            record = parse_record(path, line.removeprefix(_MARK))
        elif '"sha256"' in line:
            raise DataFileError(f"{path}: its noneq record is damaged; restore it from a copy.")
        comment, line, skipped = line[1:], next(lines, ""), skipped + 1
    if '"sha256"' in line:
        raise DataFileError(f"{path}: its noneq record is damaged; restore it from a copy.")
    delimiter = "," if record else max(",;\t", key=line.count)
    header, *_ = csv.reader([line], delimiter=delimiter)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
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
) -> tuple[np.ndarray, np.ndarray, dict[str, tuple[int, str]]]:
    """Numbers (rows, columns), the labels, and the first cell of each column that is no number.

    The column of labels is 0 among the numbers.
    """
    blocks: list[np.ndarray] = []
    labels: list[str] = []
    bad: dict[str, tuple[int, str]] = {}
    place = header.index(label) if label else None
    filled = ((line, row) for line, row in rows if row)
    while block := list(islice(filled, max(1, _CELLS // len(header)))):
        for line, row in block:
            if len(row) != len(header):
                raise DataFileError(
                    f"{path} line {line} has {len(row)} cells, the header {len(header)}; "
                    "the file is cut or damaged."
                )
            if place is not None:
                labels.append(row[place].strip())
                row[place] = "0"
        blocks.append(_numbers(header, block, bad))
    if not blocks:
        raise InvalidInput(f"{path} has a header but no rows; nothing to read.")
    # One long label would widen every entry of an array of text.
    return np.concatenate(blocks), np.array(labels, object), bad


def _numbers(
    header: list[str], block: list[tuple[int, list[str]]], bad: dict[str, tuple[int, str]]
) -> np.ndarray:
    """Numbers of some rows, NaN for other cells; the first of these in a column goes to ``bad``."""
    numbers = np.empty((len(block), len(header)))
    for i, (line, row) in enumerate(block):
        try:
            numbers[i] = np.fromiter(map(float, row), np.float64, len(row))
        except ValueError:
            numbers[i] = [_number(cell) for cell in row]
            for j in np.flatnonzero(np.isnan(numbers[i])):
                if not _is_number(row[j]):
                    bad.setdefault(header[j], (line, row[j]))
    return numbers


def _is_number(cell: str) -> bool:
    return _number(cell) == _number(cell) or cell.strip().lower() in _MISSING


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")
