"""noneq rare: rates and probabilities with their page, a fitted run, and what is refused."""

import numpy as np
import pytest

import noneq as nq
from noneq.inference import grid_committor, grid_transitions
from noneq.simulation import LearntSystem
from noneq.systems import DoubleWell


WELLS = ("--from", "x<-0.9", "--to", "x>0.9")
ASK = ("rare", "DoubleWell", *WELLS)
BOX = {"bounds": (-2.5, 2.5), "cells": 400}


def rate_of(system):
    return grid_transitions(grid_committor(system, "x<-0.9", "x>0.9", **BOX)).rate


def test_a_rate_and_its_page(noneq, tmp_path):
    done = noneq(*ASK, "--n", 50, "--repeats", 5, "--json", "--quiet", "-o", "out")
    assert done.code == 0, done.err
    found = done.json
    rate = found["rate"]
    assert rate["n"] == 5
    assert rate["stderr"] < 0.25 * rate["value"]
    # The chain is looked at after its steps of 0.01, which makes it slower by some percent.
    assert abs(rate["value"] - rate_of(DoubleWell())) < 4 * rate["stderr"] + 0.06 * rate["value"]
    product = found["departures"]["value"] * found["arrival_probability"]["value"]
    assert rate["value"] == pytest.approx(product, rel=0.05)
    assert found["passage_time"]["value"] == pytest.approx(1 / rate["value"])
    page = (tmp_path / "out" / "report.html").read_text()
    for picture in ("Convergence over repeats", "The chance to arrive, from each state",
                    "Paths that made it", "How rare each level is"):  # fmt: skip
        assert picture in page
    assert "The committor, solved on a grid" in page
    assert (tmp_path / "out" / "rare.json").exists()


def test_a_run_that_dies_out_tells_a_bound(noneq, tmp_path):
    words = ("--from", "x<-1", "--to", "x>6", "--horizon", 0.2, "--start", "x=0")
    done = noneq("rare", "DoubleWell", *words, "--n", 4, "--repeats", 2, "--json", "--quiet",
                 "-o", "out")  # fmt: skip
    assert done.code == 0, done.err
    found = done.json
    assert found["extinct"] == 2
    assert found["probability"]["value"] == 0
    assert 0 < found["upper"] < 1
    assert f"probability below {found['upper']:.2g} at 95 %" == found["answer"]
    assert "Extinct in 2 of 2 repeats" in found["notes"][0]
    assert "Extinct in 2 of 2 repeats" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.slow
def test_a_learnt_push_has_a_smaller_error_than_its_teacher(noneq, tmp_path):
    """P(1 before −1 | −0.9) at beta 5 is 1.2177e-3."""
    words = ("--set", "beta=5", "--from", "x<-1", "--to", "x>1", "--start", "x=-0.9")
    ask = (
        *words,
        "--method",
        "doob",
        "--n",
        100,
        "--repeats",
        10,
        "--json",
        "--quiet",
        "-o",
        "out",
    )
    done = noneq("rare", "DoubleWell", *ask)
    assert done.code == 0, done.err
    found = done.json
    assert abs(found["probability"]["value"] - 1.21770e-3) < 4.9 * found["probability"]["stderr"]
    assert found["probability"]["stderr"] < 0.5 * found["splitting"]["stderr"]
    assert found["effective_share"]["value"] > 0.5
    assert found["arrived"]["value"] > 0.8
    assert "by splitting" in found["answer"]
    assert "Paths that made it" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.slow
def test_the_rate_of_a_fitted_drift(noneq, tmp_path):
    """Paths of a double well → a run → its rate, beside the grid's of the same drift and the true one."""
    beta, h, rng = 2.0, 0.002, np.random.default_rng(0)
    x, path = np.where(rng.uniform(size=1500) < 0.5, -1.0, 1.0), []
    for k in range(1001):
        if k % 10 == 0:
            path.append(x)
        x = x - 4 * h * x * (x**2 - 1) + np.sqrt(2 * h / beta) * rng.normal(size=len(x))
    values = np.stack(path, axis=1)[..., None]
    data = nq.Trajectories(values, 10 * h * np.arange(values.shape[1]), names=("x",))
    nq.data.write(data, tmp_path / "paths.csv", record=True)
    done = noneq("fit", "SparseDrift", "paths.csv", "-o", "run", "--quiet")
    assert done.code == 0, done.err
    done = noneq(
        "rare", "run", *WELLS, "--n", 200, "--repeats", 10, "--json", "--quiet", "-o", "out"
    )
    assert done.code == 0, done.err
    rate = done.json["rate"]
    fit = nq.load("run")
    same = rate_of(LearntSystem.of(fit.model, fit.summary))
    assert rate["stderr"] < 0.06 * rate["value"]
    assert abs(rate["value"] - same) < 3 * rate["stderr"]
    assert rate["value"] == pytest.approx(rate_of(DoubleWell(beta=beta)), rel=0.2)
    # A drift without the barrier, −∇V of the same wells at twice the temperature, would not pass.
    assert abs(rate_of(DoubleWell(beta=beta / 2)) / rate["value"] - 1) > 0.2
    assert "The committor, solved on a grid" in (tmp_path / "out" / "report.html").read_text()
    noneq("rare", "run", "--from", "x<-0.9", "--to", "q>0.9").refuses(2, "--to", "'q'", "known: x")
    noneq("rare", "run", *WELLS, "--set", "beta=2").refuses(2, "fitted already")


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ((*ASK[:4], "--to", "x>3 and x<2"), ("--to", "no state was found")),
        (("rare", "DoubleWell", "--from", "x<3", "--to", "x>2"), ("overlap", "separate them")),
        (("rare", "DoubleWell", "--from", "x>0.9", "--to", "x>0.9"), ("overlap",)),
        ((*ASK[:4], "--to", "q>0.9"), ("--to", "'q'", "known: x")),
        ((*ASK[:4], "--to", "__import__('os').abort()>x"), ("--to", "__import__")),
        ((*ASK[:4], "--to", "x"), ("no inequality",)),
        ((*ASK, "--start", "x=1"), ("its probability is 1",)),
        ((*ASK, "--start", "x=-1"), ("avoided set",)),
        ((*ASK, "--start", "y=1"), ("expected each of x once",)),
        ((*ASK, "--start", "x=nan"), ("finite numbers",)),
        ((*ASK, "--horizon", 0), ("positive time",)),
        ((*ASK, "--horizon", 1, "--score", "x+q"), ("score", "'q'")),
        ((*ASK, "--step", -1), ("step = -1",)),
        ((*ASK, "--levels", "-1,0"), ("--levels", "forward_flux")),
        ((*ASK, "--method", "forward_flux", "--levels", "a"), ("--levels a", "numbers")),
        ((*ASK, "--method", "forward_flux", "--levels", "0,-1"), ("increasing",)),
        ((*ASK, "--method", "forward_flux", "--horizon", 1), ("leave out --horizon",)),
        ((*ASK, "--method", "forward_flux", "--workers", 2), ("takes no --workers",)),
        ((*ASK, "--method", "weighted_ensemble"), ("needs --horizon",)),
        ((*ASK, "--method", "quick"), ("method = 'quick'",)),
        ((*ASK, "--above", 1), ("--above", "--average")),
        (("rare", "DoubleWell"), ("--from SET", "--average")),
        ((*ASK, "--average", "x", "--above", 1, "--horizon", 1), ("--from", "leave one")),
        (("rare", "DoubleWell", "--average", "x", "--above", 1), ("needs --horizon",)),
        (("rare", "DoubleWell", "--average", "x", "--horizon", 1), ("one of --above",)),
        (("rare", "DoubleWell", "--average", "q", "--above", 1, "--horizon", 1), ("'q'",)),
        (("rare", "DoubleWell", "--average", "x", "--tilts", "nan", "--horizon", 1), ("finite",)),
        (("rare", "Lorenz", "--average", "x", "--above", 1, "--horizon", 1), ("no noise",)),
        ((*ASK, "--state", "file"), ("a rate takes no --state",)),
        (("rare", "DoubleWell", "--from", "x<-9", "--to", "x>0.9", "--horizon", 1),
         ("none of the initial states lies there", "--start")),
        ((*ASK, "--method", "doob"), ("gives probabilities", "--horizon")),
        ((*ASK, "--method", "dob", "--horizon", 1), ("method", "'doob'")),
        ((*ASK, "--method", "doob", "--horizon", 1, "--state", "file"), ("takes no --state",)),
        (("rare", "Lorenz", "--from", "z<10", "--to", "z>30"), ("no noise", "--perturbation")),
        (("rare", "Lorenz", "--from", "z<10", "--to", "z>30", "--start", "1,1,1", "--horizon", 1),
         ("no noise", "--perturbation")),
        (("rare", "Moons", "--from", "x<0", "--to", "x>1", "--horizon", 1), ("no dynamics",)),
        (("rare", "nofile.py:box", *WELLS), ("cannot import 'nofile.py'",)),
        (("rare", "DubleWell", *WELLS), ("did you mean DoubleWell",)),
    ],
)  # fmt: skip
def test_refusals(noneq, words, parts):
    noneq(*words, "--quiet").refuses(2, *parts)


def test_of_a_black_box(noneq, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "own_walk.py").write_text(
        "import noneq as nq\n"
        "def step(t, x, rng):\n"
        "    return x + rng.choice([-1.0, 1.0], size=x.shape)\n"
        "box = nq.inference.BlackBox(step, [1.0])\n"
    )
    words = ("--from", "x<=0", "--to", "x>=8", "--start", 1, "--n", 100, "--repeats", 20)
    done = noneq("rare", "own_walk.py:box", *words, "--json", "--quiet")
    assert done.code == 0, done.err
    found = done.json["probability"]
    # The gambler's ruin.
    assert abs(found["value"] - 1 / 8) < 4 * found["stderr"]
    assert found["stderr"] < 0.03
    noneq("rare", "own_walk.py:box", *words, "--set", "a=1").refuses(2, "BlackBox", "no fields")


def test_time_averages_and_their_page(noneq, tmp_path):
    """Of ψ(k) for a small k only the mean and the variance count, which even paths of ± k show."""
    words = ("rare", "DoubleWell", "--average", "x", "--horizon", 1, "--start=-1", "--step", 0.05)
    small = ("--n", 100, "--repeats", 3, "--json", "--quiet", "-o")
    done = noneq(*words, "--tilts=-0.1,0,0.1", *small, "psi")
    assert done.code == 0, done.err
    low, none, high = done.json["scaled_cumulants"]
    assert none["value"] == 0
    assert (low["tilt"], high["tilt"]) == (-0.1, 0.1)
    # ψ' is the mean of x, near −1, and ψ is convex.
    assert (high["value"] - low["value"]) / 0.2 == pytest.approx(-0.95, abs=0.1)
    assert high["value"] + low["value"] > 0
    assert "Scaled cumulants, and the rate function" in (tmp_path / "psi/report.html").read_text()
    done = noneq(*words, "--above", -0.5, *small, "above")
    assert done.code == 0, done.err
    found = done.json
    assert 0 < found["probability"]["value"] < 0.2
    assert found["tilt"] > 0
    page = (tmp_path / "above" / "report.html").read_text()
    assert "Convergence over repeats" in page
    assert "Giardin" in page


def test_the_methods_agree(noneq):
    """Walkers in bins find the probability that splitting finds."""
    words = (*ASK, "--horizon", 1, "--step", 0.02, "--repeats", 20, "--json", "--quiet")
    found = [
        noneq(*words, "--n", 100, "--method", name).json["probability"]
        for name in ("splitting", "weighted_ensemble")
    ]
    gap = found[0]["value"] - found[1]["value"]
    assert abs(gap) < 4 * np.hypot(found[0]["stderr"], found[1]["stderr"])
    assert all(0 < one["stderr"] < 0.3 * one["value"] for one in found)


@pytest.mark.slow
def test_a_rate_by_forward_flux(noneq, tmp_path):
    done = noneq(*ASK, "--method", "forward_flux", "--n", 100, "--repeats", 10, "--json", "--quiet",
                 "-o", "out")  # fmt: skip
    assert done.code == 0, done.err
    rate = done.json["rate"]
    assert abs(rate["value"] - rate_of(DoubleWell())) < 4 * rate["stderr"] + 0.06 * rate["value"]
    assert "How rare each level is" in (tmp_path / "out" / "report.html").read_text()
