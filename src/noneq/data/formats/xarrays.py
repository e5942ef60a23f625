"""xarray data sets, and the two formats that are read and written through them."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from noneq.data.formats.assembly import assemble
from noneq.data.formats.cf import within_range
from noneq.data.formats.unpacked import unpacked
from noneq.data.layouts import Raw, own, parse_record, record_of, record_text
from noneq.data.readings.options import Reading
from noneq.data.safety import check_file, check_seal, refuse_bomb, refuse_codecs, refuse_long, seal
from noneq.data.snapshots import Snapshots
from noneq.data.trajectories import Trajectories
from noneq.errors import DataFileError, InvalidInput


if TYPE_CHECKING:
    import xarray as xr


_RECORD = "noneq"
_PATHS = ("trajectory", "traj", "realization", "member", "ensemble", "particle")
_TIMES = ("time", "times", "t")
_CHUNK = 16_000_000
"""Bytes of one chunk."""
_SPARE = 16_000_000
"""Bytes of a chunk beyond the array that it belongs to: stores that grow have such."""


def write_netcdf(data: Snapshots | Trajectories, path: Path) -> None:
    """HDF5-based netCDF; a sha256 follows its end, where other readers do not look."""
    dataset = _marked(data)
    encoding = {
        name: {"fletcher32": True, "chunksizes": _chunks(variable), "_FillValue": None}
        for name, variable in dataset.variables.items()
        if variable.dtype.kind == "f"
    }
    # In memory first: HDF5 itself crashes when the disk is full.
    path.write_bytes(dataset.to_netcdf(engine="h5netcdf", encoding=encoding))
    seal(path)


def read_netcdf(path: Path, reading: Reading, limit: int) -> Raw:
    """Our own file, or any with ``time`` and one array over it."""
    import xarray as xr

    check_file(path, (b"\x89HDF\r\n\x1a\n", b"CDF"))
    with path.open("rb") as stream:
        if stream.read(3) == b"CDF":
            raise InvalidInput(
                f"{path} is classic netCDF; convert it with: nccopy -k nc4 {path.name} new.nc"
            )
    check_seal(path)
    texts = {name for name in (reading.time, reading.trajectory, *reading.condition) if name}
    attrs, columns = unpacked(path, "hdf5", limit, texts)
    variables = {name: (c.dims, c.values, _numbers(c.attrs)) for name, c in columns}
    dataset = xr.Dataset(variables, attrs=_numbers(attrs))
    return _raw(path, xr.decode_cf(dataset, decode_times=False), reading)


def from_dataset(dataset: "xr.Dataset", reading: Reading) -> Raw:
    """A data set in memory, as one of a file without a record."""
    return _labelled(dataset, reading, {})


def _numbers(attrs: dict[str, Any]) -> dict[str, Any]:
    """Attributes whose numbers came as pairs of dtype and values."""
    return {
        name: value if isinstance(value, str) else np.array(value[1], value[0])[()]
        for name, value in attrs.items()
    }


def write_zarr(data: Snapshots | Trajectories, path: Path) -> None:
    """zarr format 3: every chunk is written and carries a crc32c checksum."""
    import zarr
    from zarr.codecs import Crc32cCodec, ZstdCodec

    dataset = _marked(data)
    encoding = {
        name: {
            "chunks": _chunks(variable),
            "compressors": [ZstdCodec(level=1), Crc32cCodec()],
            **({"_FillValue": None} if variable.dtype.kind == "f" else {}),
        }
        for name, variable in dataset.variables.items()
    }
    with zarr.config.set({"array.write_empty_chunks": True}):
        dataset.to_zarr(path, zarr_format=3, consolidated=False, encoding=encoding)


def read_zarr(path: Path, reading: Reading, limit: int) -> Raw:
    """Our own folder, or any of zarr format 3 with ``time`` and one array over it."""
    import xarray as xr
    import zarr

    from noneq.data.formats.bounded import bounded_codecs

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
            if array.nchunks_initialized != array.nchunks:
                raise DataFileError(
                    f"{path}: {name!r} has {array.nchunks_initialized} of {array.nchunks} chunks; "
                    "restore it from a copy, or write it again with write_empty_chunks=True."
                )
        with xr.open_dataset(
            path, engine="zarr", consolidated=False, decode_times=False
        ) as dataset:
            return _raw(path, dataset.load(), reading)


def _check_folder(path: Path) -> None:
    """Other formats, long metadata and codecs without a bound are refused."""
    if not path.is_dir():
        raise DataFileError(f"{path} is no zarr folder; give the folder that holds zarr.json.")
    if not (path / "zarr.json").is_file():
        old = (path / ".zgroup").exists() or (path / ".zarray").exists()
        raise DataFileError(
            f"{path} has zarr format 2; rewrite it: xarray.open_zarr(a).to_zarr(b, zarr_format=3)."
            if old
            else f"{path} has no zarr.json; the folder is damaged or no zarr store."
        )
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
    return dataset.assign_attrs({_RECORD: record_text(record_of(data))})


def _raw(path: Path, dataset: "xr.Dataset", reading: Reading) -> Raw:
    record: dict[str, Any] = {}
    if _RECORD in dataset.attrs:
        record, reading = parse_record(path, str(dataset.attrs[_RECORD])), Reading()
    elif any(_RECORD in variable.attrs for variable in dataset.variables.values()):
        raise DataFileError("its noneq record is damaged; restore it from a copy.")
    with own(record):
        return _labelled(dataset, reading, record)


def _labelled(dataset: "xr.Dataset", reading: Reading, record: dict[str, Any]) -> Raw:
    name = _values_name(dataset, reading)
    values = dataset[name] if record else within_range(dataset[name])
    condition_names = reading.condition or [n for n in ("condition",) if n in dataset]
    condition = _columns(dataset, condition_names)
    time_name = reading.time or next((n for n in _TIMES if n in dataset.variables), None)
    if time_name is None or (reading.time is None and dataset[time_name].ndim == 0):
        return assemble(values.to_numpy(), None, None, condition, record, reading)
    if time_name not in dataset.variables:
        found = ", ".join(map(str, dataset.variables))
        raise InvalidInput(f"no variable {time_name!r}; there are {found}.")
    time = dataset[time_name]
    axis = str(time.dims[0]) if time.ndim == 1 else None
    if axis not in values.dims:
        raise InvalidInput(
            f"{time_name} has dims {time.dims}, {name} {values.dims}; expected one time axis that "
            "both share."
        )
    times = time.to_numpy().astype(np.float64)
    path = reading.trajectory or next((n for n in _PATHS if n in values.dims), None)
    if not record:
        event = [str(d) for d in values.dims if d not in (axis, path)]
        unit = time.attrs.get("units", time.attrs.get("unit", ""))
        record = _foreign_labels(dataset, event, str(unit))
    if path in values.dims and path != axis:
        ordered = values.transpose(path, axis, ...)
        return Raw(ordered.to_numpy(), times, None, None, condition, record)
    labels = dataset[path].to_numpy() if path in dataset.variables else None
    rows = axis == values.dims[0] and (axis not in _TIMES or reading.kind is not None)
    if rows or labels is not None:
        return assemble(values.to_numpy(), times, labels, condition, record, reading)
    raise InvalidInput(
        f"{name} has dims {values.dims}; name the axis of the paths (command line: "
        "--trajectory-column DIM), or say kind='trajectories' for a single path."
    )


def _foreign_labels(dataset: "xr.Dataset", event: list[str], time_unit: str) -> dict[str, Any]:
    record: dict[str, Any] = {"time_unit": time_unit}
    if event and event[0] in dataset.coords:
        record["names"] = [str(name) for name in dataset[event[0]].to_numpy()]
    if event and "unit" in dataset.coords and dataset["unit"].dims == (event[0],):
        record["units"] = [str(unit) for unit in dataset["unit"].to_numpy()]
    return record


def _values_name(dataset: "xr.Dataset", reading: Reading) -> str:
    taken = {*reading.condition, reading.time, reading.trajectory, "condition", *_TIMES, *_PATHS}
    numeric = [
        str(n) for n, v in dataset.data_vars.items() if n not in taken and v.dtype.kind in "fiub"
    ]
    if "values" in numeric:
        return "values"
    if len(numeric) != 1:
        found = ", ".join(numeric) or "none"
        raise InvalidInput(f"expected one array called values; numeric arrays found: {found}.")
    return numeric[0]


def _columns(dataset: "xr.Dataset", names: Any) -> np.ndarray | None:
    columns = [dataset[name].to_numpy() for name in names]
    return np.column_stack(columns) if columns else None


def _chunks(variable: Any) -> tuple[int, ...]:
    """Whole states, so many that a chunk stays near 16 MB."""
    row = max(1, variable.nbytes // max(1, variable.shape[0]))
    return (max(1, min(variable.shape[0], _CHUNK // row)), *variable.shape[1:])
