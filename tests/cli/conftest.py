"""Run the command line in this process: `noneq("fit", ...)` gives code, stdout and stderr."""

import json
from dataclasses import dataclass

import numpy as np
import pytest

from noneq import cli
from noneq.data import Snapshots, Trajectories, write


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)

    def refuses(self, code, *parts):
        """One clear line on stderr, nothing on stdout, and this exit code."""
        assert self.code == code, self.err
        assert self.out == ""
        assert self.err.count("\n") == 1
        assert self.err.startswith("noneq: ")
        assert "Traceback" not in self.err
        assert all(part in self.err for part in parts), self.err


@pytest.fixture
def noneq(capsys, monkeypatch, tmp_path):
    """Runs a command in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*words):
        capsys.readouterr()
        code = cli.run([str(word) for word in words])
        done = capsys.readouterr()
        return Result(code, done.out, done.err)

    return call


@pytest.fixture
def snapshots(tmp_path):
    """File of three snapshots in two dimensions."""
    rng = np.random.default_rng(0)
    frames = [rng.normal(i, 1 + i, (60, 2)) for i in range(3)]
    write(Snapshots.from_frames(frames, [0.0, 1.0, 2.5]), tmp_path / "snaps.npz")
    return tmp_path / "snaps.npz"


@pytest.fixture
def paths(tmp_path):
    """File of 40 trajectories at 5 times in one dimension."""
    rng = np.random.default_rng(1)
    values = rng.normal(size=(40, 5, 1)).cumsum(axis=1)
    write(Trajectories(values, np.arange(5.0)), tmp_path / "paths.csv", record=True)
    return tmp_path / "paths.csv"


STUB = "stub_methods:Stub"
