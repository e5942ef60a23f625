"""Cloning against Gaussian time averages, forward flux against a mean passage time."""

import math
from typing import Any

import jax
import numpy as np
import pytest

from noneq.errors import InvalidInput
from noneq.inference import BlackBox, cloning, forward_flux, scaled_cumulants
from noneq.systems import DoubleWell, Linear, Lorenz


OU = Linear(A=((1.0,),), D=((1.0,),))
T = 10.0
ASKED: dict[str, Any] = {"horizon": T, "start": [0.0], "n": 200, "step": 0.05}
VARIANCE = 2 * (T - 2 * (1 - math.exp(-T)) + (1 - math.exp(-2 * T)) / 2)
"""Of ∫ x dt from x = 0."""


def test_scaled_cumulants_are_those_of_a_gaussian():
    found = scaled_cumulants(OU, "x", [-0.5, 0.0, 0.5], **ASKED, key=jax.random.key(0))
    truth = VARIANCE / (2 * T) * np.array([0.25, 0.0, 0.25])
    assert found.value[1] == 0
    z = (found.value - truth)[[0, 2]] / found.stderr[[0, 2]]
    assert np.abs(z).max() < 5
    # ψ of infinite time, k², is another number.
    assert np.abs((found.value - 0.25)[[0, 2]] / found.stderr[[0, 2]]).min() > 4


def test_the_mean_of_a_process_stays_high():
    found = cloning(OU, "x", 2.0, **ASKED, key=jax.random.key(1))
    p, truth = found.event.probability, 0.5 * math.erfc(2 * T / math.sqrt(2 * VARIANCE))
    assert truth == pytest.approx(6.15e-7, rel=1e-3)
    assert abs(float(p.value) - truth) < 4 * float(p.stderr)
    assert p.stderr < 0.35 * truth
    assert float(found.mean.value) == pytest.approx(2.0, abs=0.3)
    # Without weights back the share of clones would be near one half.
    assert p.value < 1e-5


def test_a_level_that_no_clone_reaches_has_a_bound():
    found = cloning(OU, "x", 5.0, **ASKED, tilt=0.5, key=jax.random.key(2))
    assert found.event.extinct.all()
    assert found.event.upper is not None
    truth = 0.5 * math.erfc(5 * T / math.sqrt(2 * VARIANCE))
    assert truth < found.event.upper < 1e-8


@pytest.mark.slow
def test_forward_flux_gives_the_mean_passage_time():
    found = forward_flux(
        DoubleWell(), origin="x < -1", target="x > 1", step=0.005, n=100, repeats=20, paths=3,
        key=jax.random.key(1),
    )  # fmt: skip
    z = (float(found.passage_time.value) - 26.64) / float(found.passage_time.stderr)
    assert abs(z) < 4
    assert found.passage_time.stderr < 2.5
    assert len(found.event.paths) == 3
    for path in found.event.paths:
        assert path.states[0, 0] < -0.5
        assert path.states[-1, 0] > 1
        assert np.abs(np.diff(path.states[:, 0])).max() < 0.5


def test_requests_that_make_no_sense():
    ask: dict[str, Any] = {"horizon": 1.0, "n": 4, "repeats": 2, "key": jax.random.key(0)}
    box = BlackBox(lambda t, x, rng: x, [0.0])
    wells: dict[str, Any] = {"origin": "x < -1", "target": "x > 1", "key": jax.random.key(0)}
    wrong: tuple[tuple[Any, str], ...] = (
        (lambda: cloning(OU, "q", 1.0, **ask), "'q'"),
        (lambda: cloning(OU, "x", math.nan, **ask), "finite"),
        (lambda: cloning(OU, "x", 1.0, **dict(ask, horizon=0.0)), "positive time"),
        (lambda: cloning(OU, "x", 1.0, **dict(ask, n=1)), "at least 2"),
        (lambda: cloning(Lorenz(), "x", 1.0, **ask), "no noise"),
        (lambda: cloning(box, "x", 1.0, **ask), "equal times"),
        (lambda: cloning(OU, "x", 1.0, **ask, tilt=math.inf), "tilt"),
        (lambda: scaled_cumulants(OU, "x", [], **ask), "tilts"),
        (lambda: forward_flux(DoubleWell(), **wells, levels=[-1.0, -2.0]), "increasing"),
        (lambda: forward_flux(DoubleWell(), **wells, n=1), "at least 2"),
        (lambda: forward_flux(Lorenz(), **wells), "no noise"),
        (lambda: forward_flux(box, **wells), "no diffusion"),
    )
    for call, word in wrong:
        with pytest.raises(InvalidInput, match=word):
            call()
