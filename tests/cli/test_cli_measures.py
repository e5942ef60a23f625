"""Metrics and observables of a user's own file, and those of the public rooms, through evaluate."""

import sys

import pytest

from conftest import STUB
from noneq.data import read


OWN = """
import numpy as np
from noneq.needs import metric, observable
from noneq.traits import HasChain

@metric()
def mean_shift(samples, reference):
    return float(np.abs(samples.values.mean(0) - reference.values.mean(0)).max())

@observable("snapshots")
def spread(samples):
    return float(samples.values.std())

@observable("model", traits=(HasChain,))
def loops(model):
    return 1.0

def silent(samples, reference):
    return 0.0
"""


@pytest.fixture
def run(noneq, snapshots, tmp_path):
    (tmp_path / "own_measures.py").write_text(OWN)
    assert noneq("fit", STUB, snapshots, "-o", "run", "--quiet").code == 0
    yield lambda *words: noneq("evaluate", "run", snapshots, "--n", "60", *words)
    sys.modules.pop("own_measures", None)


def test_own_metric_and_observable(run, snapshots):
    words = "own_measures:mean_shift,own_measures:spread,w2"
    done = run("--metrics", words, "--trust", "--json")
    assert done.code == 0, done.err
    rows = {row["metric"]: row for row in done.json["rows"]}
    assert set(rows) == {"mean_shift", "spread", "w2"}
    truth = read(snapshots).values
    assert 0 < rows["mean_shift"]["value"] < 1.0
    assert abs(rows["spread"]["value"] / truth.std() - 1) < 0.3
    assert rows["spread"]["floor"] is None


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("own_measures:loops", ("loops", "HasChain", "noneq list methods")),
        ("own_measures:silent", ("silent", "@metric()", "noneq.needs")),
        ("own_measures:men_shift", ("men_shift", "did you mean mean_shift")),
        ("entropy_production", ("entropy_production", "HasChain")),
        ("work", ("work", "system", "Python")),
        ("stationary", ("stationary", "Python")),
    ],
)
def test_what_nobody_gives_is_one_line(run, name, parts):
    run("--metrics", name, "--trust").refuses(2, *parts)


def test_own_code_needs_trust(run):
    run("--metrics", "own_measures:mean_shift").refuses(2, "own_measures", "--trust")


def test_list_knows_the_rooms(noneq):
    names = lambda room: {entry["name"] for entry in noneq("list", room, "--json").json[room]}
    assert {"w2", "nll", "curl"} < names("metrics")
    assert "excess" not in names("metrics")
    assert {"entropy_production", "work"} < names("thermo")
    assert {"polarisation", "lyapunov_spectrum"} < names("inference")


def test_every_method_says_what_its_models_can_do(noneq):
    gives = {
        e["name"]: e["gives"].split(", ")
        for e in noneq("list", "methods", "--json").json["methods"]
    }
    assert all(word.startswith("Has") for words in gives.values() for word in words)
    assert {"HasScore", "HasLogProb"} <= set(gives["ScoreMatching"])
    assert "HasScore" not in gives["PFGM"]
    assert "HasChain" in gives["LatentCycle"]
