"""Files that could be read in two ways ask for the option that settles it."""

import h5py
import numpy as np
import pytest
import xarray as xr

import noneq as nq
from noneq.data import Snapshots, Trajectories, read
from noneq.data.inspection import inspection
from noneq.errors import DataFileError, InvalidInput


TRACK, TIME = np.tile(np.arange(3), 4), np.repeat(np.arange(4) * 0.5, 3)
PLACE = np.random.default_rng(0).normal(size=(12, 2)).round(3)


def text(*columns, names="", order=None):
    rows = [",".join(map(str, row)) for row in zip(*columns, *PLACE.T, strict=True)]
    rows = rows if order is None else [rows[i] for i in order]
    return "\n".join([*filter(None, [names]), *rows]) + "\n"


@pytest.fixture
def table(tmp_path):
    def write(content, name="a.csv"):
        (tmp_path / name).write_text(content)
        return tmp_path / name

    return write


@pytest.mark.parametrize("order", ["by time", "by track", "shuffled"])
def test_a_nameless_table_of_tracks_is_asked_for(table, order):
    rows = {
        "by time": np.arange(12),
        "by track": np.lexsort((TIME, TRACK)),
        "shuffled": np.random.default_rng(1).permutation(12),
    }[order]
    path = table(text(TRACK, TIME, order=rows))
    with pytest.raises(InvalidInput, match="has no header, and column .* --columns track,"):
        read(path)
    data = read(path, columns=["track", "time", "x", "y"])
    assert (type(data), data.values.shape) == (Trajectories, (3, 4, 2))
    assert read(path, time_column="none").values.shape == (12, 4)


def test_times_that_start_again_for_each_path_are_asked_for(table):
    clock = np.tile(np.arange(12) * 0.5, 3)
    x = np.random.default_rng(0).normal(size=36)
    path = table("".join(f"{t},{v}\n" for t, v in zip(clock, x, strict=True)))
    with pytest.raises(InvalidInput, match="column 1 runs from 0 to 5.5"):
        read(path)
    plain = table("".join(f"{a},{b}\n" for a, b in np.random.default_rng(2).normal(size=(36, 2))))
    assert read(plain).values.shape == (36, 2)


@pytest.mark.parametrize("name", ["step", "Zeit (s)", "sampling time", "timepoint", "n"])
def test_a_clock_of_another_name_is_asked_for(table, name):
    path = table(text(np.arange(12), names=f"{name},x,y"))
    with pytest.raises(InvalidInput, match="could be the time: say --time-column"):
        read(path)
    word = name.removesuffix(" (s)")
    data = read(path, time_column=word)
    assert (data.names, data.times.tolist()) == (("x", "y"), list(range(12)))
    assert read(path, time_column="none").names == (word, "x", "y")
    assert read(path, columns=["x", "y"]).names == ("x", "y")


@pytest.mark.parametrize("labels", [TRACK, np.array(["a", "b", "c"])[TRACK]])
def test_a_label_of_another_name_is_asked_for(table, labels):
    path = table(text(TIME, labels, names="time,bead,x,y"))
    with pytest.raises(InvalidInput, match="--trajectory-column bead"):
        read(path)
    assert read(path, trajectory_column="bead").values.shape == (3, 4, 2)
    assert isinstance(read(path, kind="snapshots"), Snapshots)
    # Counts come twice at one time: they label nothing.
    counts = table(text(TIME, np.tile([0, 0, 1], 4), names="time,count,x,y"))
    assert read(counts).names == ("count", "x", "y")


def test_days_written_as_dates_are_dates(table):
    path = table("day,x\n20240101,1\n20240201,2\n20240301,3\n")
    assert read(path).times.tolist() == [0, 31, 60]


def test_times_far_from_zero_stay_apart(table):
    start = 1_704_067_200
    path = table("timestamp,x\n" + "".join(f"{start + t},{t}\n" for t in (0, 1, 2, 5)))
    assert (read(path).times - start).tolist() == [0, 1, 2, 5]
    # Steps that differ by rounding are one time still.
    sums = np.cumsum(np.full(5, 0.1))
    rows = "".join(
        f"{i},{t!r},0\n"
        for i, own in enumerate((sums.tolist(), [0.1, 0.2, 0.3, 0.4, 0.5]))
        for t in own
    )
    assert read(table("track,time,x\n" + rows)).values.shape == (2, 5, 1)


def test_one_time_is_a_snapshot(tmp_path, rng):
    def look(shape):
        np.savez(tmp_path / "a.npz", values=rng.normal(size=shape), times=np.array([3.0]))
        data = read(tmp_path / "a.npz")
        assert isinstance(data, Snapshots)
        assert data.times.tolist() == [3]
        assert "Transition" not in inspection(tmp_path / "a.npz").command
        return data.values.shape

    assert look((9, 1, 8, 8)) == (9, 1, 8, 8), "images of one channel"
    assert look((9, 1, 5, 3)) == (9, 5, 3), "particles"
    assert look((9, 1, 2)) == look((9, 2)) == (9, 2)


def test_as_many_times_as_paths_are_asked_for(tmp_path, rng):
    np.savez(tmp_path / "a.npz", values=rng.normal(size=(6, 6, 2)), times=np.arange(6.0))
    with pytest.raises(InvalidInput, match="does the first axis or the second count them"):
        read(tmp_path / "a.npz")
    assert read(tmp_path / "a.npz", kind="trajectories").values.shape == (6, 6, 2)


def test_pooled_fields_leave_out_what_has_no_time(tmp_path, rng):
    fields = xr.Dataset(
        {
            "tas": (("time", "lat", "lon"), rng.normal(size=(5, 4, 6))),
            "areacella": (("lat", "lon"), np.ones((4, 6))),
        },
        {"time": np.arange(5.0), "lat": np.arange(4.0), "lon": np.arange(6.0)},
    )
    fields.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    data = read(tmp_path / "a.nc", reading=["time=none"])
    assert (data.values.shape, data.names) == ((5, 1, 4, 6), ("tas",))


def test_stages_of_cells_are_asked_for(tmp_path, rng):
    with h5py.File(tmp_path / "a.h5ad", "w") as file:
        file["X"] = rng.normal(size=(6, 2))
        file["obs/timepoint"] = np.array(["D0", "D2"] * 3, h5py.string_dtype())
    with pytest.raises(InvalidInput, match="--time-column timepoint"):
        read(tmp_path / "a.h5ad")
    assert read(tmp_path / "a.h5ad", time_column="timepoint").times.tolist() == [0, 2]


def test_tables_in_memory_hide_no_text_among_numbers():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"time": TIME, "particle": TRACK, "x": PLACE[:, 0]})
    frame["y"] = ["1.5"] * 11 + ["q"]
    with pytest.raises(InvalidInput, match="column 'y', row 11: 'q' is no number"):
        nq.Trajectories.from_pandas(frame)
    frame["y"] = ["1.5"] * 12
    assert nq.Trajectories.from_pandas(frame).names == ("x", "y")
    frame["time"] = np.array(["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-05"])[
        np.repeat(np.arange(4), 3)
    ]
    assert nq.Trajectories.from_pandas(frame).times.tolist() == [0, 1, 2, 4]


def test_a_label_in_memory_is_no_coordinate_of_snapshots():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"time": TIME, "bead": TRACK, "x": PLACE[:, 0]})
    with pytest.raises(InvalidInput, match="'bead' differs in all rows.*--columns"):
        nq.Snapshots.from_pandas(frame)
    assert nq.Snapshots.from_pandas(frame, drop=["bead"]).names == ("x",)
    assert nq.Snapshots.from_pandas(frame, columns=["bead", "x"]).names == ("bead", "x")
    assert nq.Trajectories.from_pandas(frame, trajectory_column="bead").n == 3


def test_conditions_are_shown_by_their_categories():
    data = nq.Snapshots(np.arange(4.0), condition=["wt", "ko"] * 2, condition_names=["gene"])
    assert "condition    gene (ko, wt)" in repr(data)


def test_a_row_of_units_is_known_by_that_of_the_time(table):
    path = table("time,x,y\ns,furlong,um\n0,1,2\n0,4,5\n1,2,4\n1,3,6\n")
    data = read(path)
    assert (data.names, data.units, data.time_unit) == (("x", "y"), ("furlong", "um"), "s")


def test_a_delimiter_at_the_end_of_lines_is_no_column(table):
    assert read(table("time,x,\n0,1,\n0,2,\n1,4,\n")).names == ("x",)
    assert read(table("time,x\n0,1,\n0,2,\n1,4,\n")).names == ("x",)
    doubled = table("Unnamed: 0.1,Unnamed: 0,time,x\n0,0,0,5\n1,1,0,6\n2,2,1,7\n")
    assert read(doubled).names == ("x",)


def test_two_dates_that_differ_are_asked_for(table):
    path = table("start,end,x\n2024-01-01,2024-01-02,1\n2024-01-03,2024-01-09,2\n")
    with pytest.raises(InvalidInput, match="could both be the time"):
        read(path)
    assert read(path, time_column="end", reading=["drop=start"]).times.tolist() == [0, 7]


def test_degrees_are_not_wrapped_at_two_pi(table):
    path = table("time,phi (deg)\n0,10\n0,350\n1,370\n1,-10\n")
    with pytest.raises(InvalidInput, match="--domain torus:360"):
        read(path, domain="torus:2pi")
    assert read(path, domain="torus:360").values.ravel().tolist() == [10, -10, 10, -10]


def test_many_codes_for_missing_entries_are_named(table):
    x = np.random.default_rng(0).normal(size=40)
    x[::4] = -999
    path = table("time,x\n" + "".join(f"{i % 2},{v}\n" for i, v in enumerate(x)))
    assert "x is -999 in 10 places" in inspection(path).warnings[0]


def test_dates_as_texts_beside_values_are_times(tmp_path):
    save = lambda times: np.savez(tmp_path / "a.npz", values=np.zeros((3, 1)), times=times)
    save(np.array(["2024-01-01", "2024-01-02", "2024-01-05"]))
    assert read(tmp_path / "a.npz").times.tolist() == [0, 1, 4]
    save(np.array(["early", "late", "later"]))
    with pytest.raises(InvalidInput, match="times holds 'early'"):
        read(tmp_path / "a.npz")


def test_a_file_that_changes_while_it_is_read_is_refused(table, monkeypatch):
    path = table("time,x\n0,1\n0,2\n1,4\n")
    whole = type(path).read_bytes

    def growing(self):
        content = whole(self)
        self.write_bytes(content + b"1,5\n")
        return content

    monkeypatch.setattr(type(path), "read_bytes", growing)
    with pytest.raises(DataFileError, match="changed while it was read"):
        read(path)


def test_places_that_grow_along_a_dimension_are_asked_for(tmp_path, rng):
    def look(name, places, **how):
        states = xr.Dataset({"q": ((name, "state"), rng.normal(size=(5, 2)))}, {name: places})
        states.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
        return read(tmp_path / "a.nc", **how)

    for name, places in (("T", np.arange(5.0)), ("lead", np.arange(5) * 6.0)):
        with pytest.raises(InvalidInput, match=f"say --time-column {name}"):
            look(name, places)
        assert look(name, places, time_column=name).times.tolist() == places.tolist()
        assert look(name, places, time_column="none").values.shape == (5, 2)
    assert look("cell", np.arange(5)).times.size == 1


def test_a_date_that_is_missing_is_no_date(tmp_path, rng):
    days = np.array(["2000-01-01", "NaT", "2000-01-03"], "M8[ns]")
    states = xr.Dataset({"q": (("time", "state"), rng.normal(size=(3, 2)))}, {"time": days})
    states.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    with pytest.raises(InvalidInput, match="1 rows have no finite time, first row 2"):
        read(tmp_path / "a.nc")


def test_numbers_of_groups_are_asked_for(table):
    rows = "".join(f"{x},{y},{i % 3}\n" for i, (x, y) in enumerate(PLACE))
    path = table("x,y,label\n" + rows)
    with pytest.raises(InvalidInput, match="--condition-column label"):
        read(path)
    assert read(path, condition_columns=["label"]).names == ("x", "y")
    assert read(path, columns=["x", "y", "label"]).names == ("x", "y", "label")
    # A position of a stage is no stage, and whole numbers alone are no labels.
    assert read(table("stage_x,stage_y\n" + text().replace("\n\n", "\n"))).names[0] == "stage_x"
    pixels = np.random.default_rng(0).integers(0, 255, (9, 4))
    grey = "".join(" ".join(map(str, row)) + "\n" for row in pixels)
    assert read(table(grey, "a.txt")).values.shape == (9, 4)
