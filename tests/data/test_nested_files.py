"""HDF5 with a path inside, MATLAB files, and vectors of one length as columns."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io

from noneq.data import Snapshots, Trajectories, read
from noneq.data.formats.named import from_arrays
from noneq.data.formats.nested import ragged, wanted
from noneq.data.inspection import inspection
from noneq.data.readings.options import parse
from noneq.data.readings.refinement import build
from noneq.errors import DataFileError, InvalidInput


HEAD = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(116) + bytes(8) + b"\0\2IM"


@pytest.fixture
def paths(rng):
    """Three paths of different lengths."""
    return [rng.normal(size=(length, 2)) for length in (5, 7, 4)]


def cells(arrays):
    box = np.empty((1, len(arrays)), object)
    box[0, :] = arrays
    return box


def taken(arrays, *words, either=False):
    reading = parse(words)
    raw = from_arrays(Path("a.mat"), arrays, reading, either)
    return build(raw, parse(words) if not raw.settled else parse([]), "error")


def check_ragged(data, paths):
    assert isinstance(data, Trajectories)
    assert data.observed.sum(1).tolist() == [5, 7, 4]
    for row, path in enumerate(paths):
        np.testing.assert_array_equal(data.values[row, : len(path)], path)


def test_cells_and_structures_of_matlab_are_paths(paths, tmp_path):
    file = tmp_path / "a.mat"
    scipy.io.savemat(file, {"paths": cells(paths), "note": "by hand"}, do_compression=True)
    check_ragged(read(file), paths)
    tracks = np.empty((1, 3), dtype=[("t", object), ("x", object), ("y", object)])
    for i, path in enumerate(paths):
        tracks[0, i] = (0.5 * np.arange(len(path))[:, None], path[:, :1], path[:, 1:])
    scipy.io.savemat(file, {"tracks": tracks})
    data = read(file)
    check_ragged(data, paths)
    assert (data.names, data.times[:3].tolist()) == (("x", "y"), [0, 0.5, 1])
    assert inspection(file).understood.names("trajectory") == ("trajectory",)


def test_matlab_from_7_3_on_has_its_axes_reversed(paths, tmp_path, rng):
    values, file = rng.normal(size=(3, 4, 2)), tmp_path / "a.mat"

    def write(fill):
        with h5py.File(file, "w", userblock_size=512) as target:
            fill(target)
        with file.open("r+b") as stream:
            stream.write(HEAD)

    def plain(target):
        target["X"], target["t"] = values.T, np.arange(4.0)[:, None]
        target["note"] = np.zeros((7, 1), "uint16")
        target["note"].attrs["MATLAB_class"] = np.bytes_("char")

    write(plain)
    data = read(file)
    np.testing.assert_array_equal(data.values, values)

    def boxed(target):
        box = target.create_dataset("paths", (3, 1), h5py.ref_dtype)
        box.attrs["MATLAB_class"] = np.bytes_("cell")
        for i, path in enumerate(paths):
            target[f"#refs#/{i}"] = path.T
            box[i, 0] = target[f"#refs#/{i}"].ref

    write(boxed)
    check_ragged(read(file), paths)


def test_cells_whose_columns_are_times(paths):
    upright = {f"x{{{i + 1}}}": path for i, path in enumerate(paths)}
    turned = {name: path.T for name, path in upright.items()}
    for arrays in (upright, turned):
        data = build(ragged(arrays, parse([])), parse([]), "error")
        check_ragged(data, paths)
    both = {"x{1}": np.zeros((2, 9)), "x{2}": np.ones((2, 9))}
    with pytest.raises(InvalidInput, match="2 times of 9 coordinates, or the reverse"):
        ragged(both, parse([]))
    named = build(ragged(both, parse(["columns=a,b"])), parse([]), "error")
    assert (named.values.shape, named.names) == ((2, 9, 2), ("a", "b"))
    clocked = {"x{1}": np.zeros(3), "x{2}": np.ones(3), "t": np.array([0, 0.5, 2.0])}
    assert build(ragged(clocked, parse([])), parse([]), "error").times.tolist() == [0, 0.5, 2]
    with pytest.raises(InvalidInput, match="and Y beside them; choose"):
        ragged(clocked | {"Y": np.zeros((4, 4))}, parse([]))
    short = {"x{1}": np.zeros(3), "y{1}": np.ones(2)}
    with pytest.raises(InvalidInput, match="path 1: y has 2 entries, x has 3"):
        ragged(short, parse([]))


def test_a_matrix_may_have_its_times_along_rows_or_columns(rng):
    matrix, times = rng.normal(size=(3, 50)), np.arange(50.0)
    with pytest.raises(InvalidInput, match="3 paths of one coordinate .* one path of 3 coord"):
        taken({"X": matrix, "t": times}, either=True)
    one = taken({"X": matrix, "t": times}, "columns=a,b,c", either=True)
    assert one.names == ("a", "b", "c")
    np.testing.assert_array_equal(one.values[0], matrix.T)
    three = taken({"X": matrix, "t": times}, "kind=trajectories", either=True)
    np.testing.assert_array_equal(three.values[:, :, 0], matrix)
    upright = taken({"X": matrix.T, "t": times}, either=True)
    np.testing.assert_array_equal(upright.values, one.values)


def test_vectors_of_one_length_are_columns(rng, tmp_path):
    x, y = rng.normal(size=(2, 6))
    np.savez(tmp_path / "a.npz", x=x, y=y, t=np.repeat([0.0, 1.0], 3))
    data = read(tmp_path / "a.npz")
    assert (data.names, data.counts.tolist()) == (("x", "y"), [3, 3])
    np.testing.assert_array_equal(data.values, np.stack([x, y], 1))


def test_vectors_called_x1_and_x2_are_asked_for(rng):
    arrays = {"x1": rng.normal(size=6), "x2": rng.normal(size=6)}
    with pytest.raises(InvalidInput, match="--columns x1,x2.*--kind snapshots"):
        taken(arrays)
    together = taken(arrays, "columns=x1,x2")
    assert (together.n, together.names) == (6, ("x1", "x2"))
    assert taken(arrays, "kind=snapshots").times.tolist() == [1, 2]
    beside = taken({"values": arrays["x1"], "weight": arrays["x2"]}, "variable=values")
    np.testing.assert_array_equal(beside.values[:, 0], arrays["x1"])


def test_times_along_the_first_axis_ask_what_belongs_together(rng):
    values, times = rng.normal(size=(6, 10, 3)), np.arange(6.0)
    arrays = {"value": values, "time": times, "step": np.arange(6)}
    with pytest.raises(InvalidInput, match="--kind trajectories .* --kind snapshots"):
        taken(arrays)
    paired = taken(arrays, "kind=trajectories")
    np.testing.assert_array_equal(paired.values, np.moveaxis(values, 0, 1))
    cloud = taken(arrays, "kind=snapshots")
    assert isinstance(cloud, Snapshots)
    np.testing.assert_array_equal(cloud.at(2.0), values[2])


def test_a_path_inside_hdf5(tmp_path, rng):
    file, values = tmp_path / "a.h5", rng.normal(size=(4, 9, 2))
    with h5py.File(file, "w") as target:
        target["group/positions"], target["group/mass"] = values, np.ones((4, 3))
        target["time"] = np.arange(9.0)
        target["other/table"] = np.array(
            [(0, 1.0, 2.0), (1, 2.0, 3.0), (2, 5.0, 4.0)],
            [("frame", "i4"), ("x", "f8"), ("y", "f8")],
        )
        target["loop"], target["soft"] = target["/"], h5py.SoftLink("/group")
        target["outside"] = h5py.ExternalLink("secret.h5", "/values")
    data = read(f"{file}:/group/positions")
    np.testing.assert_array_equal(data.values, values)
    assert data.times.tolist() == [*range(9)]
    with pytest.raises(InvalidInput, match=r"group/positions \(4, 9, 2\).*a.h5:/group/positions"):
        read(file)
    table = read(f"{file}:/other/table")
    assert (table.names, table.time_unit, table.n) == (("x", "y"), "frame", 1)
    with pytest.raises(InvalidInput, match="no array or group '/outside'"):
        read(f"{file}:/outside")
    with pytest.raises(InvalidInput, match=r"choose one: --read variable=NAME"):
        read(f"{file}:/group")


def test_names_of_a_tree():
    shapes = {"a/x": (9, 2), "a/time": (9,), "b/x": (3, 2), "b/c/y": (3, 1)}
    pick = lambda *words: wanted(Path("a.h5"), shapes, parse(words))
    assert pick("variable=a/x") == ({"a/x": "x", "a/time": "time"}, "x")
    assert pick("variable=y") == ({"b/c/y": "y"}, "y")
    assert pick("variable=/b") == ({"b/x": "x", "b/c/y": "c/y"}, None)
    with pytest.raises(InvalidInput, match="several"):
        pick("variable=x")
    with pytest.raises(InvalidInput, match="several groups"):
        pick()


def test_matlab_files_that_are_damaged_or_hostile(tmp_path, rng):
    file = tmp_path / "a.mat"
    scipy.io.savemat(file, {"X": np.zeros((1000, 20000))}, do_compression=True)
    with pytest.raises(DataFileError, match="claims 160 MB"):
        read(file)
    scipy.io.savemat(file, {"s": {"X": np.zeros((1000, 60000))}}, do_compression=True)
    with pytest.raises(DataFileError, match="far more than it claims|claims 480 MB"):
        read(file)
    scipy.io.savemat(file, {"X": rng.normal(size=(90, 2))})
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataFileError) as caught:
        read(file)
    assert "\n" not in str(caught.value)
    for text in (b"MATLAB 5.0" + bytes(200), b"hello there"):
        file.write_bytes(text)
        with pytest.raises((DataFileError, InvalidInput)):
            read(file)
