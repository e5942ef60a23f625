"""Walls fold a path back, a torus closes it; inside nothing moves."""

import jax
import jax.numpy as jnp
import numpy as np

from noneq.domains import Box, Free, Torus


BOX = Box((-1.0, 0.0), (1.0, 4.0))
TORUS = Torus(period=(2.0, 4.0), low=(-1.0, 0.0))


def test_a_box_folds_at_its_walls_and_leaves_the_inside_alone(key):
    low, high = BOX.bounds
    inside = np.asarray(jax.random.uniform(key, (100, 2)) * (high - low) + low)
    np.testing.assert_allclose(jax.vmap(BOX.project)(jnp.asarray(inside)), inside, atol=1e-6)
    for x, folded in [
        ([1.25, 4.5], [0.75, 3.5]),
        ([-1.25, -0.5], [-0.75, 0.5]),
        ([3.5, 9.0], [-0.5, 1.0]),
        ([-4.5, -7.0], [-0.5, 1.0]),
    ]:
        np.testing.assert_allclose(BOX.project(jnp.asarray(x)), folded, atol=1e-6)


def test_a_torus_goes_the_short_way_and_brings_states_back(key):
    x = 10 * jax.random.normal(key, (100, 2))
    back = np.asarray(jax.vmap(TORUS.project)(x))
    turns = (np.asarray(x) - back) / [2.0, 4.0]
    np.testing.assert_allclose(turns, np.round(turns), atol=1e-5)
    assert bool(jax.vmap(TORUS.contains)(jnp.asarray(back)).all())
    gap = TORUS.difference(jnp.asarray([0.9, 0.5]), jnp.asarray([-0.9, 3.5]))
    np.testing.assert_allclose(gap, [-0.2, 1.0], atol=1e-6)
    # The step and the way back cancel, whichever states they join.
    there, back = (jax.vmap(TORUS.difference)(*pair) for pair in ((x, x[::-1]), (x[::-1], x)))
    np.testing.assert_allclose(there, -back, atol=1e-4)
    assert np.abs(there).max() <= 2.0 + 1e-5
    assert np.abs(Free().difference(x, x[::-1])).max() > 2.0
