"""Spins as bits of words: exact laws of one sweep, independent replicas, the route of `simulate`."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_ising import Z, misfit, numbers

from noneq.simulation import maps, simulate
from noneq.systems import CouplingMatrix, Glauber, HeatBath, Ising, Lattice, Metropolis, step_matrix
from noneq.systems.spin_words import packed, sweep_words, unpacked


@pytest.mark.parametrize("dynamics", [HeatBath(), Metropolis()], ids=lambda d: type(d).__name__)
def test_one_sweep_in_words_has_the_exact_law(dynamics, key):
    """Two dimensions, a field, 2⁸ states; a temperature off by a third is noticed."""
    system = Ising(Lattice((2, 4), strength=-0.7), 0.2, 2.0, dynamics, start=1.0)
    assert system.counted_chances() is not None
    x = simulate(system, [0, 1], n=20_000, key=key).values[:, 1]
    counts = np.bincount(numbers(x), minlength=2**system.spins)
    assert misfit(counts, step_matrix(system)[-1]) < Z
    hotter = Ising(Lattice((2, 4), strength=-0.7), 0.2, 2.66, dynamics)
    assert misfit(counts, step_matrix(hotter)[-1]) > Z


def test_replicas_of_a_word_are_independent(key):
    """Random numbers that replicas share would make their magnetisations alike."""
    system = Ising(Lattice((4, 4)), temperature=4.0)
    x = simulate(system, [0, 10], n=64 * 200, key=key).values[:, 1]
    means = x.mean((1, 2, 3)).reshape(-1, 32)
    alike = np.corrcoef(means.T)[np.triu_indices(32, 1)]
    assert np.abs(alike).max() < Z / math.sqrt(len(means))
    sites = x.reshape(len(x), -1)
    assert abs(np.mean(sites[1:] * sites[:-1])) < Z / math.sqrt(sites.size) * 2


def test_words_hold_spins_and_a_number_that_is_no_multiple(rng):
    x = rng.choice([-1.0, 1.0], (50, 4, 6)).astype(np.float32)
    words = packed(jnp.asarray(x))
    assert words.shape == (2, 4, 6)
    np.testing.assert_array_equal(unpacked(words, 50, x.dtype), x)


def test_certain_and_impossible_flips(key):
    words = jnp.zeros((1, 2, 2), jnp.uint32)
    always = sweep_words(words, np.ones((2, 5)), key=key)
    assert (~always == 0).all()
    assert (sweep_words(always, np.zeros((2, 5)), key=key) == 0).all()


@pytest.mark.parametrize(
    "system",
    [
        Ising(Lattice((4, 4)), temperature=(1.0, 2.0)),
        Ising(Lattice((3, 4))),
        Ising(Lattice((4, 4), nonreciprocal=0.1)),
        Ising(Lattice((4, 4)), dynamics=Glauber()),
        Ising(CouplingMatrix(np.zeros((3, 3)))),
    ],
    ids=["gradient", "odd", "one way", "Glauber", "matrix"],
)
def test_what_counts_of_neighbours_do_not_tell_keeps_its_route(system):
    assert system.counted_chances() is None


def test_few_replicas_keep_their_route(key, monkeypatch):
    def refuse(*_):
        raise AssertionError

    monkeypatch.setattr(maps, "_advance_spins", refuse)
    states = jax.vmap(Ising(Lattice((2, 2))).initial)(jax.random.split(key, 31))
    steps = jnp.ones(1, jnp.int32)
    assert maps.advance_map(Ising(Lattice((2, 2))), states, jnp.zeros(()), steps, key).shape == (
        1, 31, 1, 2, 2,
    )  # fmt: skip
    with pytest.raises(AssertionError):
        maps.advance_map(
            Ising(Lattice((2, 2))), jnp.tile(states, (2, 1, 1, 1)), jnp.zeros(()), steps, key
        )
