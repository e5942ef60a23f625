"""netCDF and zarr as others write them: which axis is what, CF times, land, several variables."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from noneq.data import Snapshots, Trajectories, read
from noneq.data.formats.cf import clock
from noneq.data.formats.gridded import from_dataset
from noneq.data.inspection import inspection
from noneq.data.readings.options import parse
from noneq.data.readings.refinement import build
from noneq.data.summary import summarise
from noneq.errors import DataFileError, InvalidInput


LATITUDE, LONGITUDE = np.linspace(-30.0, 30.0, 4), 60.0 * np.arange(6)


@pytest.fixture
def weather(rng):
    """Two fields on one grid, six-hourly."""
    values = rng.normal(size=(2, 5, 4, 6))
    dims = ("time", "lat", "lon")
    return xr.Dataset(
        {
            "T": (dims, values[0], {"units": "K", "standard_name": "air_temperature"}),
            "u": (dims, values[1], {"units": "m/s"}),
        },
        {
            "time": np.datetime64("2000-01-01", "ns") + np.arange(5) * np.timedelta64(6, "h"),
            "lat": ("lat", LATITUDE, {"units": "degrees_north"}),
            "lon": ("lon", LONGITUDE, {"units": "degrees_east"}),
        },
    )


def taken(dataset, *words):
    """A data set in memory read as a file would be, and what is said of it."""
    reading = parse(words)
    raw = from_dataset(dataset, reading)
    rest = replace(reading, **dict.fromkeys(raw.settled, ()))
    return build(raw, rest, "error"), raw.understood


def test_gridded_fields_are_fields_channels_first(weather, tmp_path):
    path = tmp_path / "a.nc"
    weather.to_netcdf(path, engine="h5netcdf", unlimited_dims=["time"])
    with pytest.raises(InvalidInput, match="arrays found: T, u. Choose with --columns T,u"):
        read(path)
    data = read(path, columns=["u", "T"])
    assert isinstance(data, Trajectories)
    assert (data.n, data.event_shape, data.names) == (1, (2, 4, 6), ("u", "T"))
    np.testing.assert_array_equal(data.values[0, :, 1], weather["T"].values)
    assert (data.units, data.times.tolist()) == (("m/s", "K"), [0, 6, 12, 18, 24])
    assert data.time_unit == "hours since 2000-01-01 00:00:00"
    look = inspection(path, reading=["variable=T"])
    text = "\n".join(look.understood.lines())
    assert "lat   grid in degrees_north (4 points from -30 to 30)" in text
    assert look.understood.headline.endswith("coordinates T, on a grid of lat, lon, left out u")
    assert "--read variable=T" in look.command


def test_levels_are_an_axis_or_channels(weather, rng):
    level = weather.drop_vars("u").expand_dims(level=[1000.0, 850.0], axis=1)
    level["T"] = level["T"] + xr.DataArray([0.0, 5.0], dims="level")
    data, _ = taken(level)
    assert data.event_shape == (1, 2, 4, 6)
    channels, _ = taken(level, "grid=lat,lon")
    assert (channels.event_shape, channels.names) == ((2, 4, 6), ("level=1000", "level=850"))
    np.testing.assert_array_equal(channels.values, data.values[:, :, 0])
    turned, _ = taken(level, "grid=lon,lat")
    np.testing.assert_array_equal(turned.values, np.swapaxes(channels.values, -1, -2))
    with pytest.raises(
        InvalidInput, match="no dimension 'x' of a state; there are level, lat, lon"
    ):
        taken(level, "grid=x")


def test_land_is_named_filled_or_left_out(weather):
    ocean = weather.drop_vars("u")
    ocean["T"].values[:, :2, 0] = np.nan
    with pytest.raises(InvalidInput, match="2 of 24 cells never have a value.*fill=0.*grid=none"):
        taken(ocean)
    filled, said = taken(ocean, "fill=-1")
    assert filled.values[0, :, 0, :2, 0].tolist() == [[-1.0, -1.0]] * 5
    assert "2 of 24 cells never have a value: -1" in said.notes
    cells, _ = taken(ocean, "grid=none")
    assert (cells.event_shape, cells.names[0]) == ((22,), "lat=-30 lon=60")
    np.testing.assert_array_equal(cells.values[0, 3, -6:], ocean["T"].values[3, 3])
    ocean["T"].values[2, 3, 3] = np.nan
    with pytest.raises(InvalidInput, match="1 NaN"):
        taken(ocean, "fill=0")


@pytest.mark.parametrize(
    ("values", "attrs", "times", "unit"),
    [
        ([0, 30], {"units": "days since 2000-01-01", "calendar": "noleap"}, [0, 30],
         "days since 2000-01-01 (noleap)"),
        ([3, 4], {"units": "months since 1850-01-01", "calendar": "standard"}, [3, 4],
         "months since 1850-01-01"),
        ([20000131, 20000301], {"units": "day as %Y%m%d.%f"}, [0, 30], "day"),
        ([20000131, 20000301], {}, [0, 30], "day"),
        (["2000-01-31", "2000-02-02"], {}, [0, 2], "day"),
        (np.array(["2000-01-31", "2000-02-02"], "M8[ns]"), {}, [0, 2], "day"),
        ([0.5, 2], {"units": "s"}, [0.5, 2], "s"),
    ],
)  # fmt: skip
def test_cf_times(values, attrs, times, unit):
    found = clock(xr.DataArray(values, dims="time", attrs=attrs, name="time"))
    assert (found[0].tolist(), found[1]) == (times, unit)


def test_seconds_since_an_epoch_get_another_origin(tmp_path, rng):
    about = {"units": "seconds since 1970-01-01"}
    epoch = xr.Dataset(
        {"x": ("time", rng.normal(size=9))}, {"time": ("time", 9.5e8 + np.arange(9))}
    )
    epoch["time"].attrs = about
    data, _ = taken(epoch)
    with pytest.raises(InvalidInput, match="origin=time:950000000"):
        summarise(data)
    moved, _ = taken(epoch, "origin=time:950000000")
    assert (moved.times.tolist(), moved.n) == ([*range(9)], 1)
    assert moved.time_unit == "seconds since 1970-01-01 + 950000000"
    np.testing.assert_array_equal(moved.values, data.values)


def test_texts_that_are_no_dates_are_no_times():
    with pytest.raises(InvalidInput, match="holds 'early'"):
        clock(xr.DataArray(["early", "late"], dims="time", name="time"))


def test_a_variable_for_each_coordinate_is_a_trajectory(rng):
    x, y = rng.normal(size=(2, 6))
    path, _ = taken(xr.Dataset({"x": ("time", x), "y": ("time", y)}, {"time": np.arange(6.0)}))
    assert (path.n, path.names) == (1, ("x", "y"))
    np.testing.assert_array_equal(path.values[0], np.stack([x, y], 1))
    dims = ("trajectory", "obs")
    time = np.array([[0, 1, 2.0], [1, 2, np.nan]])
    drift = rng.normal(size=(2, 2, 3))
    drifters = xr.Dataset(
        {"lon": (dims, drift[0]), "lat": (dims, drift[1]), "time": (dims, time, {"units": "h"})}
    )
    data, _ = taken(drifters)
    assert (data.n, data.times.tolist(), data.time_unit) == (2, [0, 1, 2], "h")
    assert data.observed.tolist() == [[True] * 3, [False, True, True]]
    np.testing.assert_array_equal(data.values[1, 1:], drift[:, 1, :2].T)


def test_one_field_is_one_state_and_obs_may_come_first(rng):
    field = xr.Dataset(
        {"T": (("lat", "lon"), rng.normal(size=(4, 6)))}, {"lat": LATITUDE, "lon": LONGITUDE}
    )
    data, _ = taken(field)
    assert (data.n, data.event_shape) == (1, (1, 4, 6))
    dims, time = ("obs", "trajectory"), np.array([[0.0, 1], [1, 2], [2, np.nan]])
    x = rng.normal(size=(3, 2))
    drift, _ = taken(xr.Dataset({"x": (dims, x), "time": (dims, time)}))
    assert (drift.n, drift.times.tolist()) == (2, [0, 1, 2])
    np.testing.assert_array_equal(drift.values[0, :, 0], x[:, 0])


def test_axes_of_samples_paths_and_times_without_names(rng):
    x = rng.normal(size=(5, 8, 2))
    cloud, _ = taken(xr.Dataset({"x": (("time", "sample", "state"), x)}, {"time": np.arange(5.0)}))
    assert isinstance(cloud, Snapshots)
    np.testing.assert_array_equal(cloud.at(3.0), x[3])
    bare, _ = taken(xr.Dataset({"u": (("t", "y", "x"), x)}))
    assert (bare.event_shape, bare.time_unit) == ((1, 8, 2), "frame")
    line, _ = taken(
        xr.Dataset({"u": (("time", "x"), x[:, :, 0])}, {"time": range(5), "x": np.arange(8.0)})
    )
    assert line.event_shape == (1, 8)
    open_ = xr.Dataset({"u": (("time", "a", "b"), x)}, {"time": np.arange(5.0)})
    with pytest.raises(InvalidInput, match="axis of the paths .*--read grid=A,B"):
        taken(open_)
    assert taken(open_, "trajectory=a")[0].values.shape == (8, 5, 2)
    assert taken(open_, "grid=a,b")[0].values.shape == (1, 5, 1, 8, 2)
    static = xr.Dataset(
        {"u": (("time", "lat", "lon"), x), "area": (("lat", "lon"), x[0])}, {"time": np.arange(5.0)}
    )
    data, said = taken(static)
    assert (data.names, said.names("left out")) == (("u",), ("area",))
    unlike = static.assign(p=(("time", "lat"), x[:, :, 0]))
    with pytest.raises(InvalidInput, match="p has dimensions time, lat, u has time, lat, lon"):
        taken(unlike, "columns=u,p")


def test_groups_and_classic_netcdf(weather, tmp_path):
    weather.to_netcdf(tmp_path / "a.nc", engine="h5netcdf", group="forecast/run1")
    data = read(f"{tmp_path}/a.nc:/forecast/run1/T")
    np.testing.assert_array_equal(data.values[0, :, 0], weather["T"].values)
    with pytest.raises(InvalidInput, match="no '/forecast/run2'; there are run1"):
        read(f"{tmp_path}/a.nc:/forecast/run2")
    weather.to_netcdf(tmp_path / "b.nc", engine="scipy", unlimited_dims=["time"])
    data = read(tmp_path / "b.nc", reading=["variable=u"])
    np.testing.assert_array_equal(data.values[0, :, 0], weather["u"].values)
    assert data.time_unit.startswith("hours since 2000-01-01")
    content = (tmp_path / "b.nc").read_bytes()
    for size in (100, len(content) // 2):
        (tmp_path / "c.nc").write_bytes(content[:size])
        with pytest.raises(DataFileError):
            read(tmp_path / "c.nc", reading=["variable=u"])


@pytest.mark.parametrize("codec", [None, "Zlib", "Zstd", "Blosc", "LZ4", "GZip"])
def test_zarr_format_2(codec, weather, tmp_path):
    import numcodecs

    path = tmp_path / "a.zarr"
    packers = None if codec is None else [vars(numcodecs)[codec]()]
    encoding = {"T": {"compressors": packers, "chunks": (2, 3, 4)}}
    weather.to_zarr(path, zarr_format=2, consolidated=False, encoding=encoding)
    data = read(path, columns=["T"])
    np.testing.assert_array_equal(data.values[0, :, 0], weather["T"].values)
    chunk = path / "T" / "1.0.0"
    if codec in ("Zlib", "Blosc"):
        much = vars(numcodecs)[codec]().encode(bytes(100_000_000))
        chunk.write_bytes(much)
        with pytest.raises(DataFileError, match="unsafe"):
            read(path, columns=["T"])
    chunk.write_bytes(b"abc")
    with pytest.raises(DataFileError):
        read(path, columns=["T"])
    chunk.unlink()
    with pytest.raises(DataFileError, match="no chunk"):
        read(path, columns=["T"])


def test_zarr_format_2_runs_no_code(tmp_path, weather):
    path = tmp_path / "a.zarr"
    weather.drop_vars("u").to_zarr(path, zarr_format=2, consolidated=False)
    place = path / "T" / ".zarray"
    text = place.read_text()
    place.write_text(text.replace('"filters": null', '"filters": [{"id": "pickle"}]'))
    with pytest.raises(DataFileError, match="filtered by pickle"):
        read(path)
    place.write_text(text.replace('"<f8"', '"|O"'))
    with pytest.raises(InvalidInput, match="arrays found: none"):
        read(path)
    place.write_text(text.replace('"shape": [\n    5', '"shape": [\n    500000000'))
    with pytest.raises(DataFileError, match="claims"):
        read(path)
