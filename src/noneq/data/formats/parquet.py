"""parquet: the same table as csv, through pyarrow (the ``data`` extra)."""

from collections.abc import Iterable
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from noneq.data.formats.columns import from_table, table
from noneq.data.formats.reader import AbstractReader
from noneq.data.formats.unpacked import unpacked
from noneq.data.layouts import Raw, own, parse_record, record_of, record_text
from noneq.data.readings.labels import name_and_unit
from noneq.data.readings.options import Reading
from noneq.data.readings.roles import LABELS, Column
from noneq.data.safety import check_file
from noneq.data.snapshots import Snapshots
from noneq.data.trajectories import Trajectories
from noneq.errors import DataFileError, InvalidInput


_RECORD = "noneq"


def write_parquet(data: Snapshots | Trajectories, path: Path) -> None:
    """Columns keep their precision; pages carry checksums."""
    write_parquet_parts([data], path, record_text(record_of(data)))


def write_parquet_parts(parts: Iterable[Snapshots | Trajectories], path: Path, record: str) -> None:
    """Ensembles of the same kind and labels, one below the other, as `write_parquet` writes them whole.

    Args:
        parts: in their order; trajectories are numbered on.
        path: the file.
        record: of all parts.
    """
    _need_pyarrow()
    import pyarrow
    from pyarrow import parquet

    with ExitStack() as stack:
        writer, first = None, 0
        for data in parts:
            found = table(data, first).items()
            columns = {name: np.ascontiguousarray(column) for name, column in found}
            rows = pyarrow.table(columns).replace_schema_metadata({_RECORD: record})
            if writer is None:
                writer = parquet.ParquetWriter(path, rows.schema, write_page_checksum=True)
                stack.enter_context(writer)
            writer.write_table(rows)
            first += data.n


class ParquetReader(AbstractReader):
    """Numeric columns; nulls are missing entries."""

    def read(self, path: Path, reading: Reading, limit: int) -> Raw:
        """Numeric columns; nulls are missing entries."""
        _need_pyarrow()
        check_file(path, (b"PAR1",), b"PAR1")
        attrs, found = unpacked(
            path,
            "parquet",
            limit,
            {reading.trajectory or "trajectory", *reading.condition, *LABELS},
        )
        if not attrs["rows"]:
            raise InvalidInput("no rows; nothing to read.")
        if "damaged" in attrs:
            raise DataFileError(f"{path}: its noneq record is damaged; restore it from a copy.")
        record = parse_record(path, attrs[_RECORD]) if _RECORD in attrs else {}
        with own(record):
            columns = [_column(name, column, attrs["rows"], record) for name, column in found]
            return from_table(columns, record, Reading() if record else reading)


def _column(name: str, found: Any, rows: int, record: dict[str, Any]) -> Column:
    label, unit = (name, "") if record else name_and_unit(name)
    values = found.values
    if len(values) < rows:
        # Text that is no label is not unpacked.
        return Column(label, unit, np.full(rows, found.attrs["type"], object))
    if values.dtype.kind == "M":
        return Column(label, unit, np.datetime_as_string(values).astype(object), dates=True)
    if values.dtype.kind in "iu" and not record:
        values = values.astype(np.float64)
    return Column(label, unit, values)


def _need_pyarrow() -> None:
    if find_spec("pyarrow") is None:
        raise InvalidInput(
            "parquet files need pyarrow, which is not installed; run pip install 'noneq[data]', "
            "or use csv, npz, nc or zarr."
        )
