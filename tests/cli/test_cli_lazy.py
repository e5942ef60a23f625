"""Data that stay in their file, from the command line: fits that go on, and one line where they cannot."""

import json

import numpy as np
import pytest

from noneq.data import Snapshots, Trajectories, read, write
from noneq.data.lazy import ensemble, writer


SMALL = ["--set", "net.width=16", "--set", "net.depth=2", "--set", "training.batch=64"]
FIT = ["fit", "ScoreMatching", "x.zarr", "--lazy", *SMALL, "--set", "training.steps=40"]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(writer, "_CHUNK", 400)
    monkeypatch.setattr(writer, "_SHARD", 1200)
    monkeypatch.setattr(ensemble, "_WINDOW", 1600)


@pytest.fixture
def paths(rng, tmp_path):
    values = rng.normal(size=(60, 12, 2)).astype(np.float32) + 5
    data = Trajectories(values, np.arange(12.0))
    write(data, tmp_path / "x.zarr")
    return data


@pytest.fixture
def shard(paths, tmp_path):
    return sorted(f for f in (tmp_path / "x.zarr" / "values" / "c").rglob("*") if f.is_file())[3]


def test_a_fit_goes_on_where_its_file_lost_a_chunk(noneq, shard, tmp_path):
    assert noneq(*FIT, "-o", "whole", "--quiet").code == 0
    meta = json.loads((tmp_path / "whole" / "meta.json").read_text())
    assert meta["data"]["lazy"] is True
    # The chunk goes while the fit runs: the first pass over all chunks still finds it.
    found = ensemble.LazyEnsemble.window
    calls = []

    def window(self, seed, number):
        calls.append(number)
        if number == 5:
            shard.rename(tmp_path / "aside")
        return found(self, seed, number)

    ensemble.LazyEnsemble.window = window
    try:
        stopped = noneq(*FIT, "-o", "run", "--quiet")
    finally:
        ensemble.LazyEnsemble.window = found
    stopped.refuses(4, "chunk", "is missing", "Training stopped at step", "--resume")
    assert calls
    noneq(*FIT, "-o", "run", "--quiet", "--resume").refuses(4, "chunk", "is missing")
    (tmp_path / "aside").rename(shard)
    assert noneq(*FIT, "-o", "run", "--quiet", "--resume").code == 0
    one, two = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "run"))
    assert one == two


def test_a_fit_of_a_file_that_grew_is_another_fit(noneq, paths, tmp_path):
    found = ensemble.LazyEnsemble.window
    place = tmp_path / "x.zarr" / "values" / "zarr.json"
    before = place.read_text()

    def window(self, seed, number):
        if number == 5:
            place.write_text(before.replace("60", "66", 1))
        return found(self, seed, number)

    ensemble.LazyEnsemble.window = window
    try:
        stopped = noneq(*FIT, "-o", "run", "--quiet")
    finally:
        ensemble.LazyEnsemble.window = found
    stopped.refuses(4, "changed while it was in use", "(60, 12, 2) and is (66, 12, 2)", "--resume")
    place.write_text(before)
    write(paths.take(np.arange(50)), tmp_path / "x.zarr")
    noneq(*FIT, "-o", "run", "--quiet", "--resume").refuses(2, "other data")
    write(paths, tmp_path / "x.zarr")
    assert noneq(*FIT, "-o", "run", "--quiet", "--resume").code == 0


def test_what_cannot_be_lazy_is_refused_in_one_line(noneq, paths, tmp_path):
    write(paths, tmp_path / "x.npz")
    noneq("fit", "ScoreMatching", "x.npz", "-o", "r", "--lazy", "--quiet").refuses(
        2, "noneq convert"
    )
    noneq("fit", "Transition", "x.zarr", "-o", "r", "--lazy", "--quiet").refuses(2, "in memory")
    noneq(*FIT, "--set", "training.batch=0", "-o", "r", "--quiet").refuses(2, "training.batch")
    noneq(*FIT, "--components", "1", "-o", "r", "--quiet").refuses(2, "noneq convert")
    noneq("inspect", "x.zarr", "--lazy", "--picture", "p.png").refuses(2, "--picture")
    noneq("thermo", "x.zarr", "--lazy", "--matrix", "--quiet").refuses(2, "--lazy")
    assert not (tmp_path / "r" / "model.safetensors").exists()


def test_inspect_reads_a_few_chunks_at_a_time(noneq, paths):
    one, two = noneq("inspect", "x.zarr", "--json"), noneq("inspect", "x.zarr", "--lazy", "--json")
    assert one.json["counts"] == two.json["counts"]
    np.testing.assert_allclose(one.json["mean"], two.json["mean"], rtol=1e-6)
    assert two.json["command"].endswith("--lazy")


def test_simulate_and_convert_write_as_they_go(noneq, paths, tmp_path, monkeypatch):
    from noneq.simulation import ensemble as simulation

    # Blocks of 64 paths, so that there are several.
    monkeypatch.setattr(simulation, "_CHUNK", 64)
    words = ["simulate", "Prinz", "--n", "150", "--times", "0:1:3", "--quiet"]
    assert noneq(*words, "-o", "s.zarr").code == 0
    assert noneq(*words, "-o", "s.npz").code == 0
    np.testing.assert_array_equal(read(tmp_path / "s.zarr").values, read(tmp_path / "s.npz").values)
    for source in ("x.zarr", "x.nc"):
        if source == "x.nc":
            write(paths, tmp_path / source)
        target = f"{source[2:]}.zarr"
        assert noneq("convert", source, target, "--quiet").code == 0
        np.testing.assert_array_equal(read(tmp_path / target).values, paths.values)


def test_samples_in_the_order_of_time_convert_too(noneq, rng, tmp_path):
    index = np.sort(rng.integers(0, 3, size=300))
    labels = {"condition": rng.integers(0, 2, size=(300, 1)), "time_unit": "s"}
    data = Snapshots(rng.normal(size=(300, 2)), (0.0, 1.0, 4.0), index, **labels)
    write(data, tmp_path / "a.nc")
    assert noneq("convert", "a.nc", "b.zarr", "--quiet").code == 0
    assert noneq("convert", "b.zarr", "c.zarr", "--quiet").code == 0
    again = read(tmp_path / "c.zarr")
    np.testing.assert_array_equal(again.values, data.values)
    np.testing.assert_array_equal(again.condition, data.condition)
    assert again.time_unit == "s"
