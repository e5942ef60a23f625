"""Kinds of fault beyond the kept cases: each function writes a small file and says if it is read rightly."""

from collections.abc import Callable

import h5py
import numpy as np
import scipy.io
import xarray as xr

from noneq.data import Snapshots, Trajectories, read, write
from noneq.data.inspection import inspection
from noneq.errors import NoneqError


def refused(name: str, *words: str, **how) -> bool:
    """Whether reading ends in one line with these words."""
    try:
        read(name, **how)
    except NoneqError as error:
        return "\n" not in str(error) and all(word in str(error) for word in words)
    return False


def field(land: bool = False) -> xr.Dataset:
    values = np.random.default_rng(0).normal(size=(5, 4, 6))
    if land:
        values[:, :2, 0] = np.nan
    latitude = ("lat", np.linspace(-30, 30, 4), {"units": "degrees_north"})
    return xr.Dataset(
        {"T": (("time", "lat", "lon"), values, {"units": "K"})},
        {
            "time": np.arange(5) + np.datetime64("2000-01-01"),
            "lat": latitude,
            "lon": np.arange(6.0),
        },
    )


def gridded() -> bool:
    field().to_netcdf("a.nc", engine="h5netcdf", unlimited_dims=["time"])
    data = read("a.nc")
    return (data.event_shape, data.names, data.units) == ((1, 4, 6), ("T",), ("K",))


def land() -> bool:
    field(land=True).to_netcdf("a.nc", engine="h5netcdf")
    filled, cells = (read("a.nc", reading=[word]) for word in ("fill=0", "grid=none"))
    shapes = filled.event_shape, cells.event_shape
    return refused("a.nc", "2 of 24 cells", "fill=0") and shapes == ((1, 4, 6), (22,))


def several() -> bool:
    field().assign(u=field()["T"] + 1).to_netcdf("a.nc", engine="h5netcdf")
    both = read("a.nc", columns=["u", "T"])
    return (
        refused("a.nc", "--columns T,u") and both.names == ("u", "T") and both.event_shape[0] == 2
    )


def levels() -> bool:
    field().expand_dims(level=[1000.0, 500.0], axis=1).to_netcdf("a.nc", engine="h5netcdf")
    channels = read("a.nc", reading=["grid=lat,lon"])
    return read("a.nc").event_shape == (1, 2, 4, 6) and channels.event_shape == (2, 4, 6)


def calendar() -> bool:
    about = {"units": "days since 2000-01-01", "calendar": "360_day"}
    place = ("time", [0.0, 30.0, 60.0, 90.0, 120.0], about)
    field().assign_coords(time=place).to_netcdf("a.nc", engine="h5netcdf")
    data = read("a.nc")
    return (data.times[-1], data.time_unit) == (120.0, "days since 2000-01-01 (360_day)")


def coordinates() -> bool:
    x = np.random.default_rng(0).normal(size=(2, 9))
    xr.Dataset({"x": ("time", x[0]), "y": ("time", x[1])}, {"time": np.arange(9.0)}).to_netcdf(
        "a.nc", engine="h5netcdf"
    )
    data = read("a.nc")
    return data.names == ("x", "y") and bool((data.values[0] == x.T).all())


def classic() -> bool:
    field().to_netcdf("a.nc", engine="scipy")
    return read("a.nc").event_shape == (1, 4, 6)


def older_zarr() -> bool:
    field().to_zarr("a.zarr", zarr_format=2)
    return read("a.zarr").event_shape == (1, 4, 6)


def hdf5() -> bool:
    values = np.random.default_rng(0).normal(size=(4, 9, 2))
    with h5py.File("x.h5", "w") as file:
        file["group/positions"], file["group/time"], file["more/q"] = values, np.arange(9.0), values
    right = (read("x.h5:/group/positions").values == values).all()
    return refused("x.h5", "x.h5:/group/positions") and bool(right)


def ragged_cells() -> bool:
    paths = [np.random.default_rng(0).normal(size=(length, 2)) for length in (5, 7, 4)]
    box = np.empty((1, 3), object)
    box[0, :] = paths
    scipy.io.savemat("a.mat", {"paths": box})
    data = read("a.mat")
    return isinstance(data, Trajectories) and data.observed.sum(1).tolist() == [5, 7, 4]


def rows_or_columns() -> bool:
    x, t = np.random.default_rng(0).normal(size=(3, 50)), np.arange(50.0)
    scipy.io.savemat("a.mat", {"X": x, "t": t})
    one = read("a.mat", columns=["a", "b", "c"])
    return refused("a.mat", "--kind", "--columns") and bool((one.values[0] == x.T).all())


def vectors() -> bool:
    x = np.random.default_rng(0).normal(size=(2, 9))
    np.savez("a.npz", x=x[0], y=x[1], t=np.arange(9.0))
    return read("a.npz").names == ("x", "y")


def sparse_cells() -> bool:
    counts = np.random.default_rng(0).poisson(1.0, (6, 3)).astype("float32")
    with h5py.File("a.h5ad", "w") as file:
        file["obs/day/codes"] = np.arange(6, dtype="int8") % 2
        file["obs/day/categories"] = ["day 2", "day 7"]
        file["var/_index"] = [*"ABC"]
        rows = np.nonzero(counts)
        file["X/data"], file["X/indices"] = counts[rows], rows[1]
        file["X/indptr"] = np.searchsorted(rows[0], np.arange(7))
        file["X"].attrs["encoding-type"], file["X"].attrs["shape"] = "csr_matrix", counts.shape
    data = read("a.h5ad")
    named = data.names == (*"ABC",) and data.times.tolist() == [2, 7] and data.time_unit == "day"
    return named and bool((data.values == counts).all())


def plain_csv() -> bool:
    values = np.random.default_rng(0).normal(size=(6, 2))
    write(Snapshots(values, [0.0, 1.0], [0, 0, 0, 1, 1, 1], units=["um", "s"]), "a.csv")
    data = read("a.csv")
    with open("a.csv") as stream:
        first = stream.readline()
    return first == "time,x0 (um),x1 (s)\n" and bool((data.values == values).all())


def entities() -> bool:
    with open("a.xml", "w") as stream:
        stream.write('<!DOCTYPE a [<!ENTITY b "c">]><Tracks>&b;</Tracks>')
    return refused("a.xml", "unsafe")


def said() -> bool:
    field().to_netcdf("a.nc", engine="h5netcdf")
    return inspection("a.nc").understood.names("grid") == ("lat", "lon")


KINDS: dict[str, Callable[[], bool]] = {
    "netCDF: a field on a grid": gridded,
    "netCDF: the grid is said": said,
    "netCDF: land": land,
    "netCDF: several fields": several,
    "netCDF: levels": levels,
    "netCDF: calendar": calendar,
    "netCDF: a variable a coordinate": coordinates,
    "netCDF: classic": classic,
    "zarr: format 2": older_zarr,
    "HDF5: a path inside": hdf5,
    "MATLAB: ragged cells": ragged_cells,
    "MATLAB: times along rows": rows_or_columns,
    "npz: vectors": vectors,
    "h5ad: sparse counts by day": sparse_cells,
    "csv: written plainly": plain_csv,
    "XML: entities": entities,
}
