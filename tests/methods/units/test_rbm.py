"""Restricted Boltzmann machines against sums over all states."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import chi2

import noneq as nq
from noneq.constant import Constant
from noneq.data.summary import summarise
from noneq.errors import InvalidInput
from noneq.learning.loop import Training
from noneq.methods.units.bipartite import Bipartite
from noneq.methods.units.negative_phases import (
    ParallelTempering,
    PersistentChains,
)
from noneq.methods.units.rbm import RBM, FreeEnergyGap
from noneq.methods.units.rbm_model import RestrictedBoltzmann, tempered_draws
from noneq.methods.units.units import BernoulliUnits, CategoricalUnits, GaussianUnits
from noneq.metrics import nll
from noneq.systems import BarsAndStripes
from noneq.thermo import autocorrelation_time


KEY = jax.random.key(3)
EVERY = np.array(list(itertools.product([0, 1], repeat=4)), np.float32)
FALSE_ALARM = 1e-4


def machine(hidden=3, dim=4, scale=1.0, visible=None):
    visible = visible or BernoulliUnits()
    keys = jax.random.split(jax.random.key(11), 4)
    count = visible.count(dim)
    return Bipartite(
        bias=jax.random.normal(keys[0], (count,)),
        offset=jax.random.normal(keys[1], (hidden,)),
        weight=scale * jax.random.normal(keys[2], (hidden, count)),
        anchor=Constant(0.3 * jax.random.normal(keys[3], (count,))),
        visible=visible,
    )


def law(machine, data=EVERY):
    domain = nq.Discrete(2) if machine.visible.alphabet == 2 else nq.Discrete(3)
    data = nq.Snapshots(data, domain=domain if machine.visible.alphabet else nq.Free())
    return RestrictedBoltzmann(machine, summarise(data), sweeps=60, temperatures=6)


def brute(machine, x):
    """log p(x) by summing over both layers, in float64."""
    W, b, c = (np.asarray(a, np.float64) for a in (machine.weight, machine.bias, machine.offset))
    z = np.array(list(itertools.product([0, 1], repeat=len(c))), np.float64)
    joint = lambda x: (x @ b)[:, None] + z @ c + x @ (z @ W).T
    states = np.array(list(itertools.product([0, 1], repeat=len(b))), np.float64)
    log_sum = lambda a, **axis: np.logaddexp.reduce(a, **axis)
    return log_sum(joint(x.astype(float)), axis=1) - log_sum(joint(states).ravel())


def chi_square(x, p):
    """Whether counts of the 16 states fit their probabilities."""
    numbers = np.asarray(x) @ (1 << np.arange(3, -1, -1))
    counts = np.bincount(numbers.astype(int), minlength=16)
    expected = len(x) * p
    return np.sum((counts - expected) ** 2 / expected)


LIMIT = chi2.isf(FALSE_ALARM, 15)


@pytest.mark.parametrize("hidden", [1, 3, 6])
def test_log_likelihood_is_that_of_brute_force(hidden):
    small = machine(hidden)
    found = law(small).log_prob_estimate(EVERY, key=KEY)
    np.testing.assert_allclose(found.value, brute(small, EVERY), atol=2e-5)
    assert found.bound == "none"
    assert not found.stderr.any()


def test_energies_are_those_of_the_law():
    model = law(machine())
    energies = np.asarray(jax.vmap(lambda x: model.energy(x))(jnp.asarray(EVERY)))
    log_z = model.log_partition(key=KEY).value
    np.testing.assert_allclose(-energies - log_z, brute(model.machine, EVERY), atol=2e-5)
    assert model.energy(jnp.asarray(EVERY[0]) + 0.4) == np.inf
    assert model.log_prob_estimate(EVERY[0] + 0.4, key=KEY).value == -np.inf


def test_categorical_probabilities_add_up():
    small = machine(5, 3, visible=CategoricalUnits(3))
    every = np.array(list(itertools.product([0, 1, 2], repeat=3)), np.float32)
    model = law(small, every)
    log_p = model.log_prob_estimate(every, key=KEY).value
    assert np.exp(log_p).sum() == pytest.approx(1, abs=1e-5)
    x = np.asarray(model.sample(20_000, key=KEY)) @ np.array([9, 3, 1])
    counts, expected = np.bincount(x.astype(int), minlength=27), 20_000 * np.exp(log_p)
    assert np.sum((counts - expected) ** 2 / expected) < chi2.isf(FALSE_ALARM, 26)


def test_gaussian_density_integrates_to_one():
    small = machine(3, 1, visible=GaussianUnits())
    model = law(small, np.linspace(-3, 5, 50, dtype=np.float32)[:, None])
    grid = np.linspace(-40, 60, 20_001, dtype=np.float32)[:, None]
    log_p = model.log_prob_estimate(grid, key=KEY).value
    assert np.trapezoid(np.exp(log_p), grid[:, 0]) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("hidden", [3, 6])
def test_exact_draws_follow_the_law(hidden):
    model = law(machine(hidden, scale=2.0))
    p = np.exp(brute(model.machine, EVERY))
    assert chi_square(model.sample(20_000, key=KEY), p) < LIMIT


@pytest.mark.slow
def test_tempered_draws_and_gibbs_chains_follow_the_law():
    small = machine()
    p = np.exp(brute(small, EVERY))
    draws = jax.jit(lambda key: tempered_draws(small, 5000, sweeps=60, temperatures=6, key=key))
    assert chi_square(draws(KEY), p) < LIMIT
    chains = law(small).sample_chain(5000, 5, key=KEY)
    assert chains.shape == (5000, 5, 4)
    assert chi_square(chains[:, -1], p) < LIMIT


def test_chi_square_notices_another_law():
    p = np.exp(brute(machine(), EVERY))
    other = eqx.tree_at(lambda m: m.bias, machine(), machine().bias + 0.2)
    assert chi_square(law(other).sample(20_000, key=KEY), p) > LIMIT


def cold_pair(strength=12.0):
    """Two valleys, all bits down and all up, that single Gibbs sweeps do not cross."""
    weight = jnp.full((4, 4), strength / 4)
    return Bipartite(
        -weight.sum(0) / 2, -weight.sum(1) / 2, weight, Constant(jnp.zeros(4)), BernoulliUnits()
    )


@pytest.mark.slow
def test_tempering_mixes_where_gibbs_does_not():
    cold = cold_pair()
    lopsided = eqx.tree_at(lambda m: m.anchor.value, cold, jnp.full(4, 2.0))
    up = lambda temperatures: float(
        jnp.mean(
            tempered_draws(lopsided, 2000, sweeps=100, temperatures=temperatures, key=KEY).mean(1)
            > 0.5
        )
    )
    assert abs(up(8) - 0.5) < 0.1
    assert up(1) > 0.8


@pytest.mark.slow
def test_the_chain_of_a_cold_machine_decorrelates_more_slowly():
    times = [
        float(autocorrelation_time(np.asarray(law(m).sample_chain(32, 200, key=KEY))).value)
        for m in (machine(4, scale=0.3), cold_pair(5.0))
    ]
    assert times[1] > 3 * times[0]


def exact_gradient(small, data):
    """−∂ mean log P by autodiff of the enumerated law."""

    def cost(parameters):
        where = lambda m: (m.bias, m.offset, m.weight)
        at = eqx.tree_at(where, small, parameters)
        log_z = jax.nn.logsumexp(at.log_density(jnp.asarray(EVERY)))
        return log_z - jnp.mean(at.log_density(data))

    return jnp.concatenate(
        [g.ravel() for g in jax.grad(cost)((small.bias, small.offset, small.weight))]
    )


def gradients(small, data, negative, runs=30):
    """Independent estimates of the gradient, one a row."""
    objective = FreeEnergyGap(negative, 0.0)

    @jax.jit
    def one(key):
        begin_key, key = jax.random.split(key)
        state = objective.init(small, key=begin_key)
        _, grads, _ = objective.grad(small, state, {"x": data}, key=key)
        return jnp.concatenate([g.ravel() for g in (grads.bias, grads.offset, grads.weight)])

    return np.stack([one(jax.random.key(i)) for i in range(runs)]).astype(np.float64)


def scores(rows, truth):
    return (rows.mean(0) - np.asarray(truth)) / (rows.std(0, ddof=1) / np.sqrt(len(rows)) + 1e-9)


DATA = jnp.asarray(EVERY[[0, 3, 3, 5, 9, 15, 15, 15]])


@pytest.mark.sweep(1)
@pytest.mark.parametrize(
    "negative",
    [
        PersistentChains(chains=1000, steps=40),
        ParallelTempering(temperatures=4, chains=500, steps=30),
    ],
)
def test_gradients_are_those_of_the_likelihood(negative):
    small = machine()
    data = jnp.tile(DATA, (64, 1))
    z = scores(gradients(small, data, negative), exact_gradient(small, data))
    # 19 entries of 30 runs each (Student's t): largest of them beyond 5.5 once in 10,000.
    assert np.abs(z).max() < 5.5


def test_a_negative_phase_of_the_wrong_sign_is_noticed():
    small = machine()
    data = jnp.tile(DATA, (64, 1))
    rows = gradients(small, data, PersistentChains(chains=1000, steps=40))
    positive = -gradient_of_data(small, data)
    # rows = positive phase + negative phase; turn the sign of the second.
    turned = 2 * positive - rows
    assert np.abs(scores(turned, exact_gradient(small, data))).max() > 50


def gradient_of_data(small, data):
    def mean(parameters):
        at = eqx.tree_at(lambda m: (m.bias, m.offset, m.weight), small, parameters)
        return jnp.mean(at.log_density(data))

    grads = jax.grad(mean)((small.bias, small.offset, small.weight))
    return np.concatenate([np.asarray(g, np.float64).ravel() for g in grads])


def test_persistent_chains_go_on_from_where_they_were():
    small, negative = machine(), PersistentChains(chains=16)
    state = negative.begin(small, key=KEY)
    _, after = negative.fantasies(small, DATA, state, key=KEY)
    assert after.shape == state.shape == (16, 4)
    assert not np.array_equal(after, state)


def test_bars_and_stripes_are_learnt():
    patterns = BarsAndStripes(2).patterns()
    method = RBM(hidden=6, training=Training(steps=1000, batch=0, rate=0.03, ema=0.9))
    fit = method.fit(patterns, key=KEY)
    cost = nll(fit.model, patterns)
    # Chains are random and the last rounding decides: 0.150 to 0.176 over four seeds.
    assert float(cost.value) - np.log(len(patterns)) < 0.2
    first = RBM(hidden=6, training=Training(steps=1, batch=0)).fit(patterns, key=KEY)
    assert float(nll(first.model, patterns).value) > float(cost.value) + 0.3


@pytest.mark.slow
def test_large_machines_give_a_bound_with_an_error():
    x = np.random.default_rng(0).integers(0, 2, (40, 24)).astype(np.float32)
    fit = RBM(hidden=20, sweeps=4, temperatures=2, training=Training(steps=3, batch=0)).fit(
        x, key=KEY
    )
    found = fit.model.log_prob_estimate(x, key=KEY, temperatures=50, chains=20)
    assert found.bound == "upper"
    assert (found.stderr > 0).all()
    assert found.value.shape == (40,)
    one = fit.model.log_prob_estimate(x[0], key=KEY, temperatures=50, chains=20)
    np.testing.assert_allclose(one.value, found.value[0], rtol=1e-5)
    assert fit.model.sample(5, key=KEY).shape == (5, 24)


def test_weight_decay_shrinks_weights():
    x = BarsAndStripes(2).patterns()
    size = lambda decay: float(
        jnp.sum(
            RBM(hidden=4, weight_decay=decay, training=Training(steps=200, batch=0, rate=0.03))
            .fit(x, key=KEY)
            .model.machine.weight
            ** 2
        )
    )
    assert size(0.3) < size(0.0) / 2


@pytest.mark.slow
def test_constant_pixels_stay_finite():
    x = np.random.default_rng(0).integers(0, 2, (30, 5)).astype(np.float32)
    x[:, 2], x[:, 3] = 0.0, 1.0
    fit = RBM(hidden=2, training=Training(steps=20, batch=0)).fit(x, key=KEY)
    assert np.isfinite(fit.model.log_prob_estimate(x, key=KEY).value).all()
    mean = np.asarray(fit.model.sample(500, key=KEY)).mean(0)
    assert mean[2] < 0.05
    assert mean[3] > 0.95


def test_gaussian_units_are_fitted_and_drawn():
    rng = np.random.default_rng(0)
    x = (rng.choice([-3.0, 3.0], (400, 1)) + rng.normal(size=(400, 2))).astype(np.float32)
    training = Training(steps=300, batch=0, rate=0.03, ema=0.9)
    fit = RBM(hidden=4, visible=GaussianUnits(1.0), training=training).fit(x, key=KEY)
    drawn = np.asarray(fit.model.sample(2000, key=KEY))
    np.testing.assert_allclose(drawn.mean(0), x.mean(0), atol=0.7)
    # Units of unit variance add their own to that of the data, which is 1 in all.
    scale = x.std(0)
    covariance = np.cov((drawn / scale).T)
    assert 1 < covariance[0, 0] < 2.2
    assert covariance[0, 1] > 0.4


@pytest.mark.parametrize(
    "bad",
    [
        lambda: RBM(hidden=0),
        lambda: RBM(sweeps=0),
        lambda: RBM(temperatures=0),
        lambda: RBM(weight_decay=-1.0),
        lambda: RBM(weight_decay=float("nan")),
        lambda: PersistentChains(chains=0),
        lambda: PersistentChains(steps=0),
        lambda: ParallelTempering(temperatures=1),
        lambda: ParallelTempering(chains=0),
    ],
)
def test_bad_settings_are_refused(bad):
    with pytest.raises(InvalidInput, match="expected"):
        bad()


def test_bad_requests_are_refused():
    model = law(machine())
    with pytest.raises(InvalidInput, match="at least 2"):
        model.log_partition(temperatures=1, key=KEY)
    with pytest.raises(InvalidInput, match="condition"):
        model.log_prob_estimate(EVERY, condition=1.0, key=KEY)
    with pytest.raises(InvalidInput, match="shape"):
        model.log_prob_estimate(np.zeros((2, 3)), key=KEY)
    with pytest.raises(InvalidInput, match="whole"):
        model.sample_paths(3, times=[0.0, 0.5], key=KEY)
    with pytest.raises(InvalidInput, match="binarise"):
        RBM().fit(np.random.default_rng(0).normal(size=(20, 3)), key=KEY)
