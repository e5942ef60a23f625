"""Laws of the methods for discrete states, which have a single time."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from examples import DISCRETE, bits, tiny

import noneq as nq
from noneq.errors import InvalidInput, NoneqError
from noneq.methods import AbstractMethod, Fit
from noneq.spec import from_toml, to_toml
from noneq.spec.names import modules
from noneq.traits import AbstractModel, HasChain, HasLogProb, HasLogProbEstimate, HasPaths


METHODS = modules("methods", AbstractMethod)
KEY = jax.random.key(7)


@pytest.fixture(scope="module", params=DISCRETE)
def cls(request):
    return METHODS[request.param]


@pytest.fixture(scope="module")
def fit(cls):
    return tiny(cls).fit(bits(), key=KEY)


def test_builds_with_defaults_and_survives_toml(cls):
    method = cls()
    assert from_toml(to_toml(method)) == method


def test_fit_is_a_fit(cls, fit):
    assert isinstance(fit, Fit)
    assert isinstance(fit.model, AbstractModel)
    assert fit.method == tiny(cls)
    assert fit.model.event_shape == fit.summary.event_shape == (4,)
    assert fit.model.domain.bounds is not None
    assert len({len(column) for column in fit.history.values()}) <= 1


def test_same_key_same_bits(cls, fit):
    again = tiny(cls).fit(bits(), key=KEY)
    for one, two in zip(jax.tree.leaves(fit.model), jax.tree.leaves(again.model), strict=True):
        np.testing.assert_array_equal(one, two)


def test_samples_are_states_of_the_domain(fit):
    x = np.asarray(fit.model.sample(64, key=KEY))
    assert x.shape == (64, 4)
    assert set(np.unique(x)) <= {0.0, 1.0}
    np.testing.assert_array_equal(x, fit.model.sample(64, key=KEY))
    assert not np.array_equal(x, fit.model.sample(64, key=jax.random.key(8)))


def test_the_values_are_those_of_the_data(cls):
    """Spins −1 and 1 are learnt like bits 0 and 1, and drawn as spins."""
    data = bits()
    spins = 2 * data.values - 1
    fit = tiny(cls).fit(spins, key=KEY)
    x = np.asarray(fit.model.sample(16, key=KEY))
    assert set(np.unique(x)) <= {-1.0, 1.0}


def test_probabilities_add_up(fit):
    every = jnp.asarray(((np.arange(16)[:, None] >> np.arange(4)) & 1).astype(np.float32))
    model = fit.model
    if isinstance(model, HasLogProb):
        found = np.exp(jax.vmap(lambda x: model.log_prob(x))(every))
        assert found.sum() == pytest.approx(1, abs=1e-4)
        assert model.log_prob(every[0] + 0.3) == -np.inf
        return
    assert isinstance(model, HasLogProbEstimate)
    estimate = model.log_prob_estimate(every, key=KEY)
    total = np.exp(estimate.value).sum()
    if estimate.bound == "none":
        # The error of log Z is common to all states.
        assert total == pytest.approx(1, abs=1e-3 + 5 * float(np.max(estimate.stderr)))
    else:
        assert total < 1 + 5 * float(np.max(estimate.stderr))


def test_save_and_load_give_the_same_samples(fit, tmp_path):
    nq.save(fit, tmp_path / "run")
    back = nq.load(tmp_path / "run")
    assert back.method == fit.method
    assert back.summary == fit.summary
    np.testing.assert_array_equal(back.model.sample(8, key=KEY), fit.model.sample(8, key=KEY))


def test_chains_are_chains(fit):
    if isinstance(fit.model, HasChain):
        matrix, law = fit.model.transition_matrix(), fit.model.stationary()
        np.testing.assert_allclose(matrix.sum(1), 1, atol=1e-5)
        np.testing.assert_allclose(law @ matrix, law, atol=1e-5)
    if isinstance(fit.model, HasPaths):
        paths = fit.model.sample_paths(3, times=np.arange(5.0), key=KEY)
        assert paths.values.shape == (3, 5, 4)
        assert set(np.unique(paths.values)) <= {0.0, 1.0}


@pytest.mark.parametrize("n", [0, -1, True])
def test_counts_are_positive_whole_numbers(fit, n):
    with pytest.raises(NoneqError):
        fit.model.sample(n, key=KEY)


def test_grey_pixels_are_refused_with_a_hint(cls):
    grey = np.random.default_rng(0).uniform(0, 16, (24, 4)).round()
    if cls.__name__ in ("Autoregressive", "MixtureEM"):
        return  # the default units of these may be others
    with pytest.raises(InvalidInput, match="binarise"):
        tiny(cls).fit(grey, key=KEY)


def test_a_constant_pixel_is_handled(cls):
    values = bits().values.copy()
    values[:, 1] = 0.0
    fit = tiny(cls).fit(values, key=KEY)
    for leaf in jax.tree.leaves(fit.model):
        assert np.isfinite(np.asarray(leaf, float)).all()
    assert np.isfinite(np.asarray(fit.model.sample(8, key=KEY))).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_bad_numbers_are_refused(cls, bad):
    values = bits().values.copy()
    values[3, 1] = bad
    with pytest.raises(NoneqError):
        tiny(cls).fit(values, key=KEY)


def test_one_sample_is_refused(cls):
    with pytest.raises(NoneqError):
        tiny(cls).fit(np.zeros((1, 4), np.float32), key=KEY)


def test_several_times_are_refused_or_learnt(cls):
    data = nq.Snapshots(bits().values, [0.0, 1.0], np.arange(24) % 2)
    if cls.__name__ == "Autoregressive":
        fit = tiny(cls).fit(data, key=KEY)
        assert fit.model.sample(8, time=0.5, key=KEY).shape == (8, 4)
        return
    with pytest.raises(InvalidInput, match="time"):
        tiny(cls).fit(data, key=KEY)
