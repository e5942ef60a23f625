"""An own zarr folder or netCDF file as a zarr folder, a few megabytes at a time."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from noneq.data.atomic import atomic_path, recover
from noneq.data.hints import reason
from noneq.data.layouts import Raw, parse_record
from noneq.data.lazy.chunks import ChunkedArray
from noneq.data.lazy.ensemble import LazyEnsemble
from noneq.data.lazy.opening import distinct_times, open_lazy
from noneq.data.lazy.writer import write_parts
from noneq.data.safety import check_file, check_seal, safely
from noneq.errors import DataFileError, NoneqError, WriteFailed


_BYTES = 16_000_000
"""Read at once, unless one row is larger."""


class _Source(NamedTuple):
    """Arrays that are read by rows, and the record beside them."""

    values: Any
    time: Any
    condition: Any
    record: dict[str, Any]


def convert_parts(source: Path, target: Path) -> LazyEnsemble | None:
    """Write ``source`` as a zarr folder without holding it; None where it must be read whole.

    Args:
        source: a zarr folder or netCDF file that this library wrote.
        target: a path that ends in ``.zarr``.

    Raises:
        DataFileError: the source is damaged; no target is written.
        WriteFailed: the disk refused; what was there before is intact.
    """
    recover(source)
    if target.suffix.lower() != ".zarr" or not source.exists():
        return None
    with ExitStack() as stack:
        found = safely(source, lambda: _opened(source, stack))
        if found is None:
            return None
        paired = found.record["kind"] == "Trajectories"
        lead = 2 if paired else 1
        times = safely(source, lambda: distinct_times(found.time, lead))
        try:
            with atomic_path(target) as temporary:
                parts = _parts(found, times, paired)
                written = write_parts(parts, temporary, n=found.values.shape[0], times=times)
                if written["sha256"] != found.record["sha256"]:
                    raise DataFileError(
                        f"{source}: its content does not match its checksum; restore it from a copy."
                    )
        except NoneqError:
            raise
        except OSError as error:
            raise WriteFailed(
                f"cannot write {target}: {reason(error)}; free space or change it."
            ) from error
    return open_lazy(target)


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
