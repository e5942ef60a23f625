"""Coordinates far from zero: their means are subtracted in double precision, and put back."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.data import Snapshots, Trajectories
from noneq.data.summary import summarise
from noneq.domains import Box
from noneq.errors import InvalidInput
from noneq.frames.frame import Frame
from noneq.frames.origins import Rounded, about_origin
from noneq.learning.loop import Training
from noneq.nets import MLP
from noneq.samplers import Heun


FAR = np.array([5_400_000.0, 384_230_484.4685])
SPREAD = np.array([2.0, 0.02])
KEY = jax.random.key(0)


def states(n=600):
    return FAR + SPREAD * np.random.default_rng(0).normal(size=(n, 2))


def method(cls=nq.methods.ScoreMatching, **more):
    training = Training(steps=150, batch=64)
    return cls(net=MLP(width=16, depth=1), training=training, sampler=Heun(steps=10), **more)


@pytest.fixture(scope="module")
def fits():
    """The same data far from zero and about zero, fitted alike."""
    x = states()
    near = x - x.mean(axis=0)
    runs = [method().fit(Snapshots(data), key=KEY) for data in (x, near)]
    return x, [run.model for run in runs], runs[0]


def test_only_what_is_far_has_an_origin():
    x = states()
    near = np.random.default_rng(1).normal(100.0, 1.0, (600, 1))
    summary = summarise(Snapshots(np.concatenate([x, near, np.full((600, 1), 1e9)], axis=1)))
    assert summary.origin[:2] == pytest.approx(x.mean(0), abs=1e-9)
    assert summary.origin[2:] == (0.0, 1e9), "near: none; constant: beside others its own value"
    assert summarise(Snapshots(near)).origin == ()
    assert summarise(Snapshots(np.full((9, 1), 1e9))).origin == ()


def test_samples_are_those_about_zero_moved(fits):
    x, (far, near), _ = fits
    drawn = [model.snapshots(200, times=[0.0], key=KEY).values for model in (far, near)]
    assert drawn[0].dtype == np.float64
    assert np.allclose(drawn[0] - x.mean(0), drawn[1], atol=1e-3 * SPREAD.min())
    assert len(np.unique(drawn[0][:, 1])) == 200, "single precision has steps of 32 here"


def test_likelihoods_are_those_about_zero(fits):
    x, (far, near), _ = fits
    centred = Snapshots(x[:64] - x.mean(0))
    value = [
        nq.metrics.nll(model, data).value
        for model, data in ((far, Snapshots(x[:64])), (near, centred))
    ]
    assert value[0] == pytest.approx(value[1], abs=1e-3)
    # The true one: two Gaussians.
    assert value[0] == pytest.approx(1 + np.log(2 * np.pi) + np.log(SPREAD).sum(), abs=1.0)


def test_a_state_of_numpy_is_centred_on_the_host():
    x = states()
    frame = Frame(summarise(Snapshots(x)))
    with warnings.catch_warnings():
        warnings.simplefilter("error", Rounded)
        y = frame.enter(x[0], None, None)[0]
    assert np.allclose(y, (x[0] - x.mean(0)) / x.std(0), atol=1e-5)
    with pytest.warns(Rounded, match="states given to a model are in single precision"):
        frame.enter(jnp.asarray(x[0]), None, None)
    assert np.allclose(frame.normaliser.inverse(y), x[0], rtol=1e-6), "as good as float32 is"
    assert np.allclose(frame.normaliser.host(x).std(0), 1.0, atol=1e-4)


def test_arrays_in_single_precision_warn(fits):
    _, (far, near), _ = fits
    with pytest.warns(Rounded, match=r"samples .* lie 32 apart"):
        far.sample(5, key=KEY)
    with warnings.catch_warnings():
        warnings.simplefilter("error", Rounded)
        near.sample(5, key=KEY)
        about_origin(far)[0].sample(5, key=KEY)


def test_fields_have_an_origin_for_each_channel():
    x = np.random.default_rng(0).normal(size=(20, 2, 3)) + np.array([1e7, 0.0])[:, None]
    frame = Frame(summarise(Snapshots(x)))
    y = frame.enter(x[3], None, None)[0]
    wanted = (x[3] - x.mean((0, 2))[:, None]) / x.std((0, 2))[:, None]
    assert np.allclose(y, wanted.ravel(), atol=1e-5)
    assert frame.normaliser.inverse(y).shape == (2, 3)


def test_a_constant_stays_constant_beside_a_far_one():
    x = np.concatenate([states(), np.full((600, 1), 384_230_484.25)], axis=1)
    summary = summarise(Snapshots(x))
    assert summary.origin[2] == 384_230_484.25
    assert summary.scale[2] < 1e-6, "the noise of a network is far below this"


def test_a_run_keeps_its_origin(fits, tmp_path):
    _, (far, _), fit = fits
    nq.save(fit, tmp_path / "run")
    again = nq.load(tmp_path / "run").model.snapshots(20, times=[0.0], key=KEY).values
    assert np.array_equal(again, far.snapshots(20, times=[0.0], key=KEY).values)


def test_paths_step_about_the_origin():
    steps = 0.02 * np.random.default_rng(0).normal(size=(200, 3, 1)).cumsum(axis=1)
    data = Trajectories(steps + FAR[1], np.arange(3.0))
    model = method(nq.methods.Transition).fit(data, key=KEY).model
    drawn = model.sample_paths(100, times=[0.0, 1.0, 2.0], key=KEY).values
    assert drawn.dtype == np.float64
    moved = np.diff(drawn, axis=1)
    assert 0.01 < moved.std() < 0.04
    begun = model.sample_paths(100, times=[0.0, 1.0], start=np.full((100, 1), FAR[1]), key=KEY)
    assert np.abs(begun.values[:, 1] - FAR[1]).max() < 0.2


def test_a_box_far_from_zero_is_refused():
    data = Snapshots(states(50)[:, 1:], domain=Box(FAR[1] - 1, FAR[1] + 1))
    with pytest.raises(InvalidInput, match="cannot tell its values apart"):
        summarise(data)
