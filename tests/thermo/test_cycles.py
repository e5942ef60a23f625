"""Loops of Markov chains: Schnakenberg's decomposition, Hill's formula, the dominant loop."""

import itertools

import numpy as np
import pytest
from test_chains import exclusion, random_chain, ratchet, reversible, ring

from noneq.errors import InvalidInput
from noneq.thermo import (
    affinity,
    currents,
    dominant_cycle,
    entropy_production,
    fundamental_cycles,
)


def test_driven_ring_has_one_loop():
    [cycle] = fundamental_cycles(ring(3.0, 1.0))
    assert cycle.affinity == pytest.approx(3 * np.log(3), abs=1e-12)
    assert cycle.current == pytest.approx(2 / 3, abs=1e-12)
    assert sorted(cycle.states) == [0, 1, 2]
    assert affinity(ring(3.0, 1.0), cycle.states[::-1]) == pytest.approx(-cycle.affinity)


def test_hill_formula():
    """J = (Π w₊ − Π w₋)/(sum over directed spanning trees)."""
    rng = np.random.default_rng(3)
    rates = rng.exponential(size=(3, 3)) * (1 - np.eye(3))
    rates -= np.diag(rates.sum(1))
    there, back = rates[[0, 1, 2], [1, 2, 0]].prod(), rates[[1, 2, 0], [0, 1, 2]].prod()
    trees = sum(np.linalg.det(-np.delete(np.delete(rates, k, 0), k, 1)) for k in range(3))
    [cycle] = fundamental_cycles(rates)
    assert cycle.current == pytest.approx(abs(there - back) / trees, rel=1e-13)
    assert cycle.affinity == pytest.approx(abs(np.log(there / back)), rel=1e-13)
    assert cycle.entropy_production == pytest.approx(entropy_production(rates), rel=1e-12)


@pytest.mark.parametrize(
    "chain",
    [ratchet(1.5), exclusion(), random_chain(2), random_chain(5), random_chain(40), reversible(9)],
    ids=["ratchet", "exclusion", "2", "5", "40", "reversible"],
)
def test_loops_carry_all_currents_and_all_dissipation(chain):
    cycles, net = fundamental_cycles(chain), currents(chain)
    off = (chain > 0) & ~np.eye(len(chain), dtype=bool)
    assert len(cycles) == np.triu(off | off.T).sum() - len(chain) + 1
    total = sum(cycle.entropy_production for cycle in cycles)
    assert total == pytest.approx(entropy_production(chain), abs=1e-10)
    for cycle in cycles:
        assert cycle.current >= 0
        assert len(set(cycle.states)) == len(cycle.states) >= 3
        for i, j in zip(cycle.states, np.roll(cycle.states, -1), strict=True):
            net[i, j] -= cycle.current
            net[j, i] += cycle.current
    assert np.abs(net).max() < 1e-14


def test_one_way_traffic_has_infinite_affinity():
    [cycle] = fundamental_cycles([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]])
    assert cycle.affinity == np.inf
    assert cycle.current == pytest.approx(1 / 3)
    assert cycle.entropy_production == np.inf
    assert affinity([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]], (2, 1, 0)) == -np.inf


def widest(net):
    """The largest weakest current over all simple loops, by trying all."""
    best = 0.0
    for size in range(3, len(net) + 1):
        for states in itertools.permutations(range(len(net)), size):
            if states[0] == min(states):
                best = max(best, net[states, np.roll(states, -1)].min())
    return best


@pytest.mark.parametrize("seed", range(8))
def test_dominant_loop_is_the_widest(seed):
    chain = random_chain(6, seed)
    cycle, net = dominant_cycle(chain), currents(chain)
    assert cycle.current == pytest.approx(widest(net), rel=1e-12)
    assert net[cycle.states, np.roll(cycle.states, -1)].min() == cycle.current
    assert cycle.affinity == pytest.approx(affinity(chain, cycle))


def test_dominant_loop_of_a_ring_with_noise():
    rng = np.random.default_rng(0)
    order = rng.permutation(20)
    chain = 0.02 * rng.random((20, 20))
    chain[order, np.roll(order, -1)] += 1
    chain /= chain.sum(1, keepdims=True)
    found = np.asarray(dominant_cycle(chain).states)
    place = int(np.flatnonzero(order == found[0])[0])
    assert np.array_equal(found, np.roll(order, -place))


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_balance_has_no_dominant_loop(kind):
    assert dominant_cycle(reversible(40).astype(kind)) is None
    assert dominant_cycle(ring(1.0, 1.0, 6).astype(kind)) is None


def test_large_chains_are_quick():
    chain = random_chain(150)
    assert dominant_cycle(chain) is not None
    assert len(fundamental_cycles(chain)) == 150 * 149 // 2 - 149


@pytest.mark.parametrize(
    ("cycle", "word"),
    [((0,), "two states"), ((0, 9), "0 to 4"), ((0, 2, 1), "between 0 and 2")],
)
def test_refusals(cycle, word):
    with pytest.raises(InvalidInput, match=word):
        affinity(ring(1.0, 2.0, 5), cycle)
