"""Graphs of networks that are known, from their paths."""

import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.errors import InvalidInput
from noneq.inference import CausalGraph, causal_graph, score_matrix
from noneq.simulation import simulate
from noneq.statistics.libraries import Polynomial
from noneq.systems import Kuramoto, Linear, Lorenz96, Repressilator


CHAIN = Linear(A=((1, 0, 0), (-1.5, 1, 0), (0, -1.2, 1)), D=np.eye(3) / 2)
EDGES = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], bool)


@pytest.fixture(scope="module")
def chain():
    return simulate(CHAIN, np.arange(0, 40, 0.05), n=20, seed=3)


@pytest.mark.parametrize("selection", ["ridge", "group_lasso", "greedy"])
def test_the_chain_is_found_and_its_correlation_is_not_an_edge(chain, selection):
    found = causal_graph(chain, selection=selection, library=Polynomial(1), bootstrap=20)
    np.testing.assert_array_equal(found.edges, EDGES)
    assert found.probability[EDGES].min() > 0.9
    assert found.probability[~EDGES].max() < 0.3
    spread = chain.values.std((0, 1))
    # In units of std_j/std_i; x and z are correlated by 0.26 and share no edge.
    assert found.strength[1, 0] == pytest.approx(1.5 * spread[0] / spread[1], rel=0.1)
    assert found.auroc(EDGES) == 1
    assert "x -> y" in str(found)


def test_uneven_times_and_gaps(chain, rng):
    keep = np.sort(rng.choice(800, 500, replace=False))
    mask = rng.random((20, 500)) < 0.8
    data = nq.Trajectories(chain.values[:, keep], chain.times[keep], mask=mask)
    found = causal_graph(data, library=Polynomial(1), bootstrap=0)
    np.testing.assert_array_equal(found.edges, EDGES)


def test_the_ring_of_lorenz_under_observation_noise():
    system = Lorenz96(sigma=0.5)
    data = simulate(system, np.arange(0, 20, 0.05), n=2, seed=1)
    noise = 0.2 * data.values.std((0, 1)) * np.random.default_rng(0).normal(size=data.values.shape)
    truth = score_matrix(system, data) > 1e-6
    assert (truth.sum(1) == 4).all()
    found = causal_graph(nq.Trajectories(data.values + noise, data.times), window=5, bootstrap=0)
    assert found.auroc(truth) > 0.95


def test_phases_by_their_differences():
    system = Kuramoto()
    data = simulate(system, np.arange(0, 20, 0.05), n=5, seed=1)
    found = causal_graph(data, library="differences", bootstrap=0)
    assert found.auroc(system.adjacency()) > 0.95
    flat = causal_graph(data, library="trigonometric", selection="ridge", bootstrap=0)
    assert flat.auroc(system.adjacency()) < found.auroc(system.adjacency())


def test_the_score_matrix_of_a_law():
    found = score_matrix(CHAIN, jnp.ones((5, 3)))
    np.testing.assert_allclose(found, np.abs(CHAIN.A), atol=1e-6)
    slopes = score_matrix(Repressilator(), jnp.ones((5, 3)))
    np.testing.assert_array_equal(
        slopes > 0, np.eye(3, dtype=bool) | np.roll(np.eye(3), -1, 1).astype(bool)
    )


def test_ranks_count_ties_by_halves():
    strength = np.array([[0, 1.0, 1.0], [1.0, 0, 0], [0, 0, 0]])
    graph = CausalGraph(("x", "y", "z"), strength, strength > 0, 1.0 * (strength > 0), "ridge")
    truth = np.array([[0, 1, 0], [0, 0, 0], [0, 0, 0]], bool)
    assert graph.auroc(truth) == pytest.approx((3 + 2 / 2) / 5)


def test_what_a_law_alone_does_not_tell(chain):
    with pytest.raises(InvalidInput, match="same law has many graphs"):
        causal_graph(chain.snapshots())
    with pytest.raises(InvalidInput, match="library = 'cubic'; expected quadratic"):
        causal_graph(chain, library="cubic")
    with pytest.raises(InvalidInput, match="increments for 10 functions"):
        causal_graph(nq.Trajectories(chain.values[:1, :12], chain.times[:12]))
    with pytest.raises(InvalidInput, match="window = 4"):
        causal_graph(chain, window=4)
    with pytest.raises(InvalidInput, match="some edges and not all"):
        causal_graph(chain, bootstrap=0).auroc(np.zeros((3, 3)))
