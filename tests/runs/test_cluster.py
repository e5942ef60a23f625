"""A sweep on the workers of a dask scheduler: the rows of one process, whoever dies on the way."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import noneq as nq
from noneq.data import Snapshots
from noneq.errors import InvalidInput
from noneq.runs.sweeps import cluster
from noneq.runs.sweeps.workers import work


STUB = f"{Path(__file__).parents[1] / 'stub_methods.py'}:Stub"
needs_dask = pytest.mark.skipif(find_spec("distributed") is None, reason="dask is not installed")


class Ended:
    """A future that is done."""

    def __init__(self, status, error=None):
        self.status, self._error = status, error

    def result(self):
        return ""

    def exception(self):
        return self._error


def test_every_end_of_a_piece_is_one_line():
    killed = type("KilledWorker", (Exception,), {})("x")
    assert cluster._fault(Ended("finished")) == ""
    assert "died again and again" in cluster._fault(Ended("error", killed))
    assert "ImportError: no noneq" in cluster._fault(Ended("error", ImportError("no noneq\nx")))
    assert "the same command" in cluster._fault(Ended("cancelled"))


@pytest.mark.skipif(find_spec("distributed") is not None, reason="dask is installed")
def test_without_dask_it_says_what_to_install():
    with pytest.raises(InvalidInput, match=r"noneq\[cluster\]"):
        work(print, [1], scheduler="tcp://127.0.0.1:1")


@pytest.fixture
def start(tmp_path):
    """Starts programs that end with the test."""
    running = []

    def call(*words, **how):
        environment = os.environ | {"JAX_PLATFORMS": "cpu"}
        done = subprocess.Popen(
            [sys.executable, "-m", *words], cwd=tmp_path, env=environment, text=True,
            start_new_session=True, stderr=subprocess.PIPE, stdout=subprocess.PIPE, **how,
        )  # fmt: skip
        running.append(done)
        call.first = running[0]
        return done

    yield call
    for process in running:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def scheduler(start):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    start("distributed.cli.dask_scheduler", "--port", str(port), "--no-dashboard")
    return f"tcp://127.0.0.1:{port}"


@pytest.fixture
def words(tmp_path):
    """A sweep of 12 cells."""
    rng = np.random.default_rng(0)
    frames = [rng.normal(i, 1, (80, 2)) for i in range(2)]
    nq.data.write(Snapshots.from_frames(frames, [0.0, 1.0]), tmp_path / "d.npz")
    return [
        "noneq", "sweep", STUB, "d.npz", "--set", "widen=1,2,3,4,5,6", "--seeds", "2",
        "--metrics", "w2", "--n", "40", "--quiet", "-o",
    ]  # fmt: skip


@needs_dask
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("lone", [True, False], ids=["lone", "two"])
def test_a_killed_worker_costs_nothing(start, scheduler, words, tmp_path, lone):
    """Of two workers one is killed; or the only one, which then is replaced."""
    how = ("--nthreads", "1" if lone else "4", "--no-dashboard", "--no-nanny")
    worker = ("distributed.cli.dask_worker", scheduler, *how)
    crew = [start(*worker) for _ in range(1 if lone else 2)]
    running = start(*words, "shared", "--scheduler", scheduler)
    while len(list((tmp_path / "shared" / "cells").glob("*.json"))) < 3:
        assert running.poll() is None, running.communicate()
        time.sleep(0.05)
    os.kill(crew[0].pid, signal.SIGKILL)
    if lone:
        start(*worker)
    out, err = running.communicate(timeout=600)
    assert running.returncode == 0, err
    assert "Traceback" not in err
    alone = start(*words, "serial")
    assert alone.wait(timeout=600) == 0, alone.communicate()
    one, other = (
        json.loads((tmp_path / name / "metrics.json").read_text()) for name in ("serial", "shared")
    )
    assert len(one) == 6
    assert one == other


@needs_dask
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_scheduler_that_dies_loses_what_is_missing_alone(start, scheduler, words, tmp_path):
    """One line a cell, exit code 3; the same command does the rest."""
    start("distributed.cli.dask_worker", scheduler, "--nthreads", "1", "--no-nanny")
    running = start(*words, "out", "--scheduler", scheduler)
    cells = tmp_path / "out" / "cells"
    while len(list(cells.glob("*.json"))) < 2:
        assert running.poll() is None, running.communicate()
        time.sleep(0.05)
    os.killpg(start.first.pid, signal.SIGKILL)
    _, err = running.communicate(timeout=300)
    assert running.returncode == 3, err
    assert "Traceback" not in err
    assert "the scheduler was lost; the same command does what is missing" in err
    again = start(*words, "out")
    assert again.wait(timeout=600) == 0, again.communicate()
    assert len(list(cells.glob("*.json"))) == 12


@needs_dask
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_scheduler_that_is_not_there_or_alone(start, scheduler, words):
    for address, said in (
        ("tcp://127.0.0.1:1", "no dask scheduler answers"),
        ("nowhere", "expected tcp://HOST:PORT"),
        (scheduler, "has no worker"),
    ):
        running = start(*words, "out", "--scheduler", address)
        out, err = running.communicate(timeout=300)
        assert running.returncode == 2, err
        assert out == ""
        assert err.count("\n") == 1, err
        assert said in err
