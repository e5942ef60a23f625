"""Tables in text and parquet as blocks of rows, for those that are larger than memory."""

from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from noneq.data.formats.text_writer import MARK
from noneq.data.formats.unpacked import unpacked_blocks
from noneq.data.layouts import parse_record
from noneq.data.lazy.heads import plain_head
from noneq.data.lazy.tables import Block, Table
from noneq.data.readings.roles import CONDITION, LABELS
from noneq.data.safety import bytes_to_unpack, check_file
from noneq.errors import DataFileError, InvalidInput


LARGE = 200_000_000
"""Bytes from which a table of another program is read in blocks: what its columns are is then told by
its first lines alone."""
_ROWS = 50_000


def table_in(path: Path) -> Table | None:
    """A table that can be read in blocks; None if it must be read whole.

    Those are: csv with a record and parquet of this library, and large tables in text of others with
    names, numbers alone, and no conditions.

    Raises:
        DataFileError: it is damaged or unsafe.
    """
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        check_file(path, (b"PAR1",), b"PAR1")
        return _parquet(path)
    if suffix not in (".csv", ".tsv", ".txt", ".dat"):
        return None
    check_file(path)
    with path.open("rb") as stream:
        first = stream.readline(8_000_000)
    if first.startswith(MARK.encode()):
        return _own_text(path, first)
    return _foreign_text(path) if path.stat().st_size >= LARGE else None


def _own(blocks: Callable[[], Iterator[Block]], record: dict[str, Any], names: list[str]) -> Table:
    condition = tuple(name for name in names if name.startswith(CONDITION))
    taken = {"time", "trajectory", *condition}
    return Table(
        blocks,
        record,
        tuple(name for name in names if name not in taken),
        condition,
        "time" if "time" in names else None,
        "trajectory" if "trajectory" in names else None,
    )


def _own_text(path: Path, first: bytes) -> Table:
    import pandas as pd

    record = parse_record(path, first.decode().removeprefix(MARK))
    head = pd.read_csv(path, skiprows=1, nrows=1, dtype=str, keep_default_na=False)
    names = [str(name) for name in head.columns]
    texts = [name for name in names if name.startswith(CONDITION)]
    known = record.get("categories", ())
    words = [name for name, own in zip(texts, known, strict=False) if own]
    kinds = {name: str if name in words else np.float64 for name in names}
    return _own(partial(_rows, path, skiprows=1, dtype=kinds), record, names)


def _foreign_text(path: Path) -> Table | None:
    head = plain_head(path)
    if head is None:
        return None
    how = {
        "sep": head.delimiter or r"\s+", "decimal": head.decimal, "header": None,
        "skiprows": head.lines, "names": list(head.columns),
        "usecols": [name for name in (*head.names, head.time, head.trajectory) if name],
        "dtype": np.float64, "skipinitialspace": True,
    }  # fmt: skip
    return Table(
        partial(_rows, path, **how), head.labels, head.names, (), head.time, head.trajectory
    )


def _rows(path: Path, **how: Any) -> Iterator[Block]:
    import pandas as pd

    exact: Any = {} if pd.__version__ >= "3" else {"float_precision": "round_trip"}
    try:
        frames: Any = pd.read_csv(
            path, chunksize=_ROWS, keep_default_na=False, na_values=["", "nan", "NaN", "NA"],
            **how, **exact,
        )  # fmt: skip
        with frames:
            for frame in frames:
                yield {str(name): frame[name].to_numpy() for name in frame.columns}
    except ValueError as error:
        text = str(error).splitlines()[0]
        raise InvalidInput(
            f"{path} is read some rows at a time, as it is large, and holds something else than "
            f"numbers ({text}); make it plain numbers."
        ) from error


def _parquet(path: Path) -> Table | None:
    read = partial(unpacked_blocks, path, "parquet", bytes_to_unpack(path), {"trajectory", *LABELS})
    with closing(read()) as start:
        attrs = next(start)["attrs"]
        first = next(start, {})
    if "noneq" not in attrs or not attrs["rows"] or "labels" in first:
        return None
    record = parse_record(path, attrs["noneq"])
    if any(record.get("categories", ())):
        return None  # the words of categories are told at the end

    def blocks() -> Iterator[Block]:
        for found in read():
            if "attrs" not in found and "labels" not in found:
                yield found

    if "damaged" in attrs:
        raise DataFileError(f"{path}: its noneq record is damaged; restore it from a copy.")
    return _own(blocks, record, list(first))
