"""Ensembles as csv: one row of numbers per state, with names and units above."""

import csv
import re
from collections.abc import Iterable
from pathlib import Path

from noneq.data.formats.columns import table
from noneq.data.layouts import record_of, record_text
from noneq.data.readings.labels import name_and_unit
from noneq.data.snapshots import Snapshots
from noneq.data.trajectories import Trajectories
from noneq.plain_text import cell


MARK = "# noneq "
"""What the comment line with our record begins with."""
_CELLS = 100_000
"""Cells written at once."""


def write_csv(data: Snapshots | Trajectories, path: Path, record: bool = False) -> None:
    """Shortest digits that give every number back exactly.

    Args:
        data: states that are vectors.
        path: the file.
        record: put a comment line with all labels and a checksum above the names. Without it
            units stand behind the names, ``x (um)``, where they are read back as such.
    """
    write_csv_parts([data], path, record_text(record_of(data)) if record else "")


def write_csv_parts(
    parts: Iterable[Snapshots | Trajectories], path: Path, record: str = ""
) -> None:
    """Ensembles of the same kind and labels, one below the other, as `write_csv` writes them whole.

    Args:
        parts: in their order; trajectories are numbered on.
        path: the file.
        record: of all parts, or none.
    """
    with path.open("w", encoding="utf-8", newline="") as stream:
        if record:
            stream.write(f"{MARK}{_one_cell(record)}\n")
        writer, first = csv.writer(stream, lineterminator="\n"), 0
        for data in parts:
            columns = table(data, first)
            if not first:
                names = [*columns] if record else _with_units(data, columns)
                writer.writerow(map(cell, names))
            step = max(1, _CELLS // len(columns))
            for start in range(0, len(columns["time"]), step):
                block = [column[start : start + step].astype(str) for column in columns.values()]
                writer.writerows(zip(*block, strict=True))
            first += data.n


def _with_units(data: Snapshots | Trajectories, names: Iterable[str]) -> list[str]:
    units = {"time": data.time_unit} | dict(zip(data.names, data.units, strict=True))
    full = {name: f"{name} ({units.get(name, '')})" for name in names}
    return [text if name_and_unit(text)[0] == name else name for name, text in full.items()]


def _one_cell(record: str) -> str:
    """JSON with the separators inside its texts written as codes: a name begins no cell."""
    return re.sub(r'"(?:[^"\\]|\\.)*"', _hidden, record)


def _hidden(text: re.Match[str]) -> str:
    return text[0].replace(",", "\\u002c").replace(";", "\\u003b")
