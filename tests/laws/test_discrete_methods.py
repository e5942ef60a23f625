"""Laws of the methods for discrete states, which have a single time."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from examples import DISCRETE, METHODS, bits, fitted, having, tiny

import noneq as nq
from noneq.errors import InvalidInput
from noneq.traits import HasChain, HasLogProb, HasLogProbEstimate, HasPaths


KEY = jax.random.key(7)
EVERY = ((np.arange(16)[:, None] >> np.arange(4)) & 1).astype(np.float32)
EXACT = having(DISCRETE, HasLogProb)
ESTIMATED = [name for name in having(DISCRETE, HasLogProbEstimate) if name not in EXACT]
OF_TIME = ("Autoregressive",)
"""They learn a law that depends on time."""


def test_each_has_a_probability():
    assert EXACT
    assert ESTIMATED
    assert {*EXACT, *ESTIMATED} == set(DISCRETE)


@pytest.mark.parametrize("name", DISCRETE)
def test_samples_are_states_of_the_domain(name):
    model = fitted(name).model
    assert model.domain.bounds is not None
    assert set(np.unique(np.asarray(model.sample(64, key=KEY)))) == {0.0, 1.0}


@pytest.mark.parametrize("name", DISCRETE)
def test_the_values_are_those_of_the_data(name):
    """Spins −1 and 1 are learnt like bits 0 and 1, and drawn as spins."""
    fit = tiny(METHODS[name]).fit(2 * bits().values - 1, key=KEY)
    x = np.asarray(fit.model.sample(64, key=KEY))
    assert set(np.unique(x)) == {-1.0, 1.0}


@pytest.mark.parametrize("name", EXACT)
def test_probabilities_add_up(name):
    model = fitted(name).model
    found = np.exp(jax.vmap(lambda x: model.log_prob(x))(jnp.asarray(EVERY)))
    assert found.sum() == pytest.approx(1, abs=1e-4)
    assert model.log_prob(jnp.asarray(EVERY[0] + 0.3)) == -np.inf


@pytest.mark.parametrize("name", ESTIMATED)
def test_estimated_probabilities_add_up(name):
    estimate = fitted(name).model.log_prob_estimate(jnp.asarray(EVERY), key=KEY)
    total = np.exp(estimate.value).sum()
    error = 5 * float(np.max(estimate.stderr))
    if estimate.bound == "none":
        # The error of log Z is common to all states.
        assert total == pytest.approx(1, abs=1e-3 + error)
    else:
        assert estimate.bound == "lower"
        assert 0.05 < total < 1 + error


@pytest.mark.parametrize("name", having(DISCRETE, HasChain))
def test_chains_are_chains(name):
    model = fitted(name).model
    matrix, law = model.transition_matrix(), model.stationary()
    np.testing.assert_allclose(matrix.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(law @ matrix, law, atol=1e-5)


@pytest.mark.parametrize("name", having(DISCRETE, HasPaths))
def test_paths_are_paths_of_states(name):
    paths = fitted(name).model.sample_paths(3, times=np.arange(5.0), key=KEY)
    assert paths.values.shape == (3, 5, 4)
    assert set(np.unique(paths.values)) <= {0.0, 1.0}
    with pytest.raises(InvalidInput, match="takes 1,000,000,000 steps; at most"):
        fitted(name).model.sample_paths(3, times=[0.0, 1e9], key=KEY)


@pytest.mark.parametrize("name", DISCRETE)
def test_grey_pixels_are_refused_with_a_hint(name):
    grey = np.random.default_rng(0).uniform(0, 16, (24, 4)).round()
    with pytest.raises(InvalidInput, match="binarise"):
        tiny(METHODS[name]).fit(grey, key=KEY)


@pytest.mark.parametrize("name", DISCRETE)
def test_a_constant_pixel_is_handled(name):
    values = bits().values.copy()
    values[:, 1] = 0.0
    fit = tiny(METHODS[name]).fit(values, key=KEY)
    for leaf in jax.tree.leaves(fit.model):
        assert np.isfinite(np.asarray(leaf, float)).all()
    assert np.isfinite(np.asarray(fit.model.sample(8, key=KEY))).all()


@pytest.mark.parametrize("name", DISCRETE)
def test_several_times_are_learnt_or_refused(name):
    data = nq.Snapshots(bits().values, [0.0, 1.0], np.arange(24) % 2)
    if name in OF_TIME:
        fit = tiny(METHODS[name]).fit(data, key=KEY)
        assert fit.model.sample(8, time=0.5, key=KEY).shape == (8, 4)
    else:
        with pytest.raises(InvalidInput, match="time"):
            tiny(METHODS[name]).fit(data, key=KEY)
