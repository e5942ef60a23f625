"""Polynomials and local rules: values, exact symmetries, refusals."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from noneq.errors import InvalidInput
from noneq.nets import LocalNet, Polynomial, UNet
from noneq.nets.vectors.polynomial import monomials


KEY = jax.random.key(0)
PLAIN = {"noise": False, "clock": None, "label": None}


def test_monomials_are_all_products() -> None:
    powers = monomials(3, 2, "test")
    assert len(powers) == 10
    assert tuple(powers[0]) == (0, 0)
    net = Polynomial(2).init((3,), 2, key=KEY, **PLAIN)
    x = np.array([0.5, -2.0, 3.0])
    wide = np.concatenate([[1.0], x])
    values = [wide[i] * wide[j] for i, j in itertools.combinations_with_replacement(range(4), 2)]
    np.testing.assert_allclose(net(jnp.asarray(x)), values @ np.asarray(net.matrix), rtol=1e-5)


def test_too_many_monomials_are_counted_in_the_error() -> None:
    with pytest.raises(InvalidInput, match="monomials up to degree 4"):
        Polynomial(4).init((64,), 64, key=KEY, **PLAIN)
    with pytest.raises(InvalidInput, match="degree = 0"):
        Polynomial(0)


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_shift_shifts_the_output_of_a_local_rule(mirrored: bool) -> None:
    shape = (2, 7, 9)
    x = jax.random.normal(KEY, shape)
    net = LocalNet(8, mirrored=mirrored).init(shape, 126, key=KEY, **PLAIN)
    field = lambda x: net(x.ravel()).reshape(shape)
    for by in ((1, 0), (0, 4), (3, 5)):
        moved = jnp.roll(x, by, axis=(1, 2))
        np.testing.assert_allclose(field(moved), jnp.roll(field(x), by, axis=(1, 2)), atol=1e-5)
    flipped = np.allclose(field(jnp.flip(x, 1)), jnp.flip(field(x), 1), atol=1e-4)
    assert flipped == mirrored


def test_a_unet_is_not_equivariant_under_single_shifts() -> None:
    shape = (1, 8, 8)
    x = jax.random.normal(KEY, shape)
    net = UNet(8, levels=1).init(shape, 64, key=KEY, **PLAIN)
    field = lambda x: net(x.ravel()).reshape(shape)
    gap = lambda by: float(jnp.max(jnp.abs(field(jnp.roll(x, by, 1)) - jnp.roll(field(x), by, 1))))
    assert gap(2) < 1e-4 < gap(1)


def test_a_local_rule_sees_its_neighbours_only() -> None:
    shape = (1, 11)
    net = LocalNet(8, depth=3, window=5).init(shape, 11, key=KEY, **PLAIN)
    jacobian = jax.jacfwd(net)(jax.random.normal(KEY, (11,)))
    distance = np.abs(np.arange(11)[:, None] - np.arange(11))
    distance = np.minimum(distance, 11 - distance)
    assert np.all(jacobian[distance > 2] == 0)
    assert np.all(jacobian[distance <= 2] != 0)


def test_local_rules_refuse_what_they_cannot_do() -> None:
    with pytest.raises(InvalidInput, match="odd"):
        LocalNet(window=4)
    with pytest.raises(InvalidInput, match="narrower"):
        LocalNet(window=9).init((1, 8), 8, key=KEY, **PLAIN)
    with pytest.raises(InvalidInput, match="fields"):
        LocalNet().init((3,), 3, key=KEY, **PLAIN)
