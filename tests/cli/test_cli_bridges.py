"""Transports between snapshots on the command line."""

import json
import os

import jax
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


def test_settings_of_training_leave_methods_without_it_alone(folder, capsys):
    words = ["compare", "cells.npz", "--methods", "ICFM,DisplacementInterpolation", "--metrics"]
    words += ["w1", "--hold-out", "0.5", "-o", "both", *SMALL]
    assert cli.run(words) == 0
    said = capsys.readouterr().err
    assert "DisplacementInterpolation has no training, and is left as it is" in said
    assert load(folder / "both" / "ICFM").method.training.steps == 4
    # A field that nobody has is a slip.
    assert cli.run([*words, "--set", "trainin.steps=3"]) == 2
    assert "did you mean training" in capsys.readouterr().err


def test_an_end_time_cannot_be_held_out(folder, capsys):
    words = ["compare", "cells.npz", "--methods", "ICFM", "--hold-out", "2", "-o", "late", *SMALL]
    assert cli.run(words) == 2
    assert "with time 2 left out it knows 0 to 0.5, and nothing of what lies beyond" in (
        capsys.readouterr().err
    )


OWN = '''
from typing import ClassVar

import jax.numpy as jnp
import numpy as np

import noneq as nq


class Ranked(nq.methods.AbstractCoupling):
    """Pairs by the rank of one coordinate."""

    place: int = 0

    def pairs(self, x0, x1, cost, count, rng):
        n = min(len(x0), len(x1))
        keep = np.arange(count) % n
        order = [np.argsort(x[:n, self.place])[keep] for x in (x0, x1)]
        return nq.methods.Pairs(*order)


class Detour(nq.methods.AbstractBridge):
    """x = x0 + s (x1 − x0) + height s (1 − s)."""

    stochastic: ClassVar[bool] = False

    height: float = 1.0

    def at(self, x0, x1, phase, duration, *, key):
        x = x0 + phase * (x1 - x0) + self.height * phase * (1 - phase)
        rate = x1 - x0 + self.height * (1 - 2 * phase)
        return nq.methods.Passage(x, rate / duration, None, None)

    def cost(self, x0, x1, duration):
        return ((x0[:, None] - x1[None]) ** 2).sum(-1)

    def drift(self, x, time):
        return jnp.zeros_like(x)

    def diffusion(self):
        return 0.0
'''


def test_a_strangers_coupling_and_bridge_in_one_file(folder):
    (folder / "mine.py").write_text(OWN)
    own = ["--set", "coupling=mine.py:Ranked", "--set", "coupling.place=1"]
    own += ["--set", "bridge=mine.py:Detour", "--set", "bridge.height=0.5"]
    fit = ["fit", "BridgeMatching", "cells.npz", "-o", "own", *SMALL, *own]
    assert cli.run([*fit, "--trust"]) == 0
    spec = (folder / "own" / "spec.toml").read_text()
    assert ':Ranked"' in spec
    draw = ["sample", "own", "-o", "mine.npz", "--n", "6", "--times", "0.25,1", "--quiet"]
    assert cli.run([*draw, "--trust", "--no-paths"]) == 0
    assert np.isfinite(read(folder / "mine.npz").values).all()
    method = load(folder / "own", trust=True).method
    assert (method.coupling.place, method.bridge.height) == (1, 0.5)


def test_velocities_and_growth_come_with_files(folder, capsys):
    data = read(folder / "cells.npz")
    labels = {"names": ("velocity_x0", "velocity_x1")}
    write(Snapshots(data.values[:, ::-1], data.times, data.time_index, **labels), folder / "v.npz")
    rates = Snapshots(np.zeros((120, 1)), data.times, data.time_index)
    write(rates, folder / "g.npz")
    tiny = ["--set", "bridge.net.width=16", "--set", "bridge.net.depth=1"]
    tiny += ["--set", "bridge.training.steps=4", "--set", "bridge.steps=2"]
    fit = ["fit", "CurlyFM", "cells.npz", "-o", "curly", *SMALL, *tiny]
    assert cli.run([*fit, "--with", "velocities=v.npz"]) == 0
    assert cli.run(["fit", "CurlyFM", "cells.npz", "-o", "none", *SMALL]) == 2
    assert "--with velocities=FILE" in capsys.readouterr().err
    both = Snapshots(
        np.concatenate([data.values, data.values[:, ::-1]], 1), data.times, data.time_index,
        names=("x0", "x1", "velocity_x0", "velocity_x1"),
        condition=np.arange(120) % 3, condition_names=("clone",),
    )  # fmt: skip
    write(both, folder / "both.csv")
    columns = ["fit", "CurlyFM", "both.csv", "-o", "columns", *SMALL[:-1], *tiny]
    assert cli.run([*columns, "--set", "lineage=clone"]) == 0
    said = capsys.readouterr().err
    assert "velocity_x0, velocity_x1: velocities, from which CurlyFM learns its reference." in said
    fitted = load(folder / "columns")
    assert fitted.summary.names == ("x0", "x1")
    assert fitted.summary.condition_dim == 0
    # The same numbers by either way, but for the pairs, which lie inside clones here.
    drift = [load(folder / run).model.field.bridge.net for run in ("curly", "columns")]
    for one, two in zip(*(jax.tree.leaves(part) for part in drift), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)
    assert cli.run(["evaluate", "columns", "both.csv", "--metrics", "velocity_cosine,lineage_agreement",
                    "--json", "--quiet"]) == 0  # fmt: skip
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert {row["metric"] for row in rows} == {"velocity_cosine", "lineage_agreement"}
    assert rows[1]["floor"] == pytest.approx(1 / 3, abs=0.02)
    some = Snapshots(both.values[:, :3], both.times, both.time_index, names=both.names[:3])
    write(some, folder / "some.csv")
    assert cli.run(["fit", "CurlyFM", "some.csv", "-o", "fewer", *SMALL, *tiny]) == 2
    assert "velocity_x1 has no counterpart" in capsys.readouterr().err
    fit = ["fit", "ICFM", "cells.npz", "-o", "grown", *SMALL, "--set", "growth=GivenGrowth"]
    assert cli.run([*fit, "--with", "growth=g.npz"]) == 0
    assert type(load(folder / "grown").model).__name__ == "GrowingTransport"


def test_fates_and_their_drivers(folder, capsys):
    words = ["fates", "run", "cells.npz", "--states", "12", "--paths", "8", "--json", "--quiet"]
    regions = ["--fate", "right=x0 > 3", "--fate", "left=x0 < 3 and x1 > -99"]
    assert cli.run([*words, *regions, "-o", "fates.csv"]) == 0
    found = json.loads(capsys.readouterr().out)
    right, left = found["fates"]
    assert (right["fate"], left["fate"]) == ("right", "left")
    assert right["probability"] + left["probability"] == pytest.approx(1.0)
    assert right["stderr"] > 0
    assert {one["coordinate"] for one in right["drivers"]} == {"x0", "x1"}
    assert read(folder / "fates.csv").names == ("x0", "x1", "fate right", "fate left")
    assert cli.run([*words, "--clusters", "2"]) == 0
    assert [one["fate"] for one in json.loads(capsys.readouterr().out)["fates"]] == [
        "cluster 1", "cluster 2",
    ]  # fmt: skip
    for more, text in {
        ("--fate", "right=x0"): "is no inequality",
        ("--fate", "right=z > 0"): "z",
        ("--start", "1.5"): "nearest times",
        ("--fate", "a=x0 > 0", "--fate", "b=x0 > 1"): "must not overlap",
        ("--by", "kind"): "own columns",
    }.items():
        assert cli.run([*words, *more]) == 2
        assert text in capsys.readouterr().err
