"""Data that stay in their file, from the command line: fits that go on, and one line where they cannot."""

import dataclasses
import json
from pathlib import Path

import jax
import numpy as np
import pytest

from noneq import load
from noneq.data import Snapshots, Trajectories, read, write
from noneq.data.lazy import ensemble, writer
from noneq.data.lazy.drawing import drawn
from noneq.errors import InvalidInput
from noneq.methods.bridges.pairs.known import sources
from noneq.methods.bridges.starts import MOST


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
    noneq(
        "fit", "SparseDrift", "x.zarr", "-o", "r", "--lazy", "--set", "order=2", "--quiet"
    ).refuses(2, "order=2 and localisation need all data in memory")
    noneq("fit", "CurlyFM", "x.zarr", "-o", "r", "--lazy", "--quiet").refuses(2, "leave out --lazy")
    noneq("evaluate", "r", "x.npz", "--lazy", "--quiet").refuses(2, "noneq convert")
    noneq("thermo", "x.zarr", "--lazy", "--matrix", "--quiet").refuses(2, "--lazy")
    assert not (tmp_path / "r" / "model.safetensors").exists()


def test_inspect_reads_a_few_chunks_at_a_time(noneq, paths):
    one, two = noneq("inspect", "x.zarr", "--json"), noneq("inspect", "x.zarr", "--lazy", "--json")
    assert one.json["counts"] == two.json["counts"]
    np.testing.assert_allclose(one.json["mean"], two.json["mean"], rtol=1e-6)
    assert two.json["command"].endswith("--lazy")
    assert noneq("inspect", "x.zarr", "--lazy", "--picture", "p.png", "--json").code == 0
    assert Path("p.png").stat().st_size > 1000


def test_a_law_of_motion_is_that_of_data_in_memory(noneq, paths, tmp_path):
    """Sums of pieces of chunks; with gaps, and all paths of the last chunk of a file that is cut."""
    gaps = np.random.default_rng(1).random(paths.values.shape[:2]) > 0.1
    gaps[:, 0] = True
    write(Trajectories(paths.values, paths.times, mask=gaps), tmp_path / "x.zarr")
    fit = ("fit", "SparseDrift", "x.zarr", "--set", "library.degree=1", "--quiet", "-o")
    assert noneq(*fit, "whole").code == 0
    assert noneq(*fit, "lazy", "--lazy").code == 0
    one, two = (load(tmp_path / name) for name in ("whole", "lazy"))
    assert one.model.law.text == two.model.law.text
    for a, b in zip(jax.tree.leaves(one.model), jax.tree.leaves(two.model), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)
    assert one.summary.counts == two.summary.counts
    words = (
        "evaluate",
        "whole",
        "x.zarr",
        "--metrics",
        "w1",
        "--n",
        "50",
        "--frames",
        "2",
        "--json",
    )
    seen, some = noneq(*words), noneq(*words, "--lazy")
    # A file that is no larger than what is drawn is compared with whole.
    assert some.json["rows"] == seen.json["rows"]
    assert "was fitted to these data" in noneq("evaluate", "lazy", *words[2:], "--lazy").err


def test_bridges_draw_other_samples_for_every_round(noneq, rng, tmp_path):
    """As many of each time as the pool has, by a pure function of the key."""
    frames = [rng.normal(i, 1, (n, 2)) for i, n in enumerate((300, 40, 200))]
    data = Snapshots.from_frames(frames, [0.0, 1.0, 2.5])
    write(data, tmp_path / "s.zarr")
    lazy = read(tmp_path / "s.zarr", lazy=True)
    one, two = (drawn(lazy, 50, key=jax.random.key(i)) for i in (0, 1))
    assert one.counts.tolist() == [50, 40, 50]
    np.testing.assert_array_equal(one.values, drawn(lazy, 50, key=jax.random.key(0)).values)
    shared = {tuple(x) for x in one.values.tolist()} & {tuple(x) for x in two.values.tolist()}
    assert 40 < len(shared) < 80  # the 40 of the second time, and a few others
    np.testing.assert_array_equal(drawn(lazy, 300, key=jax.random.key(0)).values, data.values)

    how = {"hold_out": 0.0, "rates": lambda n: None, "lineage": None, "more": False}
    keys = {"split_key": jax.random.key(0), "key": jax.random.key(1)}
    source, held = sources(lazy, "SF2M", pool=50, **how, **keys)
    assert held is None
    assert source.pool == MOST
    source = dataclasses.replace(source, pool=50)
    later = [source.of_round(i, key=jax.random.key(i)).data.values for i in (1, 2)]
    assert not np.array_equal(*later)
    with pytest.raises(InvalidInput, match="leave out --lazy"):
        sources(lazy, "SF2M", pool=50, **(how | {"more": True}), **keys)


def test_every_state_is_drawn_with_the_same_chance(tmp_path):
    """Counts over 400 draws of 10 of 60: of variance 400 p(1 − p), χ² of 60 states in ±5 sigma."""
    write(Snapshots(np.arange(60.0)[:, None] * [1.0, 1.0]), tmp_path / "u.zarr")
    lazy = read(tmp_path / "u.zarr", lazy=True)
    counts = np.zeros(60)
    for i in range(400):
        counts[drawn(lazy, 10, key=jax.random.key(i)).values[:, 0].astype(int)] += 1
    p = 10 / 60
    chi2 = ((counts - 400 * p) ** 2 / (400 * p * (1 - p))).sum()
    assert abs(chi2 - 60) < 5 * np.sqrt(2 * 60)
    broken = counts * np.linspace(0.8, 1.2, 60)
    assert ((broken - 400 * p) ** 2 / (400 * p * (1 - p))).sum() - 60 > 5 * np.sqrt(2 * 60)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["SF2M", "ActionMatching"])
def test_a_bridge_learns_from_a_file(noneq, rng, tmp_path, method):
    """A file that is no larger than the pool gives the bridge of data in memory, to the last bit."""
    frames = [rng.normal(2 * i, 1, (300, 2)) for i in range(3)]
    write(Snapshots.from_frames(frames, [0.0, 1.0, 2.0]), tmp_path / "s.zarr")
    fit = ("fit", method, "s.zarr", *SMALL, "--set", "training.steps=60", "--quiet", "-o")
    assert noneq(*fit, "whole").code == 0
    assert noneq(*fit, "lazy", "--lazy").code == 0
    one, two = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "lazy"))
    assert one == two


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
