"""A sweep over settings: every combination once, whatever happens to the workers."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import noneq as nq
from noneq.cli.words import choices
from noneq.data import Snapshots
from noneq.errors import InvalidInput
from noneq.runs.judgement import best
from noneq.runs.sweeps import sweeping
from stub_methods import Stub


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    return Snapshots.from_frames([rng.normal(i, 1, (80, 2)) for i in range(2)], [0.0, 1.0])


@pytest.fixture
def here(monkeypatch):
    """Cells are done in this process, and counted."""
    done = []

    def work(task, pieces, *, workers, scheduler, progress):
        done.extend(map(str, pieces))
        for piece in pieces:
            task(piece)
        return {}

    monkeypatch.setattr(sweeping, "work", work)
    return done


def test_every_combination_once(data, tmp_path, here):
    tries = {"widen": [1.0, 4.0], "nested.width": [2, 3]}
    rows, failed = nq.runs.sweep(Stub(), data, tmp_path / "s", tries, metrics=["w2"], seeds=2, n=16)
    assert not failed
    assert len(set(here)) == len(here) == 8
    value = {row["method"]: row["value"] for row in rows}
    assert list(value) == [f"widen={w},nested.width={n}" for w in (1.0, 4.0) for n in (2, 3)]
    assert value["widen=4.0,nested.width=2"] > value["widen=1.0,nested.width=2"]
    assert {row["seeds"] for row in rows} == {2}
    place = tmp_path / "s" / "widen=1.0,nested.width=2"
    assert nq.load(place / "seed_1").method.nested.width == 2
    said = best(rows)[0]
    assert said.startswith("w2: least with widen=1.0")
    assert "widen=4.0" not in said

    # The same call does nothing; one more value costs its own cells alone; a torn result counts as none.
    before = (tmp_path / "s" / "metrics.json").read_bytes()
    nq.runs.sweep(Stub(), data, tmp_path / "s", tries, metrics=["w2"], seeds=2, n=16)
    assert len(here) == 8
    assert (tmp_path / "s" / "metrics.json").read_bytes() == before
    nq.runs.sweep(
        Stub(), data, tmp_path / "s", tries | {"widen": [1.0, 2.0]}, metrics=["w2"], seeds=2, n=16
    )
    assert len(here) == 12
    nq.runs.sweep(Stub(), data, tmp_path / "s", tries, metrics=["w2"], seeds=2, n=16)
    known = json.loads((tmp_path / "s" / "sweep.json").read_text())["cells"]
    torn = tmp_path / "s" / "cells" / f"{known[0]['hash']}.json"
    torn.write_text(torn.read_text()[:50])
    nq.runs.sweep(Stub(), data, tmp_path / "s", tries, metrics=["w2"], seeds=2, n=16)
    assert here[12:] == ["widen=1.0,nested.width=2 seed 0"]
    assert (tmp_path / "s" / "metrics.json").read_bytes() == before


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"widen": []}, "no value to try for widen"),
        ({"widen": [1.0, 1.0]}, "same value twice"),
        ({"wide": [1.0]}, "did you mean"),
    ],
)
def test_bad_settings_are_refused(data, tmp_path, settings, said):
    with pytest.raises(InvalidInput, match=said):
        nq.runs.sweep(Stub(), data, tmp_path / "s", settings)
    assert not (tmp_path / "s").exists()


def test_two_sweeps_in_one_folder(data, tmp_path):
    from noneq.store import lock

    with lock(tmp_path / "s"):
        code = (
            "import sys, numpy as np; sys.path.insert(0, sys.argv[2])\n"
            "import noneq as nq; from stub_methods import Stub\n"
            "nq.runs.sweep(Stub(), nq.data.Snapshots(np.zeros((20, 2)) + np.arange(2)), sys.argv[1], "
            "{'widen': [1.0, 2.0]})"
        )
        found = subprocess.run(
            [sys.executable, "-c", code, tmp_path / "s", os.path.dirname(__file__) + "/.."],
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
    assert "is in use by process" in found.stderr


def test_values_are_parted_at_commas_outside_brackets():
    assert choices(["a.b=1,2", "c=[1, 2],[3]", 'd="x,y"']) == {
        "a.b": ["1", "2"],
        "c": ["[1, 2]", "[3]"],
        "d": ['"x,y"'],
    }
    for word in ("a", "a=1,,2", "=3"):
        with pytest.raises(InvalidInput):
            choices([word])
    with pytest.raises(InvalidInput, match="given twice"):
        choices(["a=1", "a=2"])


@pytest.mark.slow
def test_48_cells_survive_10_killed_workers(tmp_path):
    """The same rows as of one worker that nobody disturbs; nothing is done twice for nothing."""
    # Large enough for cells that take a while: those of a few states all end before the first kill.
    states = np.random.default_rng(0).normal(size=(2, 1500, 2))
    nq.data.write(nq.Snapshots.from_frames(list(states), [0.0, 1.0]), tmp_path / "d.npz")
    method = f"{os.path.abspath(os.path.dirname(__file__) + '/..')}/stub_methods.py:Stub"
    words = [
        "sweep", method, "d.npz", "--set", "widen=1,2,3,4,5,6,7,8,9,10,11,12", "--seeds", "4",
        "--metrics", "w2", "--n", "1500", "--quiet",
    ]  # fmt: skip
    call = [sys.executable, "-m", "noneq", *words]
    subprocess.run([*call, "-o", "serial"], cwd=tmp_path, check=True, timeout=900)
    running = subprocess.Popen([*call, "-o", "shared", "--workers", "2"], cwd=tmp_path)
    killed, done = 0, 0
    while running.poll() is None and killed < 10:
        time.sleep(0.05)
        now = len(list((tmp_path / "shared" / "cells").glob("*.json")))
        if now < done + 3:
            continue
        done = now
        for worker in children(running.pid)[:1]:
            os.kill(worker, signal.SIGKILL)
            killed += 1
    assert running.wait(timeout=900) == 0
    assert killed == 10
    one, other = (
        json.loads((tmp_path / name / "metrics.json").read_text()) for name in ("serial", "shared")
    )
    assert len(one) == 12
    assert one == other


def children(pid):
    """Worker processes of a process."""
    found = subprocess.run(
        ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(pid)], capture_output=True
    )
    lines = found.stdout.decode().splitlines()
    return [int(line.split()[0]) for line in lines if "spawn_main" in line]


def test_seeds_of_a_combination_train_together(data, tmp_path, here):
    """Rows as of single fits; of a combination with one cell missing, fits are loaded."""
    method = nq.methods.EDM(
        net=nq.nets.MLP(8, 2), training=nq.Training(steps=6, batch=16, warmup=1)
    )
    tries, way = {"training.rate": [0.001, 0.003]}, {"metrics": ["w2"], "seeds": 2, "n": 16}
    joint, failed = nq.runs.sweep(method, data, tmp_path / "j", tries, together=True, **way)
    assert not failed
    assert here == ["training.rate=0.001 seeds 0, 1", "training.rate=0.003 seeds 0, 1"]
    apart, _ = nq.runs.sweep(method, data, tmp_path / "a", tries, **way)
    values = [[row["value"] for row in rows] for rows in (joint, apart)]
    np.testing.assert_allclose(*values, rtol=1e-3)
    run = tmp_path / "j" / "training.rate=0.001" / "seed_1" / "model.safetensors"
    before = run.stat().st_mtime_ns
    known = json.loads((tmp_path / "j" / "sweep.json").read_text())["cells"]
    (tmp_path / "j" / "cells" / f"{known[0]['hash']}.json").unlink()
    again, _ = nq.runs.sweep(method, data, tmp_path / "j", tries, together=True, **way)
    assert again == joint
    assert run.stat().st_mtime_ns == before
    assert len(here) == 2 + 4 + 1
    with pytest.raises(InvalidInput, match="--together"):
        nq.runs.sweep(Stub(), data, tmp_path / "s", {}, together=True, seeds=2)
