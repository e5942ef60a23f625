"""How a text table is written: its encoding, delimiter, decimal sign, and rows above the numbers."""

import codecs
import csv
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from noneq.data.readings.labels import is_date, is_unit, name_and_unit, time_unit
from noneq.data.readings.options import Reading
from noneq.data.readings.roles import says_time
from noneq.errors import DataFileError, InvalidInput


MISSING = ("", "na", "n/a", "nan", "null", "none", "-", "--", "?")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_COMMENTS = ("#", "%", "//", "!")
_DELIMITERS = ("\t", ";", ",", "|", None)
_NUMBER = re.compile(
    r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][-+]?\d+)?|[-+]?inf(?:inity)?", re.IGNORECASE
)
_HEAD, _MOST_HEADERS = 60, 8
"""Lines looked at, and the most of them that may stand above the numbers."""
_SOME = 500
"""Cells of a line that decide for all."""


@dataclass(frozen=True)
class Dialect:
    """What was found.

    Args:
        delimiter: between cells; None for runs of blanks.
        decimal: ``.`` or ``,``.
        headers: rows above the numbers.
        names, units: of the columns; names empty where there are none.
        notes: what deserves a remark.
    """

    delimiter: str | None
    decimal: str
    headers: int
    names: tuple[str, ...]
    units: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def cells(self, line: str) -> list[str]:
        """The cells of a line."""
        return split(line, self.delimiter)


def decode(path: Path, content: bytes) -> tuple[str, tuple[str, ...]]:
    """The text of a file, and a remark where its encoding is a guess.

    Raises:
        DataFileError: bytes that are no text.
    """
    for mark, encoding in _BOMS:
        if content.startswith(mark):
            try:
                return content.decode(encoding), ()
            except UnicodeDecodeError as error:
                raise DataFileError(
                    f"{path} is damaged {encoding} text; write it again."
                ) from error
    if b"\0" in content:
        raise DataFileError(
            f"{path} holds bytes that are no text; give its true extension, or save it as UTF-8."
        )
    try:
        return content.decode("utf-8"), ()
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace"), (
            "the file is not UTF-8; read as Windows-1252 (Latin-1), so check µ, ° and the like",
        )


def split(line: str, delimiter: str | None) -> list[str]:
    """The cells of a line, blanks around them removed."""
    if delimiter is None and '"' not in line:
        return line.split()
    if '"' in line:
        delimiter = delimiter or " "
        line_cells, *_ = csv.reader([line], delimiter=delimiter, skipinitialspace=True)
        return [cell.strip() for cell in line_cells]
    return [cell.strip() for cell in line.split(delimiter)]


def is_number(cell: str, decimal: str = ".") -> bool:
    """Whether a cell is a number; ``1_000`` is none."""
    if decimal == ",":
        if "." in cell:
            return False
        cell = cell.replace(",", ".")
    return bool(_NUMBER.fullmatch(cell))


def is_missing(cell: str) -> bool:
    """Whether a cell says that there is no number."""
    return cell.lower() in MISSING


def is_comment(line: str) -> bool:
    """Whether a line is a comment."""
    return line.lstrip().startswith(_COMMENTS)


def sniff(path: Path, lines: Sequence[str], comment: str, reading: Reading) -> Dialect:
    """The dialect of a table from its first lines.

    Args:
        lines: lines that are neither blank nor comments.
        comment: the last comment above them, which may name the columns.

    Raises:
        InvalidInput: two dialects that give other numbers, or no table.
    """
    head = lines[:_HEAD]
    if not head:
        raise InvalidInput(f"{path} has no rows; nothing to read.")
    found = [
        (delimiter, decimal, rows, value)
        for delimiter in ([reading.delimiter] if reading.delimiter else _DELIMITERS)
        for decimal in ([reading.decimal] if reading.decimal else (".", ","))
        if (rows := [split(line, delimiter) for line in head])
        and (delimiter != "," or decimal != ",")
        and (value := _score(rows, decimal))
    ]
    if not found and (named := _of_names(head, reading)):
        return named
    if not found:
        if len(lines) == 1:
            raise InvalidInput(f"{path} has a header but no rows; nothing to read.")
        raise InvalidInput(
            f"{path} is no table: its lines have no equal number of cells with any of comma, "
            "semicolon, tab, blank or bar between them; say --read delimiter=…"
        )
    best = max(found, key=lambda item: item[3])
    delimiter, decimal, rows, _ = best
    headers = _headers(path, rows, decimal)
    width = Counter(map(len, rows[headers:] or rows)).most_common(1)[0][0]
    ended = all(row[-1] == "" for row in rows[headers:] if len(row) == width)
    names, units = _names(rows[:headers], width, ended)
    if not headers and comment:
        # np.savetxt puts its header into a comment.
        cells = split(comment.strip(), delimiter)
        cells = cells if len(cells) == width else comment.split()
        if len(cells) == width and not all(is_number(cell) for cell in cells):
            names, units = _names([cells], width)
    if decimal == "," and not reading.decimal and any("," in name for name in names):
        raise InvalidInput(
            f"{path}: the rows under {names[0]!r} have no equal number of cells; the file is cut or "
            "damaged (for decimal commas say --read decimal=,)."
        )
    if decimal == "," and width == 1 and not names and not reading.decimal:
        raise InvalidInput(
            f"{path}: {head[0].strip()!r} may be one number with a decimal comma (--read decimal=,) or "
            "two (--read decimal=.); say which."
        )
    if not names and not reading.columns and not reading.delimiter and not reading.decimal:
        _refuse_two(path, head, found, best)
    notes = [] if decimal == "." else ["decimal commas"]
    return Dialect(delimiter, decimal, headers, names, units, tuple(notes))


def _of_names(head: Sequence[str], reading: Reading) -> Dialect | None:
    """The dialect of a table without a number, which holds names of states below those of its columns."""
    found = []
    for delimiter in [reading.delimiter] if reading.delimiter else _DELIMITERS:
        rows = [split(line, delimiter) for line in head]
        if reading.states and len(rows) > 1 and len({*map(len, rows)}) == 1:
            names, units = _names(rows[:1], len(rows[0]))
            found.append(Dialect(delimiter, ".", 1, names, units))
    rank = lambda one: ({*reading.states} <= {*one.names}, len(one.names))
    return max(found, key=rank, default=None)


def _score(rows: list[list[str]], decimal: str) -> tuple[bool, float, float, int] | None:
    """How well rows make a table: equal lengths, numbers, many columns; None for no table."""
    body = rows[len(rows) // 3 :]
    width = Counter(map(len, body)).most_common(1)[0][0]
    equal = sum(len(row) == width for row in body) / len(body)
    if equal < 0.5:
        return None
    cells = [cell for row in body for cell in row[:_SOME]]
    numbers = sum(is_number(cell, decimal) or is_date(cell) for cell in cells)
    known = numbers + sum(is_missing(cell) for cell in cells)
    if not known:
        return None
    top = rows[0][:_SOME]
    named = width > 1 and len(rows[0]) == width and not any(is_number(c, decimal) for c in top)
    return named, round(equal, 2), round(known / len(cells), 3), width


def _headers(path: Path, rows: list[list[str]], decimal: str) -> int:
    """How many rows stand above the numbers."""
    numeric = lambda cell: is_number(cell, decimal) or is_date(cell)
    body = rows[len(rows) // 3 :] if len(rows) > 3 else rows[1:] or rows
    width = Counter(map(len, body)).most_common(1)[0][0]
    full = [row for row in body if len(row) == width]
    some = range(min(width, _SOME))
    columns = [j for j in some if sum(numeric(row[j]) for row in full) * 2 > len(full)] or [
        j for j in some if any(numeric(row[j]) for row in full)
    ]
    if not columns:
        return 1  # every entry is missing
    for i, row in enumerate(rows[: _MOST_HEADERS + 1]):
        if len(row) == width and any(numeric(row[j]) for j in columns):
            return 1 if i == 0 and _counts(row, rows[1:]) else i
    raise InvalidInput(
        f"{path} has more than {_MOST_HEADERS} rows without numbers above its table; remove some."
    )


def _counts(first: list[str], others: list[list[str]]) -> bool:
    """Whether a row of numbers is the header 0, 1, 2 … of a nameless table with its row numbers."""
    return (
        len(first) > 1
        and first[0] == ""
        and first[1:] == [str(i) for i in range(len(first) - 1)]
        and all(row[0].isdigit() for row in others)
    )


def _names(
    rows: list[list[str]], width: int, ended: bool = False
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names and units from the rows above the numbers.

    A name is missing above the row numbers, or above nothing where all rows ended in a delimiter.
    """
    if not rows:
        return (), ("",) * width
    full = lambda row: [*row, ""] if ended else ["", *row]
    rows = [full(row) if len(row) == width - 1 else row for row in rows]
    rows = [row for row in rows if len(row) == width]
    units: tuple[str, ...] = ("",) * width
    bare = lambda cell: re.sub(r"^[\(\[](.*)[\)\]]$", r"\1", cell)
    for row in rows[1:]:
        given = [cell for cell in row if cell]
        marked = [cell != bare(cell) or is_unit(cell) for cell in given]
        timed = any(
            says_time(name_and_unit(name)[0]) and time_unit(bare(cell)) is not None
            for name, cell in zip(rows[0], row, strict=True)
        )
        if given and (all(marked) or timed):
            units = tuple(bare(cell) if bare(cell) not in ("-", "1") else "" for cell in row)
            rows = [other for other in rows if other is not row]
            break
    if rows and _tracker(rows[0]):
        rows = rows[:1]
    # A row that says one thing of all columns names the table, not a column.
    rows = [row for row in rows if len(rows) == 1 or len(set(row[1:])) > 1] or rows[:1]
    names = [
        " ".join(dict.fromkeys(cell for cell in cells if cell)) for cells in zip(*rows, strict=True)
    ]
    split_names = [name_and_unit(name) for name in names]
    units = tuple(unit or own for unit, (_, own) in zip(units, split_names, strict=True))
    return tuple(name for name, _ in split_names), units


def _tracker(row: list[str]) -> bool:
    """TrackMate repeats its names in longer words below."""
    return "TRACK_ID" in row and "POSITION_X" in row


def _refuse_two(path: Path, head: Sequence[str], found: list[tuple], best: tuple) -> None:
    """Without a header ``1,5`` may be two numbers or one."""
    delimiter, decimal, rows, value = best
    for other_delimiter, other_decimal, other_rows, other in found:
        if other[1:3] == value[1:3] == (1.0, 1.0) and len(other_rows[-1]) != len(rows[-1]):
            say: Callable[[str | None, str], str] = lambda d, p: (
                f"{len(split(head[-1], d))} number(s) a line (--read decimal={p})"
            )
            raise InvalidInput(
                f"{path}: {head[-1].strip()!r} can be read as {say(delimiter, decimal)} or as "
                f"{say(other_delimiter, other_decimal)}; say which."
            )
