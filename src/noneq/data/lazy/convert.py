"""From one format to another, a few megabytes at a time."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from noneq.data.atomic import atomic_path, recover
from noneq.data.formats.parquet import write_parquet_parts
from noneq.data.formats.text_writer import write_csv_parts
from noneq.data.hints import reason
from noneq.data.layouts import Raw, labels_of, parse_record, record_text
from noneq.data.lazy.blocks import table_in
from noneq.data.lazy.chunks import ChunkedArray
from noneq.data.lazy.opening import distinct_times
from noneq.data.lazy.tables import Table, parts, surveyed
from noneq.data.lazy.writer import write_parts
from noneq.data.safety import check_file, check_seal, safely
from noneq.data.snapshots import Snapshots
from noneq.data.trajectories import Trajectories
from noneq.errors import DataFileError, NoneqError, WriteFailed


_BYTES = 16_000_000
"""Read at once, unless one row is larger."""


class _Source(NamedTuple):
    """Arrays that are read by rows, and the record beside them."""

    values: Any
    time: Any
    condition: Any
    record: dict[str, Any]


class Converted(NamedTuple):
    """What was written."""

    kind: str
    n: int
    times: np.ndarray
    event_shape: tuple[int, ...]


def convert_parts(source: Path, target: Path, *, record: bool = False) -> Converted | None:
    """Write ``source`` as ``target`` without holding it; None where it must be read whole.

    Args:
        source: a zarr folder, netCDF, parquet or csv file with a record that this library wrote; or a
            large table of numbers.
        target: a path that ends in ``.zarr``; from zarr and netCDF also ``.csv`` and ``.parquet``.
        record: as in `noneq.data.write`.

    Raises:
        DataFileError: the source is damaged; no target is written.
        InvalidInput: it cannot be written so.
        WriteFailed: the disk refused; what was there before is intact.
    """
    recover(source)
    if target.suffix.lower() not in (".zarr", ".csv", ".parquet") or not source.exists():
        return None
    try:
        with ExitStack() as stack:
            found = safely(source, lambda: _opened(source, stack))
            if found is not None:
                return _from_arrays(source, found, target, record)
            table = safely(source, lambda: table_in(source)) if target.suffix == ".zarr" else None
            return None if table is None else _from_table(source, table, target)
    except NoneqError:
        raise
    except OSError as error:
        raise WriteFailed(
            f"cannot write {target}: {reason(error)}; free space or change it."
        ) from error


def _from_arrays(source: Path, found: _Source, target: Path, record: bool) -> Converted:
    paired = found.record["kind"] == "Trajectories"
    lead, n = 2 if paired else 1, found.values.shape[0]
    times = safely(source, lambda: distinct_times(found.time, lead))
    every = _parts(found, times, paired)
    with atomic_path(target) as temporary:
        if target.suffix.lower() == ".zarr":
            _check(source, found.record, write_parts(every, temporary, n=n, times=times))
        elif target.suffix.lower() == ".csv":
            text = record_text(found.record) if record else ""
            write_csv_parts(map(_ensemble, every), temporary, text)
        else:
            write_parquet_parts(map(_ensemble, every), temporary, record_text(found.record))
    return Converted(found.record["kind"].lower(), n, times, found.values.shape[lead:])


def _from_table(source: Path, table: Table, target: Path) -> Converted | None:
    """The rows of a table as a zarr folder; None if rows of a path stand apart."""
    survey = safely(source, lambda: surveyed(table))
    paired = table.trajectory is not None
    if not survey.rows or not survey.is_sorted:
        return None
    n = survey.paths if paired else survey.rows
    with atomic_path(target) as temporary:
        every = parts(table, survey)
        written = safely(source, lambda: write_parts(every, temporary, n=n, times=survey.times))
        if "sha256" in table.record:
            _check(source, table.record, written)
    kind = "trajectories" if paired else "snapshots"
    return Converted(kind, n, survey.times, (len(table.coordinates),))


def _check(source: Path, told: dict[str, Any], written: dict[str, Any]) -> None:
    """Refuse what is not the data of the record.

    Raises:
        DataFileError: its checksum differs.
    """
    if written["sha256"] != told["sha256"]:
        raise DataFileError(
            f"{source}: its content does not match its checksum; restore it from a copy."
        )


def _ensemble(raw: Raw) -> Snapshots | Trajectories:
    """A part in memory; rows that are not observed are masked."""
    labels = labels_of(raw)
    if raw.time_index is None:
        seen = np.isfinite(raw.values).reshape(*raw.values.shape[:2], -1).all(axis=2)
        mask = None if seen.all() else seen
        return Trajectories(raw.values, raw.times, mask=mask, condition=raw.condition, **labels)
    present, index = np.unique(raw.time_index, return_inverse=True)
    times = raw.times[present]
    return Snapshots(raw.values, times, index.astype(np.int32), condition=raw.condition, **labels)


def _opened(source: Path, stack: ExitStack) -> _Source | None:
    """The arrays of a file of this library; None of another one."""
    if source.suffix.lower() == ".nc":
        return _netcdf(source, stack)
    if source.suffix.lower() != ".zarr" or not (source / "zarr.json").is_file():
        return None
    attributes = json.loads((source / "zarr.json").read_bytes()).get("attributes", {})
    if "noneq" not in attributes or not (source / "time").is_dir():
        return None
    record = parse_record(source, str(attributes["noneq"]))
    condition = ChunkedArray(source / "condition") if (source / "condition").is_dir() else None
    return _Source(
        ChunkedArray(source / "values"), ChunkedArray(source / "time"), condition, record
    )


def _netcdf(source: Path, stack: ExitStack) -> _Source | None:
    """Only a file whose seal is whole: HDF5 itself may crash on a damaged one."""
    import h5py

    check_file(source, (b"\x89HDF\r\n\x1a\n", b"CDF"))
    if not check_seal(source):
        return None
    file = stack.enter_context(h5py.File(source, "r"))
    if not {"values", "time"} <= set(file) or "noneq" not in file.attrs:
        return None
    record = parse_record(source, str(file.attrs["noneq"]))
    return _Source(file["values"], file["time"], file.get("condition"), record)


def _parts(found: _Source, times: np.ndarray, paired: bool) -> Iterator[Raw]:
    shape = found.values.shape
    row = int(np.prod(shape[1:])) * found.values.dtype.itemsize
    step = max(1, _BYTES // row)
    for first in range(0, shape[0], step):
        rows = slice(first, first + step)
        condition = None if found.condition is None else np.asarray(found.condition[rows])
        index = None if paired else np.searchsorted(times, found.time[rows]).astype(np.int32)
        values = np.asarray(found.values[rows])
        yield Raw(values, times, index, None, condition, found.record)
