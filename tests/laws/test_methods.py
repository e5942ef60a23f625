"""Laws that every public method keeps, found by walking `noneq.methods`."""

import jax
import numpy as np
import pytest
from examples import METHODS, WORLDS, cases, fitted, tiny

import noneq as nq
from noneq.errors import NoneqError
from noneq.methods import Fit
from noneq.spec import from_toml, to_toml
from noneq.traits import AbstractModel


KEY = jax.random.key(7)


@pytest.fixture(scope="module", params=cases(METHODS))
def name(request):
    return request.param


def test_builds_with_defaults_and_survives_toml(name):
    method = METHODS[name]()
    assert from_toml(to_toml(method)) == method


def test_fit_is_a_fit(name):
    fit = fitted(name)
    assert isinstance(fit, Fit)
    assert isinstance(fit.model, AbstractModel)
    assert fit.method == tiny(METHODS[name])
    assert fit.model.event_shape == fit.summary.event_shape == WORLDS[name].shape
    assert len({len(column) for column in fit.history.values()}) <= 1


def test_same_key_same_bits(name):
    again = tiny(METHODS[name]).fit(WORLDS[name].data(), key=KEY)
    ours = jax.tree.leaves(fitted(name).model)
    for one, two in zip(ours, jax.tree.leaves(again.model), strict=True):
        np.testing.assert_array_equal(one, two)


def test_samples_depend_on_the_key_alone(name):
    model, world = fitted(name).model, WORLDS[name]
    x = model.sample(8, time=world.time, key=KEY)
    assert x.shape == (8, *world.shape)
    assert x.dtype == np.float32
    assert np.isfinite(x).all()
    np.testing.assert_array_equal(x, model.sample(8, time=world.time, key=KEY))
    other = model.sample(8, time=world.time, key=jax.random.key(8))
    assert not np.array_equal(x, other)


def test_save_and_load_give_the_same_samples(name, tmp_path):
    fit, world = fitted(name), WORLDS[name]
    nq.save(fit, tmp_path / "run")
    back = nq.load(tmp_path / "run")
    assert back.method == fit.method
    assert back.summary == fit.summary
    np.testing.assert_array_equal(
        back.model.sample(8, time=world.time, key=KEY),
        fit.model.sample(8, time=world.time, key=KEY),
    )


@pytest.mark.parametrize("n", [0, -1, True])
def test_counts_are_positive_whole_numbers(name, n):
    with pytest.raises(NoneqError):
        fitted(name).model.sample(n, time=WORLDS[name].time, key=KEY)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_bad_numbers_are_refused(name, bad):
    values = np.array(WORLDS[name].data().at(WORLDS[name].time or 0.0))
    values[3, 1] = bad
    with pytest.raises(NoneqError):
        tiny(METHODS[name]).fit(values, key=KEY)


def test_one_sample_is_refused(name):
    with pytest.raises(NoneqError):
        tiny(METHODS[name]).fit(np.zeros((1, *WORLDS[name].shape), np.float32), key=KEY)
