"""Transports between snapshots on the command line."""

import os

import numpy as np
import pytest

from noneq import cli
from noneq.data import Snapshots, Trajectories, read, write
from noneq.store import load


SMALL = [
    *["--set", "net.width=16", "--set", "net.depth=1", "--set", "training.steps=4"],
    *["--set", "training.batch=16", "--set", "pool=64", "--quiet"],
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three snapshots at unequal times, and a fit to them."""
    rng, place = np.random.default_rng(0), tmp_path_factory.mktemp("bridges")
    frames = [rng.normal(shift, 1.0, (40, 2)) for shift in (0.0, 1.0, 3.0)]
    write(Snapshots.from_frames(frames, [0.0, 0.5, 2.0]), place / "cells.npz")
    before = os.getcwd()
    os.chdir(place)
    try:
        fit = ["fit", "SF2M", "cells.npz", "-o", "run", *SMALL, "--set", "bridge.sigma=0.7"]
        assert cli.run(fit) == 0
        yield place
    finally:
        os.chdir(before)


def test_paths_and_snapshots_of_a_run(folder):
    ask = ["sample", "run", "--n", "8", "--times", "0:2:5", "--quiet"]
    assert cli.run([*ask, "-o", "paths.npz", "--paths"]) == 0
    assert cli.run([*ask, "-o", "cloud.npz", "--no-paths", "--set", "sampler=TransportODE"]) == 0
    paths, cloud = read(folder / "paths.npz"), read(folder / "cloud.npz")
    assert isinstance(paths, Trajectories)
    assert paths.values.shape == (8, 5, 2)
    assert isinstance(cloud, Snapshots)
    np.testing.assert_array_equal(cloud.counts, 8)


def test_paths_of_a_model_that_has_none_are_refused(folder, capsys):
    fit = ["fit", "DisplacementInterpolation", "cells.npz", "-o", "still", "--quiet"]
    assert cli.run(fit) == 0
    assert cli.run(["sample", "still", "-o", "no.npz", "--n", "4", "--paths", "--quiet"]) == 2
    assert "HasPaths" in capsys.readouterr().err


def test_a_reference_is_given_on_the_command_line(folder):
    fit = ["fit", "PlugInGaussian", "cells.npz", "-o", "turning", "--quiet"]
    given = ["--set", "bridge.A=[[0.0, 1.0], [-1.0, 0.0]]", "--set", "bridge.sigma=0.5"]
    assert cli.run([*fit, *given]) == 0
    method = load(folder / "turning").method
    assert method.bridge.A == ((0.0, 1.0), (-1.0, 0.0))


def test_one_snapshot_is_refused(folder, capsys):
    write(Snapshots(np.random.default_rng(0).normal(size=(20, 2))), folder / "one.npz")
    assert cli.run(["fit", "SF2M", "one.npz", "-o", "none", *SMALL]) == 2
    assert "at least two snapshots" in capsys.readouterr().err
