"""Factors of the denoising product from a user's file, on the command line."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

import noneq as nq
from noneq.data import Snapshots, read, write


OWN = Path(__file__).parents[1] / "own_parts.py"
FAST = ["net.width=8", "net.depth=1", "training.steps=4", "training.batch=16", "time_band=1"]


@pytest.fixture
def file(tmp_path):
    """A user's folder: data, and a file of classes that nothing has imported."""
    shutil.copy(OWN, tmp_path / "my_file.py")
    write(Snapshots(np.random.default_rng(0).normal(size=(80, 2))), tmp_path / "free.npz")
    yield
    sys.modules.pop("my_file", None)


@pytest.mark.parametrize(
    "settings",
    [
        ['process={kind="my_file:Laplace"}', 'sampler={kind="my_file:Euler", steps=12}'],
        [
            'process={kind="my_file:Warm", schedule={kind="my_file:Cubic", high=30.0}}',
            'target={kind="my_file:Half"}',
            'weight={kind="my_file:Early"}',
            'penalty={kind="my_file:Small"}',
            "sampler.steps=12",
        ],
    ],
    ids=("flow", "all factors"),
)
def test_own_factors_are_fitted_sampled_and_loaded(noneq, file, settings):
    words = [word for setting in (*settings, *FAST) for word in ("--set", setting)]
    done = noneq("fit", "ScoreMatching", "free.npz", "-o", "run", *words, "--trust")
    assert done.code == 0, done.err
    sys.modules.pop("my_file")
    # Another program, which has not imported the file.
    noneq("sample", "run", "-o", "new.npz", "--n", 20).refuses(2, "my_file", "--trust")
    done = noneq("sample", "run", "-o", "new.npz", "--n", 20, "--trust")
    assert done.code == 0, done.err
    assert np.isfinite(read("new.npz").snapshots().values).all()
    assert type(nq.load("run", trust=True).method.process).__module__ == "my_file"
