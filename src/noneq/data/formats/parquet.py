"""parquet: the same table as csv, through pyarrow (the ``data`` extra)."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from noneq.data.formats.columns import from_table, table
from noneq.data.formats.unpacked import unpacked
from noneq.data.layouts import Layout, Raw, own, parse_record, record_of, record_text
from noneq.data.safety import check_file
from noneq.data.snapshots import Snapshots
from noneq.data.trajectories import Trajectories
from noneq.errors import DataFileError, InvalidInput


_RECORD = "noneq"


def write_parquet(data: Snapshots | Trajectories, path: Path) -> None:
    """Columns keep their precision; pages carry checksums."""
    _need_pyarrow()
    import pyarrow
    from pyarrow import parquet

    columns = {name: np.ascontiguousarray(column) for name, column in table(data).items()}
    rows = pyarrow.table(columns).replace_schema_metadata({_RECORD: record_text(record_of(data))})
    parquet.write_table(rows, path, write_page_checksum=True)


def read_parquet(path: Path, layout: Layout, limit: int) -> Raw:
    """Numeric columns; nulls are missing entries."""
    _need_pyarrow()
    check_file(path, (b"PAR1",), b"PAR1")
    attrs, found = unpacked(path, "parquet", limit, {layout.trajectory or "trajectory"})
    if not attrs["rows"]:
        raise InvalidInput("no rows; nothing to read.")
    if "damaged" in attrs:
        raise DataFileError(f"{path}: its noneq record is damaged; restore it from a copy.")
    record = parse_record(path, attrs[_RECORD]) if _RECORD in attrs else {}
    columns = dict(found)

    def numbers(name: str) -> np.ndarray:
        values = texts(name)
        if values.dtype.kind not in "fi" or len(values) < attrs["rows"]:
            raise InvalidInput(
                f"{path}: column {name!r} holds {columns[name].attrs['type']}, no numbers; drop "
                "it, name it as trajectory, or read fewer --components."
            )
        return values if values.dtype.kind == "f" else values.astype(np.float64)

    def texts(name: str) -> np.ndarray:
        return columns[name].values

    with own(record):
        header = [name for name, _ in found]
        return from_table(header, numbers, texts, record, Layout() if record else layout)


def _need_pyarrow() -> None:
    if find_spec("pyarrow") is None:
        raise InvalidInput(
            "parquet files need pyarrow, which is not installed; run pip install 'noneq[data]', "
            "or use csv, npz, nc or zarr."
        )
