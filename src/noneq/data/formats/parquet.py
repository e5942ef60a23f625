"""parquet: the same table as csv, through pyarrow (the ``data`` extra)."""

from pathlib import Path
from typing import Any

import numpy as np

from noneq.data.formats.columns import from_table, table
from noneq.data.layouts import Raw, own, parse_record, record_of, record_text
from noneq.data.readings.labels import name_and_unit
from noneq.data.readings.options import Reading
from noneq.data.readings.roles import Column
from noneq.data.safety import check_file, refuse_bomb
from noneq.data.snapshots import Snapshots
from noneq.data.trajectories import Trajectories
from noneq.errors import DataFileError, InvalidInput


_RECORD = b"noneq"


def write_parquet(data: Snapshots | Trajectories, path: Path) -> None:
    """Columns keep their precision; pages carry checksums."""
    pyarrow, parquet = _pyarrow()
    columns = {name: np.ascontiguousarray(column) for name, column in table(data).items()}
    rows = pyarrow.table(columns).replace_schema_metadata({_RECORD: record_text(record_of(data))})
    parquet.write_table(rows, path, write_page_checksum=True)


def read_parquet(path: Path, reading: Reading) -> Raw:
    """Numeric columns; nulls are missing entries."""
    _, parquet = _pyarrow()
    check_file(path, (b"PAR1",))
    with parquet.ParquetFile(path, page_checksum_verification=True) as file:
        shape = (file.metadata.num_rows, file.metadata.num_columns)
        refuse_bomb(path, 8 * shape[0] * shape[1], path.stat().st_size)
        rows = file.read()
    if not shape[0]:
        raise InvalidInput(f"{path} has no rows; nothing to read.")
    metadata = rows.schema.metadata or {}
    record = parse_record(path, metadata[_RECORD]) if _RECORD in metadata else {}
    if not record and any(b'"sha256"' in value for value in metadata.values()):
        raise DataFileError(f"{path}: its noneq record is damaged; restore it from a copy.")

    columns = []
    for name in rows.column_names:
        values = rows.column(name).to_numpy()
        if values.dtype.kind in "iub" and not record:
            values = values.astype(np.float64)
        if values.dtype.kind == "M":
            values = np.datetime_as_string(values.astype("datetime64[us]")).astype(object)
            columns.append(Column(*name_and_unit(name), values, dates=True))
        else:
            columns.append(Column(*((name, "") if record else name_and_unit(name)), values))
    with own(record):
        return from_table(columns, record, Reading() if record else reading)


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise InvalidInput(
            "parquet files need pyarrow, which is not installed; run pip install 'noneq[data]', "
            "or use csv, npz, nc or zarr."
        ) from error
    return pyarrow, parquet
