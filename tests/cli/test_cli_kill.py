"""A fit that is killed or asked to stop goes on to the identical model."""

import multiprocessing
import os
import signal
from pathlib import Path

import jax
import numpy as np
import pytest
import stopped_fits

from noneq.data import Snapshots, write


pytestmark = pytest.mark.kill
SETTINGS = (
    "training.steps=60",
    "training.batch=16",
    "training.warmup=0",
    "net.width=8",
    "net.depth=1",
)
WORDS = ["--quiet", *(word for setting in SETTINGS for word in ("--set", setting))]


@pytest.fixture(scope="module")
def fit(tmp_path_factory):
    """Start a fit: `(process, pipe)`."""
    folder = tmp_path_factory.mktemp("kill")
    rng = np.random.default_rng(0)
    frames = [rng.normal(i, 1, (50, 2)) for i in range(2)]
    write(Snapshots.from_frames(frames, [0.0, 1.0]), folder / "x.npz")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["noneq.store"])
    children = []

    def start(run, *more):
        ours, theirs = context.Pipe(duplex=False)
        words = ["fit", "ScoreMatching", str(folder / "x.npz"), "-o", str(run), *WORDS, *more]
        cache = str(jax.config.jax_compilation_cache_dir)
        child = context.Process(target=stopped_fits.fit, args=(words, cache, theirs), daemon=True)
        child.start()
        theirs.close()
        children.append(child)
        return child, ours

    yield start
    for child in children:
        child.kill()
        child.join(10)


@pytest.fixture(scope="module")
def straight(fit, tmp_path_factory):
    """The model of a fit that nobody disturbs."""
    run = tmp_path_factory.mktemp("straight") / "run"
    child, pipe = fit(run)
    _wait_for(pipe, 20)
    child.join(100)
    assert child.exitcode == 0
    return (run / "model.safetensors").read_bytes()


def _wait_for(pipe, chunks):
    """Until the fit has saved so many chunks of steps (or is done)."""
    try:
        while pipe.poll(100) and pipe.recv() < chunks:
            pass
    except EOFError:
        pass


def test_killed_at_random_moments(fit, straight, tmp_path, rng):
    stops = np.sort(rng.integers(1, 18, 3))
    for stop in stops:
        child, pipe = fit(tmp_path / "run", "--resume")
        _wait_for(pipe, stop)
        child.join(rng.uniform(0, 0.02))
        child.kill()
        child.join(10)
        assert child.exitcode == -signal.SIGKILL
        assert (tmp_path / "run/checkpoint/state.safetensors").exists()
    child, pipe = fit(tmp_path / "run", "--resume")
    first = pipe.recv() if pipe.poll(100) else None
    assert first is not None
    assert first > stops[-1], "it goes on from the last state, not from the start"
    _wait_for(pipe, 20)
    child.join(100)
    assert child.exitcode == 0
    assert (tmp_path / "run/model.safetensors").read_bytes() == straight


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop(fit, straight, tmp_path, number):
    run = Path(tmp_path / "run")
    child, pipe = fit(run)
    _wait_for(pipe, 6)
    os.kill(child.pid, number)
    child.join(10)
    assert child.exitcode == 128 + number
    assert not (run / "model.safetensors").exists()
    child, pipe = fit(run, "--resume")
    _wait_for(pipe, 20)
    child.join(100)
    assert child.exitcode == 0
    assert (run / "model.safetensors").read_bytes() == straight
