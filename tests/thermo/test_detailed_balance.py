"""The test of detailed balance: false alarms at its level, and power."""

import jax
import numpy as np
import pytest
from scipy.stats import binom, chi2, kstest

import noneq as nq
from noneq.domains import Discrete
from noneq.errors import InvalidInput
from noneq.thermo import (
    count_matrix,
    detailed_balance_test,
    entropy_production,
    stationary,
    transition_matrix_from,
)


def walks(chain, n, steps, seed=0):
    """n stationary sequences of the chain, ``(n, steps)``."""
    rng = np.random.default_rng(seed)
    cumulative = chain.cumsum(1)
    states = np.empty((n, steps), int)
    states[:, 0] = rng.choice(len(chain), n, p=stationary(chain))
    for k in range(1, steps):
        at = cumulative[states[:, k - 1]]
        states[:, k] = np.minimum((rng.random((n, 1)) > at).sum(1), len(chain) - 1)
    return states


def sticky(drive=0.0, n=5, seed=1):
    """A chain that stays for a while, with reversible weights and a drive around a ring."""
    weights = np.random.default_rng(seed).random((n, n)) ** 2
    weights = weights + weights.T + 4 * np.eye(n)
    weights *= 1 + drive * (np.roll(np.eye(n), 1, 1) - np.roll(np.eye(n), -1, 1))
    return weights / weights.sum(1, keepdims=True)


def alarms(p_values, level):
    """Whether the number of alarms is one that the level gives in all but 2 in 10⁵ cases."""
    low, high = binom.ppf([1e-5, 1 - 1e-5], len(p_values), level)
    return low <= np.sum(np.asarray(p_values) < level) <= high


LONG = walks(sticky(), 400, 3000)
SHORT = walks(sticky(), 120 * 1000, 4, seed=2).reshape(120, 1000, 4)


@pytest.mark.parametrize("states", [LONG, SHORT], ids=["one long", "many short"])
def test_false_alarms(states):
    tests = [detailed_balance_test(each) for each in states]
    assert {test.dof for test in tests} == {6}
    p_values = [test.p_value for test in tests]
    assert kstest(p_values, "uniform").pvalue > 1e-5
    assert alarms(p_values, 0.05)
    assert alarms(p_values, 0.3)


def test_bowkers_own_degrees_of_freedom_fail():
    """One sequence: what goes in comes out, so that the E = 10 differences are not free."""
    naive = [chi2.sf(detailed_balance_test(each).statistic, 10) for each in LONG]
    assert not alarms(naive, 0.3)


def test_power():
    driven = walks(sticky(drive=0.3), 20, 3000)
    assert entropy_production(sticky(drive=0.3)) < 0.05
    assert all(detailed_balance_test(each).p_value < 1e-3 for each in driven)
    blocks = [detailed_balance_test(each, block=60).p_value for each in driven[:4]]
    assert max(blocks) <= 0.01


def lumped(states):
    """A reversible chain seen through a map of its states has memory."""
    return np.array([0, 1, 2, 0, 1])[states]


def test_reversed_blocks_hold_their_level_for_records_with_memory():
    p_values = [
        detailed_balance_test(lumped(each), block=60, key=jax.random.key(i)).p_value
        for i, each in enumerate(LONG[:120])
    ]
    assert alarms(p_values, 0.05)
    assert alarms(p_values, 0.3)


def test_sequences_in_all_forms():
    flat = LONG[0]
    one = detailed_balance_test(flat)
    assert detailed_balance_test(flat[None]) == one
    assert detailed_balance_test([flat]) == one
    assert detailed_balance_test(list(flat)) == one
    paths = nq.Trajectories(
        flat[None, :, None].astype(float), np.arange(3000.0), domain=Discrete(5)
    )
    assert detailed_balance_test(paths) == one
    assert one.n == np.sum(flat[1:] != flat[:-1])
    relabelled = detailed_balance_test(10 * flat)
    assert relabelled.statistic == pytest.approx(one.statistic)


def test_trees_always_balance():
    assert detailed_balance_test([0, 1, 0, 1, 2, 1]).p_value == 1
    assert detailed_balance_test([0, 0, 0]).n == 0


def test_counts():
    counts = count_matrix([[0, 1, 1], [1, 2]], size=4)
    assert counts.shape == (4, 4)
    assert counts.sum() == 3
    assert counts[0, 1] == counts[1, 1] == counts[1, 2] == 1
    found = transition_matrix_from(walks(sticky(), 50, 4000))
    assert np.abs(found - sticky()).max() < 0.01
    gaps = nq.Trajectories(
        np.array([[0.0, 1, 1, 0], [1, 1, 1, 1]])[..., None],
        np.arange(4.0),
        domain=Discrete(2),
        mask=np.array([[True, True, False, True], [True, True, True, True]]),
    )
    assert count_matrix(gaps).tolist() == [[0, 1], [0, 3]]


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        ([0.5, 1.0], "whole numbers"),
        ([0, -1, 2], "negative"),
        ([3], "no transition"),
        (np.zeros((2, 2, 2), int), "shape"),
        ([np.nan, 1.0], "whole numbers"),
        (["a", "b"], "whole numbers"),
    ],
)
def test_refusals(bad, word):
    with pytest.raises(InvalidInput, match=word):
        detailed_balance_test(bad)


def test_further_refusals():
    with pytest.raises(InvalidInput, match="size = 2"):
        count_matrix([0, 2], size=2)
    with pytest.raises(InvalidInput, match="never left"):
        transition_matrix_from([0, 1, 0, 2])
    with pytest.raises(InvalidInput, match="8 blocks"):
        detailed_balance_test(LONG[0], block=1000)
    with pytest.raises(InvalidInput, match="at least 64"):
        detailed_balance_test(nq.Trajectories(np.zeros((1, 3, 1)), np.arange(3.0)))
