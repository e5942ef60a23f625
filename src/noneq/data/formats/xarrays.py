"""xarray data sets, and the two formats that are read and written through them."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from noneq.data.formats.assembly import assemble
from noneq.data.formats.gridded import from_dataset
from noneq.data.formats.reader import AbstractReader
from noneq.data.formats.unpacked import unpacked
from noneq.data.formats.zarr2 import read_zarr2
from noneq.data.layouts import Raw, as_raw, own, parse_record, record_of, record_text
from noneq.data.lazy.chunks import ChunkedArray
from noneq.data.lazy.writer import write_parts
from noneq.data.readings.options import Reading
from noneq.data.safety import check_file, check_seal, refuse_bomb, refuse_codecs, refuse_long, seal
from noneq.data.snapshots import Snapshots
from noneq.data.trajectories import Trajectories
from noneq.errors import DataFileError


if TYPE_CHECKING:
    import xarray as xr


_RECORD = "noneq"
_CHUNK = 16_000_000
"""Bytes of one chunk."""
_SPARE = 16_000_000
"""Bytes of a chunk beyond the array that it belongs to: stores that grow have such."""


def write_netcdf(data: Snapshots | Trajectories, path: Path) -> None:
    """HDF5-based netCDF with CF attributes; a sha256 follows its end, where other readers do not look."""
    dataset = _marked(data).assign_attrs({"Conventions": "CF-1.11"})
    if all(name.isprintable() for name in data.names):
        axis = "state" if len(data.event_shape) == 1 else "channel"
        dataset = dataset.assign_coords({axis: [*data.names]})
    encoding = {
        name: {"fletcher32": True, "chunksizes": _chunks(variable), "_FillValue": None}
        for name, variable in dataset.variables.items()
        if variable.dtype.kind == "f"
    }
    # In memory first: HDF5 itself crashes when the disk is full.
    path.write_bytes(dataset.to_netcdf(engine="h5netcdf", encoding=encoding))
    seal(path)


class NetcdfReader(AbstractReader):
    """Our own file, or any with ``time`` and one array over it."""

    def read(self, path: Path, reading: Reading, limit: int) -> Raw:
        """Our own file, or any with ``time`` and one array over it."""
        import xarray as xr

        check_file(path, (b"\x89HDF\r\n\x1a\n", b"CDF"))
        check_seal(path)
        texts = {name for name in (reading.time, reading.trajectory, *reading.condition) if name}
        inside = reading.variable or ""
        with path.open("rb") as stream:
            classic = stream.read(3) == b"CDF"
        if classic:
            attrs, columns = unpacked(path, "netcdf3", limit)
        else:
            attrs, columns = unpacked(
                path, "hdf5", limit, texts, inside="/" in inside and inside or ""
            )
        if inside:
            last = inside.rpartition("/")[2]
            known = any(name == last for name, _ in columns)
            reading = replace(reading, variable=last if known or "/" not in inside else None)
        variables = {name: (c.dims, c.values, _numbers(c.attrs)) for name, c in columns}
        dataset = xr.Dataset(variables, attrs=_numbers(attrs))
        return _raw(path, xr.decode_cf(dataset, decode_times=False), reading)


def _numbers(attrs: dict[str, Any]) -> dict[str, Any]:
    """Attributes whose numbers came as pairs of dtype and values."""
    return {
        name: value if isinstance(value, str) else np.array(value[1], value[0])[()]
        for name, value in attrs.items()
        if isinstance(value, str) or value[0] != "texts"
    }


def write_zarr(data: Snapshots | Trajectories, path: Path) -> None:
    """zarr format 3: small chunks in shards, each with a crc32c checksum (`write_parts`)."""
    write_parts([as_raw(data)], path, n=data.n, times=data.times)


class ZarrReader(AbstractReader):
    """Our own folder, or any of zarr format 2 or 3 with ``time`` and one array over it."""

    def read(self, path: Path, reading: Reading, limit: int) -> Raw:
        """Our own folder, or any of zarr format 2 or 3 with ``time`` and one array over it."""
        import xarray as xr
        import zarr

        from noneq.data.formats.bounded import bounded_codecs

        if path.is_dir() and (path / ".zgroup").is_file() and not (path / "zarr.json").exists():
            dataset = read_zarr2(path, limit)
            return _raw(path, xr.decode_cf(dataset, decode_times=False), reading)
        _check_folder(path)
        with bounded_codecs():
            group = zarr.open_group(path, mode="r", zarr_format=3, use_consolidated=False)
            arrays = dict(group.arrays())
            refuse_bomb(path, sum(array.nbytes for array in arrays.values()), limit)
            for name, array in arrays.items():
                chunk = math.prod(array.chunks) * array.dtype.itemsize
                if chunk > max(array.nbytes, _SPARE):
                    raise DataFileError(
                        f"{path}: {name!r} has chunks of {chunk / 1e6:,.0f} MB; refused as unsafe."
                    )
                _refuse_missing(path, name, array)
            with xr.open_dataset(
                path, engine="zarr", consolidated=False, decode_times=False
            ) as dataset:
                return _raw(path, dataset.load(), reading)


def _refuse_missing(path: Path, name: str, array: Any) -> None:
    """Refuse an array of which a chunk is missing: zarr would read it as the fill value."""
    if array.shards is not None:
        ChunkedArray(path / name, numbers=False).refuse_missing()
    elif array.nchunks_initialized != array.nchunks:
        raise DataFileError(
            f"{path}: {name!r} has {array.nchunks_initialized} of {array.nchunks} chunks; "
            "restore it from a copy, or write it again with write_empty_chunks=True."
        )


def _check_folder(path: Path) -> None:
    """Other formats, long metadata and codecs without a bound are refused."""
    if not path.is_dir():
        raise DataFileError(f"{path} is no zarr folder; give the folder that holds zarr.json.")
    if not (path / "zarr.json").is_file():
        raise DataFileError(f"{path} has no zarr.json; the folder is damaged or no zarr store.")
    for entry in path.rglob("zarr.json"):
        refuse_long(path, str(entry.relative_to(path)), entry.stat().st_size)
        metadata = json.loads(entry.read_bytes())
        if metadata.get("node_type") not in ("array", "group"):
            raise DataFileError(f"{entry} is damaged; restore the folder from a copy.")
        refuse_codecs(path, metadata.get("codecs", ()))


def _marked(data: Snapshots | Trajectories) -> "xr.Dataset":
    dataset = data.to_xarray()
    # Text coordinates depend on each format's strings; the record holds them anyway.
    dataset = dataset.drop_vars([n for n in dataset.coords if n != "time"])
    dataset["values"].attrs[_RECORD] = 1
    dataset["time"].attrs |= {"standard_name": "time", "axis": "T"}
    if data.time_unit.isprintable() and data.time_unit:
        dataset["time"].attrs["units"] = data.time_unit
    return dataset.assign_attrs({_RECORD: record_text(record_of(data))})


def _raw(path: Path, dataset: "xr.Dataset", reading: Reading) -> Raw:
    record: dict[str, Any] = {}
    if _RECORD in dataset.attrs:
        record = parse_record(path, str(dataset.attrs[_RECORD]))
    elif any(_RECORD in variable.attrs for variable in dataset.variables.values()):
        raise DataFileError("its noneq record is damaged; restore it from a copy.")
    if not record:
        return from_dataset(dataset, reading)
    with own(record):
        return _own(dataset, record)


def _own(dataset: "xr.Dataset", record: dict[str, Any]) -> Raw:
    """What `write_netcdf` and `write_zarr` left: values over (trajectory, time) or rows."""
    values = dataset["values"].to_numpy()
    condition = dataset["condition"].to_numpy() if "condition" in dataset else None
    if "time" not in dataset.variables:
        return assemble(values, None, None, condition, record, Reading())
    times = dataset["time"].to_numpy().astype(np.float64)
    if "trajectory" in dataset["values"].dims:
        return Raw(values, times, None, None, condition, record)
    return assemble(values, times, None, condition, record, Reading())


def _chunks(variable: Any) -> tuple[int, ...]:
    """Whole states, so many that a chunk stays near 16 MB."""
    row = max(1, variable.nbytes // max(1, variable.shape[0]))
    return (max(1, min(variable.shape[0], _CHUNK // row)), *variable.shape[1:])
