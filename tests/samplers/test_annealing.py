"""Annealed importance sampling against partition functions that are known."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from noneq.constant import Constant
from noneq.errors import InvalidInput
from noneq.methods.units.bipartite import Bipartite, Tempering
from noneq.methods.units.rbm_model import annealed_log_partition
from noneq.methods.units.small_layer import small_layer
from noneq.methods.units.units import BernoulliUnits
from noneq.samplers.annealing import AbstractAnnealing, anneal, log_mean, log_partition_ratio


KEY = jax.random.key(0)
TRUTH = 3 * math.log(0.3)


class Narrowing(AbstractAnnealing):
    """Normal laws in three dimensions, from width 1 to ``width``: Z_1/Z_0 = width³."""

    width: float = 0.3

    def _precision(self, beta):
        return 1 - beta + beta / self.width**2

    def start(self, *, key):
        return jax.random.normal(key, (3,))

    def gain(self, state, low, high):
        return -(self._precision(high) - self._precision(low)) * jnp.sum(state**2) / 2

    def move(self, state, beta, *, key):
        return jax.random.normal(key, (3,)) / jnp.sqrt(self._precision(beta))


class Stuck(AbstractAnnealing):
    """The same weights, but chains that leave another law invariant: a broken twin."""

    inner: Narrowing = Narrowing()

    def start(self, *, key):
        return self.inner.start(key=key)

    def gain(self, state, low, high):
        return self.inner.gain(state, low, high)

    def move(self, state, beta, *, key):
        return jax.random.normal(key, (3,))


def scores(laws, runs=24):
    """z-scores of log Z_1/Z_0, corrected for the bias −se²/2 of the logarithm."""
    found = [
        log_partition_ratio(laws, temperatures=50, chains=400, key=jax.random.key(i))
        for i in range(runs)
    ]
    return np.array([float(e.z(TRUTH) + e.stderr / 2) for e in found])


def test_the_ratio_and_its_error_are_right():
    z = scores(Narrowing())
    # False alarm 1e-4: the mean of 24 has deviation 1/√24, chi² of 24 degrees lies in (6, 58).
    assert abs(z.mean()) < 3.9 / math.sqrt(24)
    assert 6 < np.sum(z**2) < 58


def test_a_chain_of_another_law_is_noticed():
    assert abs(scores(Stuck()).mean()) > 10 / math.sqrt(24)


def test_weighted_ends_follow_the_cold_law():
    log_w, x = anneal(Narrowing(), jnp.linspace(0, 1, 20), chains=4000, key=KEY)
    w = np.exp(np.asarray(log_w, np.float64) - float(log_w.max()))
    second = np.sum(w[:, None] * np.asarray(x) ** 2) / (3 * w.sum())
    assert second == pytest.approx(0.09, rel=0.1)


def machine(scale, seed=0, hidden=10, dim=12):
    """Weights as large as training makes them, with biases that answer them."""
    weight_key, bias_key = jax.random.split(jax.random.key(seed))
    weight = scale * jax.random.normal(weight_key, (hidden, dim))
    bias = jax.random.normal(bias_key, (dim,)) - weight.sum(0) / 2
    return Bipartite(bias, -weight.sum(1) / 2, weight, Constant(jnp.zeros(dim)), BernoulliUnits())


def misses(temperatures, chains, scale, runs=40):
    """Share of runs farther than 1 nat from the exact log Z."""
    cold = machine(scale)
    exact = float(jax.nn.logsumexp(small_layer(cold, 12).log_law(cold)))
    found = [
        annealed_log_partition(
            cold, temperatures=temperatures, chains=chains, key=jax.random.key(i)
        ).value
        for i in range(runs)
    ]
    return np.mean(np.abs(np.array(found) - exact) > 1)


@pytest.mark.slow
def test_annealing_is_within_one_nat_in_95_percent_of_runs():
    assert misses(500, 50, scale=3.0) <= 0.05


def test_too_few_temperatures_on_a_cold_machine_are_noticed():
    assert misses(2, 10, scale=3.0) > 0.5


def test_the_base_measure_counts():
    """Anchored ladders agree with the exact sum; log Z_0 of another anchor does not."""
    cold = machine(2.0)
    exact = float(jax.nn.logsumexp(small_layer(cold, 12).log_law(cold)))
    anchored = eqx.tree_at(lambda m: m.anchor.value, cold, 0.5 * cold.bias)
    found = annealed_log_partition(anchored, temperatures=500, chains=50, key=KEY)
    assert abs(found.value - exact) < 1
    shift = float(Tempering(cold).log_start - Tempering(anchored).log_start)
    assert abs(found.value + shift - exact) > 1


def test_log_mean_of_even_weights_has_no_error():
    e = log_mean(np.full(10, 1000.0))
    assert (float(e.value), float(e.stderr), float(e.n)) == (1000.0, 0.0, 10.0)
    assert e.bound == "lower"


def test_log_mean_follows_its_formulas():
    w = np.random.default_rng(0).gamma(2.0, size=(50, 3))
    e = log_mean(np.log(w))
    np.testing.assert_allclose(e.value, np.log(w.mean(0)))
    np.testing.assert_allclose(e.stderr, w.std(0, ddof=1) / np.sqrt(50) / w.mean(0))
    np.testing.assert_allclose(e.n, w.sum(0) ** 2 / (w**2).sum(0))


def test_weights_of_zero():
    half = log_mean(np.array([-np.inf, 0.0]))
    assert float(half.value) == pytest.approx(-math.log(2))
    none = log_mean(np.full(3, -np.inf))
    assert float(none.value) == -np.inf
    assert float(none.stderr) == np.inf


@pytest.mark.parametrize("bad", [[0.0], [0.0, np.nan], [0.0, np.inf], 1.0])
def test_bad_weights_are_refused(bad):
    with pytest.raises(InvalidInput, match="log_mean"):
        log_mean(np.asarray(bad))


@pytest.mark.parametrize("betas", [[0.0, 0.5], [0.1, 1.0], [0.0, 0.6, 0.6, 1.0], [1.0]])
def test_bad_ladders_are_refused(betas):
    with pytest.raises(InvalidInput, match="betas"):
        anneal(Narrowing(), jnp.asarray(betas), chains=2, key=KEY)


@pytest.mark.parametrize("bad", [{"temperatures": 1}, {"chains": 1}])
def test_bad_counts_are_refused(bad):
    with pytest.raises(InvalidInput, match="at least 2"):
        log_partition_ratio(Narrowing(), **({"temperatures": 5, "chains": 5} | bad), key=KEY)
