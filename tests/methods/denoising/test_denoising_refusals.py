"""What the denoising family refuses before anything is computed, and what it says."""

import numpy as np
import pytest

import noneq as nq
from noneq.errors import InvalidInput
from noneq.learning.loop import Training
from noneq.methods import DDPM, EDM, FFJORD, SMLD, VDM, DiffFlow, FlowPP, ScoreMatching, ScoreSDE
from noneq.nets import MLP
from noneq.processes import VE, VP, Cosine, DiscreteVP, Gaussian, Karras, Noise, Reflected


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (lambda: ScoreMatching(process=Gaussian(VP(0.1, 5.0))), r"ratio .* is 0\.0847 at tau = 1"),
        (lambda: ScoreSDE(process=Gaussian(VE(0.01, 5.0))), r"ratio .* is 0\.04 at tau = 1"),
        (lambda: EDM(process=Gaussian(Karras(sigma_max=1.0))), "ratio .* is 1 at tau = 1"),
        (lambda: DDPM(process=Gaussian(DiscreteVP(steps=100))), r"ratio .* is .* at tau = 1"),
        (lambda: ScoreMatching(process=Gaussian(Cosine()), target=Noise()), "divides by alpha"),
        (lambda: SMLD(drop_condition=-0.1), "drop_condition = -0.1"),
        (lambda: SMLD(dequantise=float("inf")), "dequantise = inf"),
    ],
)
def test_a_method_that_cannot_work_is_not_built(build, text):
    with pytest.raises(InvalidInput, match=text):
        build()


@pytest.mark.parametrize("schedule", [VE, Karras])
@pytest.mark.parametrize(
    ("low", "high"), [(1.0, 1.0), (2.0, 1.0), (0.0, 1.0), (-1.0, 1.0), (1.0, float("inf"))]
)
def test_levels_rise_from_above_zero(schedule, low, high):
    with pytest.raises(InvalidInput, match=f"smallest level {low}, largest {high}"):
        schedule(sigma_min=low, sigma_max=high)


@pytest.mark.parametrize(("low", "high"), [(20.0, 0.1), (1.0, 1.0), (0.0, 20.0)])
def test_rates_rise_from_above_zero(low, high):
    with pytest.raises(InvalidInput, match="smallest < largest"):
        VP(low, high)


def test_between_walls_only_noise_is_added():
    with pytest.raises(InvalidInput, match="VP shrinks the state"):
        Reflected(VP())


FEW = Training(steps=2, batch=8)
METHODS = [
    ScoreMatching(net=MLP(8, 1), training=FEW),
    DDPM(net=MLP(8, 1), training=FEW),
    VDM(net=MLP(8, 1), training=FEW),
    FlowPP(net=MLP(8, 1), training=FEW),
    FFJORD(training=FEW),
    DiffFlow(training=FEW),
]


@pytest.mark.parametrize("method", METHODS, ids=lambda method: type(method).__name__)
def test_discrete_data_need_a_word(method, rng, key):
    counts = rng.integers(0, 5, (80, 2)) * 0.5
    with pytest.raises(InvalidInput, match=r"multiples of 0\.5.*dequantise=0\.5"):
        method.fit(counts, key=key)


def test_a_condition_is_a_number_or_a_name_for_every_state(rng):
    x = rng.normal(size=(6, 2))
    assert nq.Snapshots(x, condition=["red", "blue"] * 3).categories == (("blue", "red"),)
    with pytest.raises(InvalidInput, match="condition"):
        nq.Snapshots(x, condition=[1.0, 2.0])
    with pytest.raises(InvalidInput, match="condition"):
        nq.Snapshots(x, condition=[np.inf] + [1.0] * 5)
