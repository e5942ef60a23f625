"""What the denoising family and the flows refuse on the command line: one line, exit code 2."""

import os

import numpy as np
import pytest

from noneq.data import Snapshots, write


@pytest.fixture
def files(tmp_path):
    """Continuous, discrete and labelled data, and data with a condition in words."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 2))
    write(Snapshots(x), tmp_path / "free.npz")
    write(Snapshots(rng.integers(0, 5, (80, 2)).astype(float)), tmp_path / "counts.npz")
    rows = [f"0,{a:.4f},{b:.4f},{'red' if a > 0 else 'blue'}" for a, b in x]
    (tmp_path / "words.csv").write_text("\n".join(["time,x0,x1,colour", *rows]) + "\n")
    rows = [f"0,{a:.4f},inf" for a in x[:, 0]]
    (tmp_path / "infinite.csv").write_text("\n".join(["time,x,c", *rows]) + "\n")
    return sorted(os.listdir(tmp_path))


VP = 'process={kind="Gaussian", schedule={kind="VP", beta_max=5.0}}'
BOX = 'domain={{kind="Box", low=-{0}, high={0}}}'
CASES = {
    "signal left by VP": (
        ["ScoreMatching", "free.npz", "--set", VP],
        ["signal-to-noise", "0.0847", "at most 0.02"],
    ),
    "signal left by Karras": (
        ["EDM", "free.npz", "--set", "process.schedule.sigma_max=2"],
        ["signal-to-noise", "0.25", "at most 0.02"],
    ),
    "signal left between walls": (
        [
            *["ReflectedDiffusion", "free.npz", "--set", BOX.format(9)],
            *["--set", "process.schedule.sigma_max=1"],
        ],
        ["terminal signal", "0.29", "sigma_max to 3"],
    ),
    "outside the box": (
        ["ReflectedDiffusion", "free.npz", "--set", BOX.format(1)],
        ["of 80 states lie outside", "larger domain"],
    ),
    "no box": (["ReflectedDiffusion", "free.npz"], ["no walls", "Box"]),
    "noise levels the wrong way round": (
        ["EDM", "free.npz", "--set", "process.schedule.sigma_min=90"],
        ["smallest level 90", "largest 80", "smallest < largest"],
    ),
    "equal noise levels": (
        ["SMLD", "free.npz", "--set", "process.schedule.sigma_min=10"],
        ["smallest level 10", "smallest < largest"],
    ),
    "reflected levels the wrong way round": (
        ["ReflectedDiffusion", "free.npz", "--set", "process.schedule.sigma_min=4"],
        ["smallest level 4", "smallest < largest"],
    ),
    "a word where a method takes a number": (
        ["ScoreMatching", "free.npz", "--set", "drop_condition=yes"],
        ["drop_condition"],
    ),
    "an infinite condition": (
        ["ScoreMatching", "infinite.csv", "--condition-column", "c"],
        ["c"],
    ),
    "variational without cells": (
        ["FlowPP", "free.npz", "--set", "variational=true"],
        ["dequantise"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_cannot_be_fitted_is_one_line(noneq, files, name):
    words, parts = CASES[name]
    noneq("fit", *words, "-o", "run", "--quiet").refuses(2, *parts)
    assert sorted(os.listdir()) == files, "nothing half-written"


@pytest.mark.parametrize("method", ["ScoreMatching", "DDPM", "VDM", "FlowPP", "FFJORD", "DiffFlow"])
def test_discrete_data_need_a_word(noneq, files, method):
    done = noneq("fit", method, "counts.npz", "-o", "run", "--quiet")
    done.refuses(2, "discrete", "multiples of 1", "--set dequantise=1")
    assert sorted(os.listdir()) == files


@pytest.mark.parametrize(
    "sampler",
    [
        *["Heun", "Multistep", "ReverseSDE", "PredictorCorrector", "Exponential", "Ancestral"],
        *["AnnealedLangevin", "ChurnedHeun"],
    ],
)
@pytest.mark.parametrize("steps", [0, -3])
def test_a_draw_needs_an_evaluation(noneq, files, sampler, steps):
    setting = f'sampler={{kind="{sampler}", steps={steps}}}'
    done = noneq("fit", "ScoreMatching", "free.npz", "-o", "run", "--set", setting)
    done.refuses(2, sampler, f"steps = {steps}", "at least 1")


@pytest.mark.parametrize("setting", ["steps=0", "likelihood_steps=0"])
def test_flows_need_a_step_too(noneq, files, setting):
    done = noneq("fit", "FFJORD", "free.npz", "-o", "run", "--set", setting)
    done.refuses(2, "FFJORD", "at least 1")


def test_the_word_on_discrete_data_is_enough(noneq, files):
    words = ["--set", "dequantise=1", "--set", "training.steps=2", "--set", "training.batch=8"]
    done = noneq("fit", "FFJORD", "counts.npz", "-o", "run", "--quiet", *words)
    assert done.code == 0, done.err


def test_a_condition_that_the_model_does_not_know(noneq, files):
    """A model without conditions says so to whom asks for one."""
    words = ["--set", "training.steps=2", "--set", "training.batch=8", "--set", "net.width=8"]
    assert noneq("fit", "ScoreMatching", "free.npz", "-o", "run", "--quiet", *words).code == 0
    noneq("sample", "run", "-o", "s.npz", "--condition", "red").refuses(2, "condition")
