"""How files of laboratories are understood: right values, what is said of them, what is refused."""

import gzip
import json

import numpy as np
import pytest

from noneq.data import Snapshots, Trajectories, read
from noneq.data.inspection import inspection
from noneq.data.readings.matching import matched
from noneq.data.readings.options import Reading, domain, parse
from noneq.data.summary import summarise
from noneq.domains import Box, Torus
from noneq.errors import DataFileError, InvalidInput


@pytest.fixture
def table(tmp_path):
    def make(text, name="table.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return path

    return make


def roles(path, **how):
    found = inspection(path, **how).understood
    return {part.name: part.role for part in found.parts}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("time,x,y\n0,1.5,2\n0,2,3\n1,4,5\n", "a.csv"),
        ("time;x;y\n0;1,5;2\n0;2;3\n1;4;5\n", "a.csv"),
        ("time\tx\ty\r\n0\t1.5\t2\r\n0\t2\t3\r\n1\t4\t5\r\n", "a.tsv"),
        ("time x y\n0   1.5 2\n 0 2   3\n1 4 5\n", "a.txt"),
        ("# made by hand\n# time x y\n0 1.5 2\n0 2 3\n1 4 5\n", "a.dat"),
        ("% a comment\ntime|x|y\n0|1.5|2\n0|2|3\n1|4|5\n", "a.txt"),
        ("time,x,y\n0,1.5D+00,2\n0,2.0d0,3\n1,4,5\n", "a.csv"),
        ('"","time","x","y"\n"1",0,1.5,2\n"2",0,2,3\n"3",1,4,5\n', "a.csv"),
        ("time x y\n1 0 1.5 2\n2 0 2 3\n3 1 4 5\n", "a.txt"),
        ("time,x,y\r0,1.5,2\r0,2,3\r1,4,5\r", "a.csv"),
    ],
)
def test_tables_of_any_dialect_hold_the_same_numbers(table, text, name):
    data = read(table(text, name))
    assert (data.names, data.times.tolist(), data.counts.tolist()) == (("x", "y"), [0, 1], [2, 1])
    assert data.values.tolist() == [[1.5, 2], [2, 3], [4, 5]]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "cp1252"])
def test_encodings(table, encoding):
    path = table("time,x (µm)\n0,1\n0,2\n1,3\n", encoding=encoding)
    look = inspection(path)
    assert (look.names, look.units, look.counts) == (("x",), ("µm",), (2, 1))
    assert any("Windows-1252" in note for note in look.understood.notes) == (encoding == "cp1252")
    with pytest.raises(DataFileError, match="no text"):
        read(table("a\0b,c\n1,2\n"))


def test_units_come_from_a_row_or_from_the_names(table):
    rows = read(table("time,x,y\ns,um,nm\n0,1,2\n0,2,3\n1,2,2\n"))
    assert (rows.units, rows.time_unit, rows.names) == (("um", "nm"), "s", ("x", "y"))
    names = read(table("Time (ms),x [µm],E (kJ/mol),c (raw)\n0,1,2,3\n0,2,3,4\n1,2,2,1\n"))
    assert names.names == ("x", "E", "c (raw)")
    assert (names.units, names.time_unit) == (("µm", "kJ/mol", ""), "ms")
    given = read(table("t,x\n0,1\n0,2\n1,2\n"), units="x=um,time=s")
    assert (given.units, given.time_unit) == (("um",), "s")
    with pytest.raises(InvalidInput, match="no coordinate 'z'"):
        read(table("t,x\n0,1\n0,2\n"), units={"z": "um"})


def test_a_temperature_beside_the_time_is_a_coordinate(table):
    data = read(table("time,T (K)\n0,280\n0,281\n1,279\n"))
    assert (data.names, data.units, data.times.tolist()) == (("T",), ("K",), [0, 1])


def test_row_numbers_are_no_coordinate(table):
    assert roles(table(",time,x\n0,0,5\n1,0,6\n2,1,7\n")) == {
        "": "left out",
        "time": "time",
        "x": "coordinate",
    }
    nameless = table(",0,1\n0,0.1,0.5\n1,0.4,0.2\n2,0.3,0.9\n")
    assert read(nameless).names == ("0", "1")
    with pytest.raises(InvalidInput, match="no name and is no count"):
        read(table(",x\n3,1\n1,2\n2,3\n"))


def test_exports_of_trackers(table):
    names = "y,x,mass,size,ecc,signal,raw_mass,ep,frame,particle"
    rows = [f"{i},{i + 1},9,9,9,9,9,9,{i // 2},{i % 2}.0" for i in range(6)]
    data = read(table("\n".join([names, *rows])))
    assert isinstance(data, Trajectories)
    assert (data.names, data.time_unit, data.n) == (("y", "x"), "frame", 2)
    assert data.values[0, :, 0].tolist() == [0, 2, 4]
    chosen = read(table("\n".join([names, *rows])), columns=["x", "mass"])
    assert chosen.names == ("x", "mass")
    trackmate = (
        "LABEL,TRACK_ID,QUALITY,POSITION_X,POSITION_Y,POSITION_T,FRAME\n"
        "Label,Track ID,Quality,X,Y,T,Frame\nLabel,Track ID,Quality,X,Y,T,Frame\n"
        ",,(quality),(micron),(micron),(sec),\n"
        "ID1,0,5,1,2,0.0,0\nID2,1,5,3,4,0.0,0\nID3,0,5,1.5,2.5,0.5,1\nID4,1,5,3.5,4.5,0.5,1\n"
    )
    tracks = read(table(trackmate))
    assert (tracks.names, tracks.units) == (("POSITION_X", "POSITION_Y"), ("micron", "micron"))
    assert (tracks.times.tolist(), tracks.time_unit, tracks.n) == ([0.0, 0.5], "sec", 2)


def test_rows_without_a_label_are_counted(table):
    path = table("time,particle,x\n0,1.0,1\n0,2.0,2\n1,,3\n1,2.0,4\n1,1.0,5\n0,,7\n")
    assert any("2 rows without particle" in n for n in inspection(path).understood.notes)
    assert read(path).values[:, :, 0].tolist() == [[1, 5], [2, 4]]


@pytest.mark.parametrize("cell", ["1_000", "1,000", "1'000", "1 000", "12%"])
def test_digits_in_groups_are_refused(table, cell):
    with pytest.raises(InvalidInput, match="line 3, column 'x': .* is no number"):
        read(table(f'time,x\n0,3\n0,"{cell}"\n1,4\n'))


def test_dates_are_times(table):
    days = read(table("time,x\n2024-01-31,1\n2024-01-31,2\n2024-02-02,3\n"))
    assert (days.times.tolist(), days.time_unit) == ([0.0, 2.0], "day")
    compact = read(table("date,x\n20240131,1\n20240131,2\n20240202,3\n"))
    assert (compact.times.tolist(), compact.names) == ([0.0, 2.0], ("x",))
    hours = read(table("when,x\n2024-01-01T10:00,1\n2024-01-01T11:30,2\n2024-01-01T10:00,3\n"))
    assert (hours.times.tolist(), hours.time_unit) == ([0.0, 5400.0], "s")
    zones = "when,x\n2024-01-01T10:00Z,1\n2024-01-01T11:00+01:00,2\n2024-01-01T12:00Z,3\n"
    assert read(table(zones)).times.tolist() == [0.0, 7200.0]
    with pytest.raises(InvalidInput, match="time zone"):
        read(table("when,x\n2024-01-01T10:00Z,1\n2024-01-01T11:00,2\n"))


def test_one_row_at_each_time_is_one_trajectory(table):
    ordered = table("t,x\n0,1\n0.1,2\n0.2,3\n0.3,4\n")
    look = inspection(ordered)
    assert (look.kind, look.understood.kind, look.n) == ("trajectories", "one trajectory", 1)
    assert look.command.startswith("noneq fit Transition")
    assert isinstance(read(ordered, kind="snapshots"), Snapshots)
    pooled = read(ordered, time_column="none")
    assert (pooled.n, pooled.times.tolist()) == (4, [0.0])
    with pytest.raises(InvalidInput, match="--kind trajectories or --kind snapshots"):
        read(table("t,x\n0,1\n0.2,2\n0.1,3\n"))
    doses = table("t,x,dose\n0,1,0\n1,2,1\n2,3,0\n")
    assert isinstance(read(doses, condition_columns=["dose"]), Snapshots)


def test_times_equal_to_rounding_are_one(table):
    third = 0.1 + 0.2
    data = read(table(f"time,x\n0.3,1\n{third!r},2\n1,3\n"))
    assert (data.times.tolist(), data.counts.tolist()) == ([0.3, 1.0], [2, 1])


def test_a_table_without_names_asks_only_where_two_readings_are_open(table):
    plain = "3 1\n1 2\n2 5\n"
    assert read(table(plain, "a.txt")).names == ("column 1", "column 2")
    grows = table("0 1\n0 2\n1 5\n", "b.txt")
    with pytest.raises(InvalidInput, match="is it the time"):
        read(grows)
    named = read(grows, columns=["time", "x"])
    assert (named.names, named.times.tolist()) == (("x",), [0, 1])
    assert read(grows, columns=["a", "b"], time_column="none").names == ("a", "b")
    assert read(grows, time_column="none").n == 3
    with pytest.raises(InvalidInput, match="names 1; name them all"):
        read(grows, columns=["x"])
    with pytest.raises(InvalidInput, match="can be read as"):
        read(table("1,5\n2,7\n"))
    assert read(table("1,5\n2,7\n"), reading=["decimal=,"]).values.ravel().tolist() == [1.5, 2.7]


def test_names_of_arrays_carry_times_in_known_patterns_only(tmp_path, rng):
    clouds = lambda *names: {name: rng.normal(size=(5 + i, 2)) for i, name in enumerate(names)}
    save = lambda arrays: np.savez(tmp_path / "a.npz", **arrays)
    look = lambda: read(tmp_path / "a.npz")
    save(clouds("day-2", "day-3", "day-7"))
    assert (look().times.tolist(), look().time_unit) == ([2, 3, 7], "day")
    save(clouds("t=-0.5", "t=0.5"))
    assert look().times.tolist() == [-0.5, 0.5]
    save(clouds("2024-01-02", "2024-01-31"))
    assert (look().times.tolist(), look().time_unit) == ([0, 29], "day")
    paths = {"traj_1": rng.normal(size=(4, 2)), "traj_0": rng.normal(size=(3, 2))}
    save(paths)
    data = look()
    assert (data.n, data.times.tolist(), data.time_unit) == (2, [0, 1, 2, 3], "frame")
    np.testing.assert_array_equal(data.values[1], paths["traj_1"])
    assert data.observed.sum() == 7
    save(clouds("gene_2", "gene_3"))
    with pytest.raises(InvalidInput, match="expected 'values'"):
        look()


def test_codes_for_missing_entries_are_named_and_read(table, rng):
    cells = rng.normal(size=40).round(3).tolist()
    cells[3] = cells[17] = -999
    path = table("time,x\n" + "".join(f"{i // 20},{v}\n" for i, v in enumerate(cells)))
    assert any("-999 in 2 places" in warning for warning in inspection(path).warnings)
    data = read(path, reading=["missing=-999"], missing="mask")
    assert (data.n, data.values.min() > -10) == (38, True)
    assert not inspection(path, reading=["missing=-999"]).warnings
    cells[3] = cells[17] = 1e6
    path = table("time,x\n" + "".join(f"{i // 20},{v}\n" for i, v in enumerate(cells)))
    assert any("outliers" in warning for warning in inspection(path).warnings)


def test_netcdf_ranges_are_honoured(tmp_path, rng):
    import xarray as xr

    x = rng.normal(size=(6, 4, 2))
    x[0, 0, 0], x[1, 1, 1] = -999, 1e20
    store = xr.Dataset(
        {"T": (("member", "time", "place"), x, {"valid_min": -100.0, "valid_max": 100.0})},
        {"time": np.arange(4.0)},
    )
    store.to_netcdf(tmp_path / "a.nc", engine="h5netcdf", encoding={"T": {"_FillValue": None}})
    with pytest.warns(UserWarning, match="2 entries outside its valid range"):
        data = read(tmp_path / "a.nc", missing="mask")
    assert (data.observed.sum(), np.abs(data.values[data.observed]).max() < 100) == (22, True)


def test_angles_are_said_on_the_command_line(table):
    turns = "phi\n-3.1\n3.1\n0.5\n1.5\n"
    data = read(table(turns), domain="torus:2pi")
    assert isinstance(data.domain, Torus)
    assert data.domain.low == pytest.approx(-np.pi)
    unwrapped = read(table("phi\n-3.1\n9.383185307\n0.5\n7.783185307\n"), domain="torus:2pi")
    np.testing.assert_allclose(unwrapped.values, data.values, atol=1e-8)
    degrees = domain("torus:360:-180")
    assert (degrees.period, degrees.low) == (360, -180)
    assert domain("box:-1:2pi") == Box(-1.0, 2 * np.pi)
    for bad in ("torus:red", "sphere", "box:1", "torus:1:2:3"):
        with pytest.raises(InvalidInput, match="domain"):
            domain(bad)


def test_large_offsets_are_centred_or_removed(table, rng):
    values = 384230484.47 + 0.02 * rng.normal(size=(500, 1))
    summary = summarise(Snapshots(values))
    assert summary.origin == pytest.approx((values.mean(),), abs=1e-6)
    assert summary.scale == pytest.approx((values.std(),))
    text = "x\n" + "".join(f"{v!r}\n" for v in values[:, 0].tolist())
    moved = read(table(text), reading=["origin=x:384230484"])
    assert abs(moved.values.mean() - 0.47) < 0.01
    assert abs(moved.values.std() / 0.02 - 1) < 0.2


def test_a_constant_coordinate_keeps_its_own_scale(rng):
    values = np.column_stack([rng.normal(size=200), np.full(200, 5e-9), np.zeros(200)])
    scale = summarise(Snapshots(values)).scale
    assert scale[0] == pytest.approx(values[:, 0].std())
    assert scale[1] < 1e-6 * 5e-9
    assert scale[2] < 1e-6


def test_coordinates_are_matched_by_name(rng):
    values = rng.normal(size=(9, 2))
    of = lambda *names, units=("", ""), **more: summarise(
        Snapshots(values, names=names, units=units, **more)
    )
    data = Snapshots(values, names=("b", "a"), units=("s", "m"), time_unit="second")
    same = matched(data, of("a", "b", units=("m", "s"), time_unit="s"))
    np.testing.assert_array_equal(same.values, data.values[:, ::-1])
    assert same.units == ("m", "s")
    wide = Snapshots(rng.normal(size=(9, 3)), names=("a", "q", "b"))
    np.testing.assert_array_equal(matched(wide, of("a", "b")).values, wide.values[:, [0, 2]])
    with pytest.raises(InvalidInput, match="no coordinate 'c'"):
        matched(data, of("a", "c"))
    with pytest.raises(InvalidInput, match="a is in m, the run was fitted in mm"):
        matched(data, of("a", "b", units=("mm", "s")))
    with pytest.raises(InvalidInput, match="times are in second, the run was fitted in h"):
        matched(data, of("a", "b", time_unit="h"))
    with pytest.warns(UserWarning, match="by place"):
        matched(Snapshots(values), of("a", "b"))


def test_angles_are_matched_on_the_domain_of_the_run(rng):
    angles = rng.uniform(0, 2 * np.pi, (30, 1))
    about = (angles + np.pi) % (2 * np.pi) - np.pi
    fitted = summarise(Snapshots(about, domain=Torus(2 * np.pi, -np.pi)))
    again = matched(Snapshots(angles), fitted)
    assert isinstance(again.domain, Torus)
    np.testing.assert_allclose(np.cos(again.values), np.cos(angles), atol=1e-6)
    assert np.abs(again.values).max() <= np.pi
    with pytest.raises(InvalidInput, match="read them with the domain of the fit"):
        matched(Snapshots(angles, domain=Torus(360.0)), fitted)


def test_the_next_command_reads_the_file_in_the_same_way(table):
    path = table("phi,b,q\n-3,1,2\n1,2,5\n2,1,4\n", "n.csv")
    words = ["drop=q", "origin=b:1", "every=2"]
    command = inspection(path, domain="torus:2pi", units="b=um", reading=words).command
    for option in ("--domain torus:6.28", "--units b=um", "drop=q", "origin=b:1", "every=2"):
        assert option in command
    named = inspection(table("0 1\n0 2\n1 5\n", "m.txt"), columns=["time", "x"]).command
    assert "--columns time,x" in named


def test_a_file_beside_the_data_says_it_once(table, tmp_path):
    path = table("hour,cell,x,y\n0,1,2,3\n0,2,3,4\n1,1,4,5\n1,2,6,7\n2,1,1,1\n2,2,1,2\n")
    (tmp_path / "data.toml").write_text(
        'columns = ["y"]\n["table.csv"]\nevery = 2\nunits = {y = "um"}\n'
    )
    data = read(path)
    assert (data.names, data.units, data.times.tolist()) == (("y",), ("um",), [0, 2])
    assert read(path, columns=["x"], reading=["every=1"]).names == ("x",)
    assert read(path, reading=["window=1:2"]).times.tolist() == [1.0]
    (tmp_path / "data.toml").write_text("colour = 3\n")
    with pytest.raises(InvalidInput, match=r"data.toml: a reading has no 'colour'"):
        read(path)


def test_readings_in_words():
    found = parse(
        ["time=frame", "columns=x,y", "every=3", "window=0:5", "missing=-9,99", "kind=snapshots"]
    )
    assert found == Reading(
        time="frame",
        columns=("x", "y"),
        every=3,
        window=(0.0, 5.0),
        missing=(-9.0, 99.0),
        kind="snapshots",
    )
    bad = {
        "time": "NAME=VALUE",
        "every=0": "every",
        "window=5:1": "FIRST:LAST",
        "kind=paths": "kind",
        "colour=red": "no 'colour'",
        "every=x": "every",
    }
    for word, words in bad.items():
        with pytest.raises(InvalidInput, match=words):
            parse([word])


def test_a_bare_array_is_read_with_a_word_of_warning(tmp_path, rng):
    values = rng.normal(size=(7, 2))
    np.save(tmp_path / "a.npy", values)
    with pytest.warns(UserWarning, match="no checksum"):
        data = read(tmp_path / "a.npy")
    np.testing.assert_array_equal(data.values, values)
    np.save(tmp_path / "b.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(DataFileError, match="never read"):
        read(tmp_path / "b.npy")


def test_what_is_understood_is_said_in_lines_and_in_json(table):
    look = inspection(table("time,cell,x,note\n0,1,2,a\n0,2,3,b\n1,1,4,c\n1,2,6,d\n"))
    text = "\n".join(look.understood.lines())
    assert "note" in text
    assert "texts such as 'a'" in text
    assert "--kind snapshots" in text
    assert look.understood.headline == (
        "read as trajectories: time time, trajectory cell, coordinates x, left out note"
    )
    json.dumps(look.to_dict())


def test_other_kinds_of_files_name_the_way(tmp_path):
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"x\n1\n"))
    for name, words in [("a.csv.gz", "gunzip"), ("a.xls", "csv"), ("a.pkl", "can run code")]:
        (tmp_path / name).touch()
        with pytest.raises(InvalidInput, match=words):
            read(tmp_path / name)
