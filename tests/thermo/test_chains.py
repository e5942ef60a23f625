"""Steady states, dissipation and spectra of Markov chains against exact values."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.errors import InvalidInput
from noneq.thermo import (
    currents,
    entropy_production,
    mixing_time,
    relaxation_spectrum,
    self_transition,
    stationary,
)
from noneq.traits import HasChain


def ring(forward, backward, n=3):
    """Rates of a ring of n states."""
    there = forward * np.roll(np.eye(n), 1, axis=1) + backward * np.roll(np.eye(n), -1, axis=1)
    return there - np.diag(there.sum(1))


def ratchet(height):
    """The flashing ratchet of six states as a jump chain (exact.md B)."""
    potential, rates = height * np.arange(3.0), np.zeros((6, 6))
    for i, j in itertools.permutations(range(3), 2):
        rates[i, j] = np.exp((potential[i] - potential[j]) / 2)
        rates[3 + i, 3 + j] = 1.0
    for i in range(3):
        rates[i, 3 + i] = rates[3 + i, i] = 1.0
    return rates / rates.sum(1, keepdims=True)


def exclusion(sites=8, particles=3, p=2.0, q=0.5):
    """The asymmetric exclusion process on a ring, state by state."""
    states = list(itertools.combinations(range(sites), particles))
    rates = np.zeros((len(states),) * 2)
    for i, state in enumerate(states):
        for site, (step, rate) in itertools.product(state, ((1, p), (-1, q))):
            target = (site + step) % sites
            if target not in state:
                rates[i, states.index(tuple(sorted({*state, target} - {site})))] += rate
    return rates - np.diag(rates.sum(1))


def random_chain(n, seed=0):
    return np.random.default_rng(seed).dirichlet(np.full(n, 0.5) + 0.1, n)


def reversible(n, seed=0):
    weights = np.random.default_rng(seed).random((n, n))
    weights = weights + weights.T
    return weights / weights.sum(1, keepdims=True)


class ChainModel(HasChain):
    matrix: jnp.ndarray

    def transition_matrix(self):
        return self.matrix

    def stationary(self):
        raise AssertionError("the steady state is computed in float64 from the matrix")


def test_driven_ring():
    rates = ring(3.0, 1.0)
    assert entropy_production(rates) == pytest.approx(2 * np.log(3), abs=1e-12)
    assert currents(rates)[0, 1] == pytest.approx(2 / 3, abs=1e-12)
    assert np.allclose(stationary(rates), 1 / 3, atol=1e-15)
    step = np.eye(3) + 0.1 * rates
    assert entropy_production(step) == pytest.approx(0.2 * np.log(3), abs=1e-12)
    assert self_transition(step) == pytest.approx(0.6, abs=1e-12)


@pytest.mark.parametrize(
    ("height", "exact"),
    [(0.5, 0.016376), (1.0, 0.062364), (1.5, 0.130566), (2.0, 0.213069), (3.0, 0.398201)],
)
def test_flashing_ratchet(height, exact):
    assert entropy_production(ratchet(height)) == pytest.approx(exact, abs=6e-7)


def test_exclusion_process():
    assert entropy_production(exclusion()) == pytest.approx(4.455946, abs=6e-7)
    exact = 8 * 1.5 * 3 * 5 / (8 * 7) * np.log(4)
    assert entropy_production(exclusion()) == pytest.approx(exact, abs=1e-10)


def test_balance_and_one_way_traffic():
    assert abs(entropy_production(reversible(30))) < 1e-14
    single = jnp.asarray(reversible(30), jnp.float32)
    assert abs(entropy_production(ChainModel(single))) < 1e-12
    assert entropy_production([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]]) == np.inf
    assert entropy_production([[1.0]]) == 0


@pytest.mark.parametrize("n", [2, 7, 60])
def test_steady_state(n):
    chain = random_chain(n, seed=n)
    law = stationary(chain)
    assert np.abs(law @ chain - law).max() < 1e-15
    assert law.sum() == pytest.approx(1, abs=1e-14)
    assert np.allclose(stationary(5 * (chain - np.eye(n))), law, atol=1e-15)
    assert np.abs(currents(chain).sum(1)).max() < 1e-15


def test_rare_states_keep_their_precision():
    """A birth–death chain: pi_k falls by 1e-6 a step; solvers with subtractions lose it."""
    n = 12
    rates = ring(1e-6, 1.0, n)
    rates[0, -1] = rates[-1, 0] = 0
    rates -= np.diag(rates.sum(1))
    law = stationary(rates)
    assert np.allclose(law[1:] / law[:-1], 1e-6, rtol=1e-12, atol=0)
    assert abs(entropy_production(rates)) < 1e-18


def test_spectrum_of_a_driven_ring():
    """λ_k = k₊(e^{iφ} − 1) + k₋(e^{−iφ} − 1), φ = 2πk/n."""
    n, phi = 7, 2 * np.pi * np.arange(7) / 7
    exact = 3 * (np.exp(1j * phi) - 1) + (np.exp(-1j * phi) - 1)
    found = relaxation_spectrum(ring(3.0, 1.0, n))
    assert found[0] == 0
    assert (np.diff(found.real) < 1e-9).all()
    assert np.abs(found[:, None] - exact).min(0).max() < 1e-12
    assert found[1].imag > 0 > found[2].imag
    steps = relaxation_spectrum(np.eye(n) + 0.1 * ring(3.0, 1.0, n))
    assert steps[0] == 1
    assert np.abs(steps[:, None] - (1 + 0.1 * exact)).min(0).max() < 1e-12
    assert (np.diff(np.abs(steps)) < 1e-9).all()
    assert np.abs(relaxation_spectrum(reversible(9)).imag).max() < 1e-12


def test_mixing_time():
    """Two states: distance (1 − pi_min)|1 − a − b|^t."""
    a, b = 0.02, 0.01
    pair = np.array([[1 - a, a], [b, 1 - b]])
    exact = np.log(0.25 / (2 / 3)) / np.log(1 - a - b)
    assert mixing_time(pair) == np.ceil(exact)
    rates = pair - np.eye(2)
    assert mixing_time(rates) == pytest.approx(np.log(8 / 3) / (a + b), rel=1e-9)
    assert mixing_time([[0.0, 1.0], [1.0, 0.0]]) == np.inf
    assert mixing_time([[1.0]]) == 0
    assert mixing_time(np.full((4, 4), 0.25)) == 1
    with pytest.raises(InvalidInput, match="distance"):
        mixing_time(pair, distance=0.0)


BLOCKS = np.kron(np.eye(2), np.full((2, 2), 0.5))
LEAK = np.array([[0.5, 0.5, 0], [0, 1, 0], [0.1, 0.1, 0.8]])


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (np.ones((2, 3)), ["shape (2, 3)", "square"]),
        (np.ones(3), ["square"]),
        ([["a"]], ["real"]),
        (np.zeros((0, 0)), ["empty"]),
        (np.full((2, 2), np.nan), ["NaN"]),
        ([[1.2, -0.2], [0.5, 0.5]], ["[0, 1]", "negative"]),
        ([[-0.2, 1.2], [0.5, 0.5]], ["[0, 0]", "negative"]),
        ([[0.5, 0.4], [0.5, 0.5]], ["row 0", "0.9"]),
        ([[0.0, 0.0], [0.5, 0.5]], ["row 0 sums to 0;"]),
        ([[-1.0, 1.0], [1.0, -0.5]], ["row 1", "rate matrix", "0.5"]),
        ([[-1.0, 1.0, 0], [1, -1, 0], [2, -1, -1]], ["[2, 1]", "negative"]),
        (BLOCKS, ["reducible", "{0, 1} and {2, 3}"]),
        (LEAK, ["Closed classes: {1}", "{0, 2} are left"]),
        (np.zeros((3, 3)), ["reducible", "{0} and {1} and {2}"]),
    ],
)
def test_refusals(bad, words):
    with pytest.raises(InvalidInput) as caught:
        entropy_production(bad)
    assert "\n" not in str(caught.value)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_rates_have_no_steps():
    with pytest.raises(InvalidInput, match="expm"):
        self_transition(ring(1.0, 1.0))


def test_ragged_matrices_and_infinite_states_are_refused():
    with pytest.raises(InvalidInput, match="differ in length"):
        nq.thermo.stationary([[0.5, 0.5], [1.0]])
    with pytest.raises(InvalidInput, match="whole numbers"):
        nq.thermo.count_matrix([0.0, np.inf, 1.0])
