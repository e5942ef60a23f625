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


def nameless_tracks() -> bool:
    with open("a.txt", "w") as stream:
        stream.writelines(f"{p} {t / 2} {p - t / 7}\n" for t in range(4) for p in range(3))
    data = read("a.txt", columns=["track", "time", "x"])
    return refused("a.txt", "--columns track,time,x") and data.values.shape == (3, 4, 1)


def other_clock() -> bool:
    with open("a.csv", "w") as stream:
        stream.write("Zeit (s),x\n" + "".join(f"{t},{t % 3}\n" for t in range(9)))
    data = read("a.csv", time_column="Zeit")
    return refused("a.csv", "--time-column Zeit") and data.time_unit == "s"


def other_label() -> bool:
    with open("a.csv", "w") as stream:
        stream.write("time,bead,x\n" + "".join(f"{i // 3},{i % 3},{i / 7}\n" for i in range(12)))
    data = read("a.csv", trajectory_column="bead")
    return refused("a.csv", "--trajectory-column bead") and data.values.shape == (3, 4, 1)


def seconds_since_1970() -> bool:
    with open("a.csv", "w") as stream:
        stream.write("timestamp,x\n" + "".join(f"{1704067200 + t},{t % 3}\n" for t in range(9)))
    return np.diff(read("a.csv").times).tolist() == [1.0] * 8


def one_time() -> bool:
    np.savez("a.npz", values=np.random.default_rng(0).normal(size=(9, 1, 8, 8)), times=np.zeros(1))
    data = read("a.npz")
    return isinstance(data, Snapshots) and data.event_shape == (1, 8, 8)


def degrees() -> bool:
    with open("a.csv", "w") as stream:
        stream.write("time,phi (deg)\n0,10\n0,350\n1,370\n1,-10\n")
    right = read("a.csv", domain="torus:360").values.ravel().tolist() == [10, -10, 10, -10]
    return refused("a.csv", "--domain torus:360", domain="torus:2pi") and right


def many_codes() -> bool:
    x = np.random.default_rng(0).normal(size=40)
    x[::4] = -999
    np.savez("a.npz", values=x[:, None])
    return any("--missing -999" in text for text in inspection("a.npz").warnings)


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
    "txt: tracks without names": nameless_tracks,
    "csv: a clock of another name": other_clock,
    "csv: a label of another name": other_label,
    "csv: seconds since 1970": seconds_since_1970,
    "npz: images at one time": one_time,
    "csv: degrees and a period of 2 pi": degrees,
    "npz: many codes for missing entries": many_codes,
}
