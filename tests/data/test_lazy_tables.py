"""Tables written and read some rows at a time are those that are written and read whole."""

import filecmp
import subprocess
import sys

import numpy as np
import pytest

from noneq.data import Snapshots, Trajectories, read, write
from noneq.data.layouts import checksum
from noneq.data.lazy import blocks, convert, writer
from noneq.errors import DataFileError, InvalidInput


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    """Several parts of a few rows."""
    for module, name, value in (
        (writer, "_CHUNK", 400), (writer, "_SHARD", 1200), (convert, "_BYTES", 2000),
        (blocks, "_ROWS", 37),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, value)


def ensembles(rng):
    values = rng.normal(size=(30, 12, 2)).astype(np.float32)
    mask = rng.random((30, 12)) > 0.2
    mask[:, 0] = True
    labels = {"names": ("a", "b"), "units": ("um", ""), "time_unit": "s"}
    levels = rng.integers(0, 3, (30, 1))
    index = rng.integers(0, 3, 200).astype(np.int32)
    named = {"condition_names": ("kind",), "categories": (("wt", "mut"),)}
    return {
        "paths": Trajectories(values, np.arange(12) * 0.1, mask=mask, condition=levels, **labels),
        "samples": Snapshots(
            rng.normal(size=(200, 3)), (0.0, 1.0, 4.0), index,
            condition=rng.integers(0, 2, (200, 1)), **named,
        ),
        "one time": Snapshots(rng.normal(size=(100, 2))),
    }  # fmt: skip


@pytest.mark.parametrize("name", ["paths", "samples", "one time"])
def test_out_of_zarr_and_back(rng, tmp_path, name):
    data = ensembles(rng)[name]
    write(data, tmp_path / "a.zarr")
    for record in (False, True):
        assert convert.convert_parts(tmp_path / "a.zarr", tmp_path / "new.csv", record=record)
        write(data, tmp_path / "old.csv", record=record)
        assert filecmp.cmp(tmp_path / "new.csv", tmp_path / "old.csv", shallow=False)
    assert convert.convert_parts(tmp_path / "a.zarr", tmp_path / "new.parquet")
    assert checksum(read(tmp_path / "new.parquet")) == checksum(data)
    for table in ("new.csv", "new.parquet"):
        found = convert.convert_parts(tmp_path / table, tmp_path / f"{table}.zarr")
        if name == "samples" and table == "new.parquet":
            assert found is None  # words of categories are known at the end: read whole
            continue
        assert found is not None
        assert (found.n, found.kind) == (data.n, type(data).__name__.lower())
        assert checksum(read(tmp_path / f"{table}.zarr")) == checksum(data)


def test_a_large_table_of_others_is_read_by_what_its_head_says(rng, tmp_path, monkeypatch):
    data = ensembles(rng)["paths"]
    plain = Trajectories(data.values, data.times, mask=data.mask, names=("a", "b"))
    write(plain, tmp_path / "p.csv")
    assert convert.convert_parts(tmp_path / "p.csv", tmp_path / "p.zarr") is None
    monkeypatch.setattr(blocks, "LARGE", 0)
    assert convert.convert_parts(tmp_path / "p.csv", tmp_path / "p.zarr") is not None
    assert checksum(read(tmp_path / "p.zarr")) == checksum(read(tmp_path / "p.csv"))

    lines = (tmp_path / "p.csv").read_text().splitlines()
    # Paths whose rows stand apart need all of them at once.
    (tmp_path / "q.csv").write_text("\n".join([lines[0], *lines[2:], lines[1]]) + "\n")
    assert convert.convert_parts(tmp_path / "q.csv", tmp_path / "q.zarr") is None
    (tmp_path / "text.csv").write_text("\n".join([*lines, "0.1,77,x,1.0"]) + "\n")
    monkeypatch.setattr("noneq.data.lazy.heads._HEAD", 2000)
    with pytest.raises(InvalidInput, match="something else than numbers"):
        convert.convert_parts(tmp_path / "text.csv", tmp_path / "text.zarr")
    (tmp_path / "gap.csv").write_text("\n".join([*lines, "0.1,77,,1.0"]) + "\n")
    with pytest.raises(InvalidInput, match="missing entry"):
        convert.convert_parts(tmp_path / "gap.csv", tmp_path / "gap.zarr")
    assert not list(tmp_path.glob("text.zarr")) + list(tmp_path.glob("gap.zarr"))


def test_a_changed_digit_is_noticed(rng, tmp_path):
    write(ensembles(rng)["one time"], tmp_path / "a.csv", record=True)
    text = (tmp_path / "a.csv").read_text()
    place = text.rindex(".") + 1
    digit = "1" if text[place] != "1" else "2"
    (tmp_path / "a.csv").write_text(text[:place] + digit + text[place + 1 :])
    with pytest.raises(DataFileError, match="does not match its checksum"):
        convert.convert_parts(tmp_path / "a.csv", tmp_path / "a.zarr")
    assert not (tmp_path / "a.zarr").exists()


PEAK = """
import sys, numpy as np, jax, resource
from pathlib import Path
from noneq.data import Trajectories, read
from noneq.data.layouts import as_raw
from noneq.data.lazy.convert import convert_parts
from noneq.data.lazy.drawing import drawn
from noneq.data.lazy.writer import write_parts
from noneq.methods import DriftRegression
what, size, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
file, times = folder / "x.zarr", np.arange(100.0)
def part(i):
    steps = np.random.default_rng(i).normal(size=(1000, 100, 8)).astype(np.float32)
    return as_raw(Trajectories(steps.cumsum(axis=1), times))
if what == "make":
    write_parts((part(i) for i in range(size)), file, n=1000 * size, times=times)
elif what == "drift":
    DriftRegression().fit(read(file, lazy=True), seed=0)
elif what == "draw":
    drawn(read(file, lazy=True), 5000, key=jax.random.key(0))
elif what == "back":
    convert_parts(folder / "x.csv", folder / "y.zarr")
else:
    convert_parts(file, folder / f"x.{what}", record=True)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_peaks_of_memory_do_not_grow_with_the_data(tmp_path):
    """Of 192 MB of paths in place of 64 MB each work holds at most 15 % of the difference more."""
    peaks = {}
    for size in (20, 60):
        folder = tmp_path / str(size)
        folder.mkdir()
        for what in ("make", "drift", "draw", "parquet", "csv", "back"):
            call = [sys.executable, "-c", PEAK, what, str(size), str(folder)]
            done = subprocess.run(call, capture_output=True, text=True, timeout=3000, check=False)
            assert done.returncode == 0, done.stderr
            peaks[what, size] = int(done.stdout.split()[-1])
    for what in ("drift", "draw", "parquet", "csv", "back"):
        grown = (peaks[what, 60] - peaks[what, 20]) / (40 * 1000 * 100 * 8 * 4)
        assert grown < 0.15, (what, peaks)
