"""Associative memories: retrieval, laws against sums over all states, capacity."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import chi2

import noneq as nq
from noneq.errors import InvalidInput
from noneq.methods.memories.hopfield import Hopfield
from noneq.methods.memories.storages import Hebbian, Modern, PseudoInverse
from noneq.metrics import nll


KEY = jax.random.key(5)
SPINS = np.array(list(itertools.product([-1, 1], repeat=5)), np.float32)
FEW = np.array([[1, 1, -1, 1, -1], [1, -1, -1, -1, 1]], np.float32)
LIMIT = chi2.isf(1e-4, 31)


def random_patterns(count, n, seed=0):
    return np.random.default_rng(seed).choice([-1.0, 1.0], (count, n)).astype(np.float32)


def spoilt(patterns, flips, seed=1):
    """Patterns with as many spins turned."""
    x = patterns.copy()
    rng = np.random.default_rng(seed)
    for row in x:
        row[rng.choice(len(row), flips, replace=False)] *= -1
    return x


def memory(storage, patterns=FEW):
    return Hopfield(storage).fit(patterns, key=KEY).model


def chi_square(x, p):
    numbers = ((np.asarray(x) > 0) @ (1 << np.arange(4, -1, -1))).astype(int)
    counts, expected = np.bincount(numbers, minlength=32), len(x) * p
    return np.sum((counts - expected) ** 2 / expected)


def test_couplings_are_those_of_the_rules():
    found = np.asarray(memory(Hebbian()).couplings.value)
    expected = FEW.T @ FEW / 5
    np.testing.assert_allclose(found, expected - np.diag(np.diag(expected)), atol=1e-6)
    projector = FEW.T @ np.linalg.solve(FEW @ FEW.T, FEW)
    found = np.asarray(memory(PseudoInverse()).couplings.value)
    np.testing.assert_allclose(found, projector - np.diag(np.diag(projector)), atol=1e-5)


@pytest.mark.parametrize("storage", [Hebbian(), PseudoInverse(), Modern()])
def test_spoilt_patterns_are_mended(storage):
    patterns = random_patterns(4, 100)
    model = memory(storage, patterns)
    np.testing.assert_array_equal(model.retrieve(spoilt(patterns, 15)), patterns)
    np.testing.assert_array_equal(model.retrieve(patterns[0]), patterns[0])


def test_pseudo_inverse_holds_patterns_that_are_alike():
    patterns = random_patterns(6, 60)
    patterns[:, :45] = patterns[0, :45]  # three quarters in common
    patterns[1:, 45] = -patterns[0, 45]
    found = memory(PseudoInverse(), patterns).retrieve(patterns)
    np.testing.assert_array_equal(found, patterns)
    assert not np.array_equal(memory(Hebbian(), patterns).retrieve(patterns), patterns)


@pytest.mark.parametrize("storage", [Hebbian(), PseudoInverse()])
def test_the_energy_never_rises_in_retrieval(storage):
    model = memory(storage, random_patterns(12, 40))
    energy = jax.jit(jax.vmap(lambda x: model.energy(x)))
    x = jnp.asarray(random_patterns(50, 40, seed=9))
    before = np.asarray(energy(x))
    for _ in range(5):
        x = model.retrieve(x, 1)
        after = np.asarray(energy(x))
        assert (after <= before + 1e-3).all()
        before = after
    np.testing.assert_array_equal(model.retrieve(x, 30), model.retrieve(x, 31))


def test_all_spins_at_once_may_raise_the_energy():
    """The broken twin: synchronous updates, which have cycles of two."""
    model = memory(Hebbian(), random_patterns(12, 40))
    couplings = np.asarray(model.couplings.value)
    energy = lambda x: -0.5 * np.einsum("ni,ij,nj->n", x, couplings, x)
    x, rises = random_patterns(200, 40, seed=9), 0
    for _ in range(10):
        new = np.sign(x @ couplings + 1e-9)
        rises += (energy(new) > energy(x) + 1e-3).sum()
        x = new
    assert rises > 0


@pytest.mark.sweep(1)
@pytest.mark.parametrize("storage", [Hebbian(beta=0.8), PseudoInverse(beta=0.8), Modern(beta=0.4)])
def test_laws_are_those_of_the_energy(storage):
    model = memory(storage)
    energies = np.asarray(jax.vmap(lambda x: model.energy(x))(jnp.asarray(SPINS)), np.float64)
    p = np.exp(-energies) / np.exp(-energies).sum()
    if isinstance(storage, Modern):
        log_p = np.asarray(jax.vmap(lambda x: model.log_prob(x))(jnp.asarray(SPINS)))
        assert model.log_prob(jnp.asarray(SPINS[0]) + 0.3) == -np.inf
    else:
        estimate = model.log_prob_estimate(SPINS, key=KEY)
        log_p = estimate.value
        assert estimate.bound == "none"
        assert not estimate.stderr.any()
        assert model.log_prob_estimate(SPINS[0] + 0.3, key=KEY).value == -np.inf
    np.testing.assert_allclose(log_p, np.log(p), atol=2e-5)
    x = model.sample(20_000, key=KEY)
    assert chi_square(x, p) < LIMIT
    hotter = np.exp(-0.9 * energies)
    assert chi_square(x, hotter / hotter.sum()) > LIMIT


def test_heat_bath_keeps_the_law():
    model = memory(Hebbian(beta=0.8))
    p = np.exp(model.log_prob_estimate(SPINS, key=KEY).value)
    paths = model.sample_paths(20_000, times=[0.0, 3.0], key=KEY)
    assert chi_square(paths.values[:, 1], p) < LIMIT
    start = np.ones((20_000, 5), np.float32)
    settled = model.sample_paths(20_000, times=[0.0, 40.0], start=start, key=KEY)
    assert chi_square(settled.values[:, 1], p) < LIMIT
    assert chi_square(settled.values[:, 0], p) > LIMIT


def test_many_spins_are_annealed():
    """One pattern: Z = Σ_k C(N, k) exp(beta ((N − 2k)²/N − 1)/2)."""
    n, beta = 24, 0.7
    model = memory(Hebbian(beta=beta), np.tile(random_patterns(1, n), (2, 1)))
    # Two copies of the pattern are one of twice the strength.
    k = np.arange(n + 1)
    log_c = np.array([float(sum(np.log((n - i) / (i + 1)) for i in range(m))) for m in k])
    exact = np.logaddexp.reduce(log_c + beta * ((n - 2 * k) ** 2 / n - 1))
    found = model.log_partition(key=KEY)
    assert found.bound == "lower"
    assert abs(found.z(exact)) < 4.5
    wrong = np.logaddexp.reduce(log_c + beta * ((n - 2 * k) ** 2 / n))
    assert abs(found.z(wrong)) > 4.5
    p = np.exp(log_c + beta * ((n - 2 * k) ** 2 / n - 1) - exact)
    pattern = np.sign(np.asarray(model.couplings.value)[0] + 1e-9)
    pattern[0] = 1.0
    overlap = np.abs(np.asarray(model.sample(2000, key=KEY)) @ pattern)
    mean = p @ np.abs(n - 2 * k)
    assert abs(overlap.mean() - mean) < 4.5 * overlap.std() / np.sqrt(2000)


def test_modern_memories_of_real_states_are_gaussian_mixtures():
    x = np.random.default_rng(0).normal(size=(6, 1)).astype(np.float32) * 3 + 5
    model = memory(Modern(beta=4.0), x)
    grid = np.linspace(-40, 50, 20_001, dtype=np.float32)[:, None]
    log_p = np.asarray(jax.vmap(lambda x: model.log_prob(x))(jnp.asarray(grid)), np.float64)
    energy = np.asarray(jax.vmap(lambda x: model.energy(x))(jnp.asarray(grid)), np.float64)
    assert np.trapezoid(np.exp(log_p), grid[:, 0]) == pytest.approx(1, abs=1e-4)
    near = log_p > -20
    assert np.ptp((log_p + energy)[near]) < 1e-3
    drawn = np.asarray(model.sample(20_000, key=KEY))[:, 0]
    cdf = np.cumsum(np.exp(log_p)) * (grid[1, 0] - grid[0, 0])
    u = np.interp(drawn, grid[:, 0], cdf)
    # Kolmogorov: beyond 2.2/√n once in 10,000.
    gap = np.abs(np.sort(u) - (np.arange(20_000) + 0.5) / 20_000).max()
    assert gap < 2.3 / np.sqrt(20_000)


def test_one_step_of_attention_is_exact_in_the_limit():
    x = np.random.default_rng(0).normal(size=(20, 80)).astype(np.float32)
    model = memory(Modern(beta=200.0), x)
    np.testing.assert_allclose(model.retrieve(x + 0.05), x, atol=1e-4)
    warm = memory(Modern(beta=1e-4), x)
    np.testing.assert_allclose(warm.retrieve(x), np.tile(x.mean(0), (20, 1)), atol=1e-2)


def test_likelihood_of_a_memory_is_a_metric():
    x = np.concatenate([FEW, SPINS[::3]])
    assert np.isfinite(nll(memory(Hebbian(), x), x).value)
    assert np.isfinite(nll(memory(Modern(), x), x).value)


def test_bits_and_constant_pixels_are_stored():
    bits = (random_patterns(3, 20) + 1) / 2
    bits[:, 4] = 0.0
    for storage in (Hebbian(), PseudoInverse(), Modern()):
        model = memory(storage, bits)
        np.testing.assert_array_equal(model.retrieve(bits), bits)
        assert set(np.unique(model.sample(8, key=KEY))) <= {0.0, 1.0}


def test_more_patterns_than_spins_stay_finite():
    for storage in (Hebbian(), PseudoInverse()):
        model = memory(storage, random_patterns(30, 6))
        assert np.isfinite(model.couplings.value).all()
        assert np.isfinite(model.log_prob_estimate(random_patterns(4, 6), key=KEY).value).all()


@pytest.mark.parametrize(
    "bad",
    [
        lambda: Hebbian(beta=0.0),
        lambda: Hebbian(sweeps=1),
        lambda: PseudoInverse(beta=float("nan")),
        lambda: Modern(beta=-1.0),
    ],
)
def test_bad_settings_are_refused(bad):
    with pytest.raises(InvalidInput, match="expected"):
        bad()


def test_bad_data_and_requests_are_refused():
    grey = np.random.default_rng(0).uniform(0, 16, (24, 4)).round()
    with pytest.raises(InvalidInput, match="binarise"):
        memory(Hebbian(), grey)
    with pytest.raises(InvalidInput, match="time"):
        memory(Hebbian(), nq.Snapshots(FEW, [0.0, 1.0], [0, 1]))
    with pytest.raises(InvalidInput, match="shape"):
        memory(Hebbian()).retrieve(np.ones((2, 3)))
    with pytest.raises(InvalidInput, match="positive"):
        memory(Hebbian()).retrieve(FEW, 0)
