"""Bars and stripes: the set of pictures and its law."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from noneq.errors import InvalidInput
from noneq.systems import BarsAndStripes


@pytest.mark.parametrize("size", [2, 3, 4])
def test_the_pictures(size):
    system = BarsAndStripes(size)
    x = system.patterns()
    assert len(x) == 2 ** (size + 1) - 2
    assert ((np.ptp(x[:, 0], axis=1) == 0).all(1) | (np.ptp(x[:, 0], axis=2) == 0).all(1)).all()
    assert np.exp(jax.vmap(system.log_density)(jnp.asarray(x))).sum() == pytest.approx(1)
    other = x[0].copy()
    other[0, 0, 0] = 1 - other[0, 0, 0]
    assert system.log_density(jnp.asarray(other)) == -np.inf


def test_all_are_drawn_alike():
    system = BarsAndStripes(3)
    x = np.asarray(jax.vmap(system.initial)(jax.random.split(jax.random.key(0), 14_000)))
    _, counts = np.unique(x, axis=0, return_counts=True)
    assert len(counts) == 14
    # chi² of 13 degrees of freedom: above 60 once in 10⁷.
    assert ((counts - 1000) ** 2 / 1000).sum() < 60


def test_refusals():
    with pytest.raises(InvalidInput, match="size"):
        BarsAndStripes(1)
