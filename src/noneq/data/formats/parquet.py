"""parquet: the same table as csv, through pyarrow (the ``data`` extra)."""

from pathlib import Path
from typing import Any

import numpy as np

from noneq.data.formats.columns import from_table, table
from noneq.data.layouts import Layout, Raw, own, parse_record, record_of, record_text
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


def read_parquet(path: Path, layout: Layout) -> Raw:
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
    record = parse_record(metadata[_RECORD]) if _RECORD in metadata else {}
    if not record and any(b'"sha256"' in value for value in metadata.values()):
        raise DataFileError(f"{path}: its noneq record is damaged; restore it from a copy.")

    def numbers(name: str) -> np.ndarray:
        column = texts(name)
        if column.dtype.kind not in "fiub":
            raise InvalidInput(
                f"{path}: column {name!r} holds {rows.schema.field(name).type}, no numbers; drop "
                "it, name it as trajectory, or read fewer --components."
            )
        return column if column.dtype.kind == "f" else column.astype(np.float64)

    def texts(name: str) -> np.ndarray:
        return rows.column(name).to_numpy()

    with own(record):
        return from_table(rows.column_names, numbers, texts, record, Layout() if record else layout)


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
