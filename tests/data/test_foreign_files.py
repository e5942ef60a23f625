"""Files that others wrote: tables, named arrays, one array per snapshot, xarray stores."""

from pathlib import Path

import numpy as np
import pytest

from noneq.data import Snapshots, Trajectories, read
from noneq.errors import DataFileError, InvalidInput


CITE = Path(__file__).parents[2] / ".." / "shared" / "data" / "cite_pca50.npz"


@pytest.fixture
def csv(tmp_path):
    def make(text):
        path = tmp_path / "table.csv"
        path.write_text(text)
        return path

    return make


@pytest.mark.skipif(not CITE.exists(), reason="needs the single-cell data")
def test_one_array_per_day():
    data = read(CITE)
    assert data.times.tolist() == [2.0, 3.0, 4.0, 7.0]
    assert data.counts.tolist() == [6071, 7643, 8485, 7195]
    assert (data.n, data.event_shape, data.time_unit) == (29394, (50,), "day")
    assert read(CITE, components=5).event_shape == (5,)


@pytest.mark.parametrize(
    ("names", "times", "unit"),
    [
        (["day_7", "day_2"], [2.0, 7.0], "day"),
        (["t=0.5", "t=-1e-3"], [-0.001, 0.5], ""),
        (["x_1.25", "x_10"], [1.25, 10.0], ""),
        (["3", "1"], [1.0, 3.0], ""),
    ],
)
def test_names_carry_the_times(names, times, unit, tmp_path):
    frames = {
        name: np.full((i + 1, 2), float(name.split("=")[-1].split("_")[-1]))
        for i, name in enumerate(names)
    }
    np.savez(tmp_path / "a.npz", **frames)
    data = read(tmp_path / "a.npz")
    assert (data.times.tolist(), data.time_unit) == (times, unit)
    np.testing.assert_array_equal(data.values[:, 0], data.sample_times)


def test_npz_with_values_and_times(tmp_path, rng):
    x, t = rng.normal(size=(4, 3, 2)), np.array([0.0, 1.0, 5.0])
    path = tmp_path / "a.npz"
    np.savez(path, x=x, t=t)
    paths = read(path)
    assert isinstance(paths, Trajectories)
    np.testing.assert_array_equal(paths.values, x)
    np.savez(path, values=x[:, 0], time=np.array([1.0, 0.0, 1.0, 0.0]))
    snapshots = read(path)
    assert isinstance(snapshots, Snapshots)
    np.testing.assert_array_equal(snapshots.at(0.0), x[[1, 3], 0])
    np.savez(path, positions=x)
    assert read(path).event_shape == (3, 2)
    np.savez(path, x=np.moveaxis(x, 1, 0), t=t)
    with pytest.raises(InvalidInput, match="transpose"):
        read(path)
    np.savez(path, x, t)
    with pytest.raises(InvalidInput, match="arr_0.*expected 'values' with 'times'"):
        read(path)
    holed = np.where(np.arange(4)[:, None, None] == 0, np.nan, x)
    np.savez(path, x=holed, t=t)
    with pytest.raises(InvalidInput, match="drop-missing"):
        read(path)
    assert read(path, missing="mask").n == 3


def test_csv_of_uneven_trajectories(csv):
    path = csv("time,trajectory,x,y\n0,b,1,2\n1,b,3,4\n0,a,5,6\n0.5,a,7,8\n")
    data = read(path)
    assert isinstance(data, Trajectories)
    assert data.times.tolist() == [0.0, 0.5, 1.0]
    assert data.observed.tolist() == [[True, False, True], [True, True, False]]
    assert data.values[:, 0].tolist() == [[1, 2], [5, 6]]
    assert data.names == ("x", "y")
    assert isinstance(read(path, kind="snapshots"), Snapshots)


def test_csv_with_own_names(csv):
    path = csv("cell;day;a;dose\n007;1;1.5;0\n7;2;2.5;1\n007;2;3.5;0\n")
    data = read(path, time_column="day", trajectory_column="cell", condition_columns=["dose"])
    assert (data.n, data.times.tolist(), data.condition.tolist()) == (2, [1.0, 2.0], [[0], [1]])
    alone = read(path, condition_columns=["dose"])
    assert (alone.names, alone.time_unit) == (("a",), "day")
    assert alone == data or (alone.values == data.values).all()
    with pytest.raises(InvalidInput, match="no column 'hour'; the columns are cell, day"):
        read(path, time_column="hour")
    with pytest.raises(InvalidInput, match="time column"):
        read(csv("trajectory,x\n1,2\n2,3\n"))


def test_csv_layouts(csv):
    assert isinstance(read(csv("t,x\n0,1\n0,2\n1,3\n")), Snapshots)
    one = read(csv("t,x\n1,3\n0,1\n"), kind="trajectories")
    assert one.values[0, :, 0].tolist() == [1.0, 3.0]
    with pytest.raises(InvalidInput, match="several samples at time 0"):
        read(csv("t,x\n0,1\n0,2\n"), kind="trajectories")
    assert read(csv("\ufeffx,y\n1,2\n3,4\n")).times.tolist() == [0.0]
    assert read(csv("# made by hand\n# time,x\n0,1\n1,2\n")).times.tolist() == [0.0, 1.0]
    assert read(csv("time\tx\n0\t1\n\n1\t2\n")).n == 2
    assert read(csv("a,b,type\n1,2,T\n3,4,B\n"), components=2).names == ("a", "b")


@pytest.mark.parametrize(
    ("text", "words", "kind"),
    [
        ("1,2\n3,4\n", "can be read as", InvalidInput),
        ("1.0,2\n3,4\n", "no header, and column 1 runs from 1 to 3: is it the time", InvalidInput),
        ("time,x\n", "no rows", InvalidInput),
        ("time,x\n0,1\n1\n", "line 3 has 1 cells", DataFileError),
        ("time,x\n0,1\n1,2\n2,3\n3,4\n4\n", "line 6 has 1 cells", DataFileError),
        ("time,x\n0,red\n", "'x': texts such as 'red'", InvalidInput),
        ("time,x\n0,red\n1,2\n2,3\n3,4\n", "line 2, column 'x': 'red'", InvalidInput),
        ("time,x\nearly,1\n", "should be the time and holds 'early'", InvalidInput),
        ("time,x\n2024-02-30,1\n", "'2024-02-30' is no date", InvalidInput),
        ("time,frame,x\n0,0,1\n1,0,1\n", "could both be the time", InvalidInput),
        ("time,x\n0,\n", "1 NaN", InvalidInput),
        ("time,x\nNA,1\n", "no finite time", InvalidInput),
        ("time,x,x\n0,1,2\n", "appears twice", InvalidInput),
        ("time\n0\n", "no column is left", InvalidInput),
        ("time,trajectory,x\n0,a,1\n0,a,2\n", "trajectory a has 2 rows at time 0", InvalidInput),
        ("time,trajectory,x,condition:0\n0,a,1,5\n1,a,2,6\n", "condition changes", InvalidInput),
    ],
)
def test_bad_tables_say_where(csv, text, words, kind):
    with pytest.raises(kind, match=words) as caught:
        read(csv(text))
    assert "\n" not in str(caught.value)


def test_missing_entries_are_masked_or_dropped(csv):
    text = "time,trajectory,x,y\n0,a,1,2\n1,a,NA,4\n0,b,5,\n1,b,inf,8\n0,c,1,1\n"
    data = read(csv(text), missing="mask")
    assert data.n == 2
    assert data.times.tolist() == [0.0]
    assert read(csv(text), missing="mask", kind="snapshots").n == 2
    with pytest.raises(InvalidInput, match="nothing is left"):
        read(csv("x,y\nNA,\n"), missing="mask")


def test_a_grid_that_would_not_fit_is_refused(csv):
    rows = "".join(f"{i / 7!r},{i},1\n" for i in range(4000))
    with pytest.raises(InvalidInput, match="round the times"):
        read(csv(f"time,trajectory,x\n{rows}"))


def test_xarray_stores_of_others(tmp_path, rng):
    import xarray as xr

    x = rng.normal(size=(3, 4, 2))
    dataset = xr.Dataset(
        {"height": (("time", "member", "place"), x)},
        {
            "time": ("time", [0.0, 1.0, 2.0], {"units": "hours since 2000-01-01"}),
            "place": ["a", "b"],
        },
    )
    dataset.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    dataset.to_zarr(tmp_path / "a.zarr", zarr_format=3, consolidated=False)
    for name in ("a.nc", "a.zarr"):
        data = read(tmp_path / name)
        assert isinstance(data, Trajectories)
        np.testing.assert_array_equal(data.values, np.moveaxis(x, 0, 1))
        assert (data.names, data.time_unit) == (("a", "b"), "hours since 2000-01-01")
    dataset.rename(member="run").to_netcdf(tmp_path / "b.nc", engine="h5netcdf")
    with pytest.raises(InvalidInput, match="axis of the paths"):
        read(tmp_path / "b.nc")
    assert read(tmp_path / "b.nc", trajectory_column="run").n == 4
    dataset.to_zarr(tmp_path / "c.zarr", zarr_format=2, consolidated=False)
    data = read(tmp_path / "c.zarr")
    np.testing.assert_array_equal(data.values, np.moveaxis(x, 0, 1))
    assert (data.names, data.time_unit) == (("a", "b"), "hours since 2000-01-01")


def test_parquet_of_others(tmp_path):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    columns = {"time": [0, 0, 1], "cell": ["a", "b", "a"], "x": [1.0, None, 3.0]}
    parquet.write_table(pa.table(columns), tmp_path / "a.parquet")
    data = read(tmp_path / "a.parquet", trajectory_column="cell", missing="mask")
    assert data.values[:, :, 0].tolist() == [[1.0, 3.0]]
    assert read(tmp_path / "a.parquet", missing="mask").values.shape == data.values.shape
    several = {
        "x.y": pa.DictionaryArray.from_arrays(pa.array([1, 0, 1]), pa.array([2.5, 7.0])),
        "flag": [True, None, False],
        "count": [2**40, 1, None],
        "half": pa.array([1.0, 2.0, 3.0], pa.float32()),
        "note": ["a", "b", "c"],
    }
    parquet.write_table(pa.table(several), tmp_path / "b.parquet")
    data = read(tmp_path / "b.parquet", components=4, missing="mask")
    assert data.names == ("x.y", "flag", "count", "half")
    assert data.values.tolist() == [[7.0, 1.0, 2.0**40, 1.0]]
    parquet.write_table(pa.table({"t": [0, 1], "trajectory": ["a", None]}), tmp_path / "c.parquet")
    with pytest.raises(DataFileError, match="without a label"):
        read(tmp_path / "c.parquet")


def test_netcdf_pieces_and_coded_numbers(tmp_path, rng):
    """Chunks that divide no axis, in pieces; integers with a scale; text along an axis."""
    import h5py
    import xarray as xr

    x = rng.normal(size=(7, 90, 130))
    with h5py.File(tmp_path / "a.nc", "w") as file:
        file.create_dataset("values", data=x, chunks=(3, 47, 11), compression="gzip", shuffle=True)
    np.testing.assert_array_equal(read(tmp_path / "a.nc").values, x)
    coded = (100 * rng.normal(size=(4, 3, 2))).astype("int16")
    scale = {"scale_factor": np.float32(0.5), "_FillValue": np.int16(-999)}
    coordinates = {"time": [0.0, 1.0, 2.0, 3.0], "place": ["a", "longer"]}
    dataset = xr.Dataset({"height": (("time", "member", "place"), coded, scale)}, coordinates)
    dataset.to_netcdf(tmp_path / "b.nc", engine="h5netcdf")
    data = read(tmp_path / "b.nc")
    np.testing.assert_array_equal(data.values, np.moveaxis(0.5 * coded, 0, 1))
    assert (data.values.dtype, data.names) == (np.float32, ("a", "longer"))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a.cvs", "did you mean .csv"),
        ("a.npy", "no file"),
        ("a.xlsx", "save the sheet as csv"),
        ("a", "unknown extension"),
        (".", "is a folder; name a file"),
        ("date.npz", "did you mean .*data.npz"),
    ],
)
def test_names_that_lead_nowhere(name, words, tmp_path):
    np.savez(tmp_path / "data.npz", x=np.zeros((2, 1)))
    with pytest.raises(InvalidInput, match=words):
        read(tmp_path / name)


def test_few_whole_numbers_of_a_csv_are_categories(tmp_path):
    def conditions(numbers):
        path = tmp_path / "labelled.csv"
        rows = "".join(f"{i % 2},{i / 7},{c}\n" for i, c in enumerate(numbers))
        path.write_text("x,y,label\n" + rows)
        return read(path, condition_columns=["label"], time_column="none").condition

    labels = conditions([0, 1, 2, 1])
    assert labels.dtype.kind == "i"
    assert labels.ravel().tolist() == [0, 1, 2, 1]
    assert conditions([0, 0.5, 1, 2]).dtype.kind == "f"
    # Many different ones are a quantity.
    assert conditions(range(40)).dtype.kind == "f"
