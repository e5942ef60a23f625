"""Pictures of chains."""

import numpy as np
import pytest

from noneq.errors import InvalidInput
from noneq.report.chains import chain_pictures, circle_order, film_strip, latent_graph


def driven(n=8, seed=0):
    rng = np.random.default_rng(seed)
    order = rng.permutation(n)
    chain = 0.05 * rng.random((n, n))
    chain[order[:5], np.roll(order[:5], -1)] += 1
    chain[order[5:], order[0]] += 1
    return chain / chain.sum(1, keepdims=True), order[:5]


def test_pictures_and_their_captions():
    chain, _ = driven()
    made = chain_pictures(chain, np.random.default_rng(0).random((8, 4, 3)), title="mine")
    assert [p.title.split(":")[0] for p in made] == ["mine"] * 3
    assert "loop of 5 states" in made[0].caption
    assert made[0].data.startswith(b"<?xml")
    assert made[1].data.startswith(b"\x89PNG")
    assert latent_graph(chain) == made[0].data
    assert len(chain_pictures(chain)) == 2


def test_the_circle_starts_with_the_dominant_loop():
    chain, loop = driven()
    order = circle_order(chain)
    assert sorted(order) == list(range(8))
    start = int(np.flatnonzero(loop == order[0])[0])
    assert order[:5] == np.roll(loop, -start).tolist()


def test_equilibrium_rates_and_single_states():
    weights = np.random.default_rng(0).random((6, 6))
    balanced = (weights + weights.T) / (weights + weights.T).sum(1, keepdims=True)
    graph, strip, _ = chain_pictures(balanced, np.eye(6))
    assert "detailed balance" in graph.caption
    assert strip.title == "The hidden states."
    ring = 3 * np.roll(np.eye(3), 1, 1) + np.roll(np.eye(3), -1, 1) - 4 * np.eye(3)
    graph, spectrum = chain_pictures(ring)
    assert "per unit time" in graph.caption
    assert "rate matrix" in spectrum.caption
    assert len(chain_pictures([[1.0]], np.zeros((1, 2)))) == 3


@pytest.mark.parametrize("shape", [(5, 4, 3), (5, 1, 4, 4), (5, 4, 4, 1), (5, 9), (5, 7), (5, 1)])
def test_images_of_all_shapes(shape):
    assert film_strip(np.random.default_rng(0).random(shape), np.arange(50) % 5)


def test_refusals():
    with pytest.raises(InvalidInput, match="0 to 4"):
        film_strip(np.zeros((5, 3, 3)), [5])
    with pytest.raises(InvalidInput, match="images of shape"):
        film_strip(np.zeros((5, 3, 3, 3)), [0])
    with pytest.raises(InvalidInput, match="means of 3 states"):
        chain_pictures(driven()[0], np.zeros((3, 2)))
    with pytest.raises(InvalidInput, match="reducible"):
        chain_pictures(np.eye(2))
