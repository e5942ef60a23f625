"""A transition model that is given past frames, or averages over the past."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.errors import InvalidInput
from noneq.learning.training import Training
from noneq.methods import Transition
from noneq.nets.past import Past, windows
from noneq.nets.vectors.fields import MLP
from noneq.processes.dissipation import EntropyProduction
from noneq.samplers import Heun


KEY = jax.random.key(2)
SMALL = {"net": MLP(16, 1), "training": Training(steps=4, batch=16), "sampler": Heun(4)}


def moving(rng, n=12, frames=20, dim=1):
    values = np.cumsum(rng.normal(size=(n, frames, dim)), axis=1).astype(np.float32)
    return nq.Trajectories(values, 0.5 * np.arange(frames))


def test_what_is_kept_of_the_past(rng):
    """The last displacements, and the state minus its exponential averages."""
    x = rng.normal(size=(9, 2))
    past = Past(2, (0.7, 3.0), 0.5, 2)
    kept = np.asarray(past.of(jnp.asarray(np.diff(x, axis=0), float)))
    np.testing.assert_allclose(kept[:2], [x[-1] - x[-2], x[-2] - x[-3]], rtol=1e-5)
    for row, time in zip(kept[2:], (0.7, 3.0), strict=True):
        rho, average = np.exp(-0.5 / time), x[0]
        for state in x[1:]:
            average = rho * average + (1 - rho) * state
        np.testing.assert_allclose(row, x[-1] - average, rtol=1e-4, atol=1e-5)


def test_windows_are_whole_and_one_lag_a_step(rng):
    data = moving(rng, n=3, frames=8)
    mask = np.ones((3, 8), bool)
    mask[1, 3] = False
    path, frames = windows(nq.Trajectories(data.values, data.times, mask=mask), 1.0, 2)
    np.testing.assert_array_equal(np.diff(frames, axis=1), 2)
    assert not ((path == 1)[:, None] & (frames == 3)).any()
    assert {tuple(f) for f in frames[path == 0]} == {(i, i + 2, i + 4) for i in range(4)}


@pytest.fixture(scope="module")
def fit():
    rng = np.random.default_rng(5)
    return Transition(past=2, traces=(0.8,), **SMALL).fit(moving(rng), key=KEY)


def test_paths_go_on_from_recorded_frames(fit):
    """Own starts show the frames that the past needs; given starts are continued."""
    window = fit.model.starts.value.shape[1] - 1
    assert window == 5  # thrice the trace, a quarter of the record at most
    data = moving(np.random.default_rng(5))
    times = 0.5 * np.arange(9)
    made = fit.model.sample_paths(30, times=times, key=KEY).values
    begins = data.values[:, : window + 1].reshape(12, -1)
    assert all((np.abs(begins - one.ravel()).max(1) < 1e-6).any() for one in made[:, : window + 1])
    assert np.isfinite(made).all()
    start = np.zeros((30, 3, 1))
    held = fit.model.sample_paths(30, times=[7.0, 7.5], start=start, key=KEY).values
    np.testing.assert_array_equal(held[:, 0], 0.0)
    other = fit.model.sample_paths(
        30, times=[7.0, 7.5], start=start + [[[-9.0], [-4.0], [0.0]]], key=KEY
    )
    assert np.abs(held[:, 1] - other.values[:, 1]).max() > 1e-4
    with pytest.raises(InvalidInput, match="last 3 frames or more"):
        fit.model.sample_paths(30, times=[0.0, 0.5], start=np.zeros((30, 1)), key=KEY)


def test_a_saved_past_is_the_same_past(fit, tmp_path):
    nq.save(fit, tmp_path / "run")
    back = nq.load(tmp_path / "run")
    assert back.method.past == 2
    assert back.method.traces == (0.8,)
    draw = lambda model: model.snapshots(4, times=[4.0], key=KEY).values
    np.testing.assert_array_equal(draw(back.model), draw(fit.model))


def test_refusals(rng):
    for settings, message in (
        ({"past": -1}, "past = -1"),
        ({"traces": (0.0,)}, "times > 0"),
        ({"past": 1, "penalty": EntropyProduction(0.1)}, "Markov chain"),
    ):
        with pytest.raises(InvalidInput, match=message):
            Transition(**settings)
    with pytest.raises(InvalidInput, match="one lag 0.5 apart"):
        Transition(past=30, **SMALL).fit(moving(rng), key=KEY)


@pytest.mark.slow
@pytest.mark.optimised
def test_the_past_restores_the_memory_of_the_displacements():
    """Positions of an active particle: displacements of generated paths correlate as in the data.

    Given the position alone, a step cannot know where the particle was heading.
    """
    data = nq.simulate(nq.systems.AOUP(), 0.1 * np.arange(60), n=400, key=KEY).select(1)
    times = 0.1 * np.arange(40)

    def correlation(x):
        move = np.diff(x[:, 3:, 0].astype(float), axis=1)
        move = move - move.mean()
        return (move[:, 1:] * move[:, :-1]).mean() / move.var()

    truth, settings = (
        correlation(data.values),
        {"training": Training(steps=4000), "sampler": Heun(12)},
    )
    gap = {}
    for past in (0, 3):
        model = (
            Transition(past=past, net=MLP(64, 2), time_band=0.0, **settings)
            .fit(data, key=KEY)
            .model
        )
        gap[past] = abs(correlation(model.sample_paths(2000, times=times, key=KEY).values) - truth)
    assert gap[3] < 0.5 * gap[0]
