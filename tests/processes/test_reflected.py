"""Brownian motion between walls in single precision: levels, prior, and the ends of the clock."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from noneq.errors import InvalidInput
from noneq.processes import VE, VP, Reflected
from noneq.processes.walls.reflected import fold


SCHEDULE = VE(0.01, 3.0)


def test_single_precision_is_enough_next_to_walls_and_at_small_noise():
    process = Reflected(SCHEDULE)
    y = jnp.asarray([-1.0, -0.999, 0.0, 0.3, 1.0])
    keys = jax.random.split(jax.random.key(0), 64)
    many = jax.jit(jax.vmap(lambda tau, key: process.perturb(y, tau, key=key)))
    noised = many(jnp.linspace(0.0, 1.0, 64), keys)
    assert np.isfinite(noised.score).all()
    assert np.abs(noised.x).max() <= 1
    slope = jax.grad(process.log_kernel)
    slopes = jax.jit(jax.vmap(slope, (0, None, 0)))(noised.x, y, jnp.linspace(0.0, 1.0, 64))
    sigma = 0.01 * 300 ** np.linspace(0, 1, 64)[:, None]
    # In units of 1/sigma, which is the size of a score.
    np.testing.assert_allclose(slopes * sigma, noised.score * sigma, atol=1e-4)


def test_far_from_the_walls_it_is_the_gaussian_kernel(key):
    process = Reflected(SCHEDULE)
    tau = SCHEDULE.tau(0.05)
    x, velocity, score, _ = process.perturb(jnp.asarray([0.1, -0.2]), tau, key=key)
    assert velocity is not None
    assert score is not None
    gap = np.asarray(x) - np.asarray([0.1, -0.2])
    np.testing.assert_allclose(score, -gap / 0.05**2, rtol=1e-4)
    # VE moves mass outwards at sigma' xi.
    rate = SCHEDULE.rates(tau)[3]
    np.testing.assert_allclose(velocity, rate * gap / 0.05, rtol=1e-4)
    flat = -np.sum((gap / 0.05) ** 2) / 2 - 2 * np.log(0.05 * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(process.log_kernel(x, x - gap, tau), flat, rtol=1e-4)


def test_the_end_is_the_uniform_prior(key):
    process = Reflected(SCHEDULE)
    prior = process.prior(0.3)
    x, y = jnp.asarray([0.3, -1.0]), jnp.asarray([1.0, 1.0])
    np.testing.assert_allclose(process.log_kernel(x, y, 1.0), prior.log_prob(x), atol=1e-4)
    assert float(prior.log_prob(x)) == pytest.approx(-2 * np.log(2))
    assert float(prior.log_prob(2 * x)) == -np.inf
    cloud = np.asarray(prior.sample((20_000, 2), key=key))
    assert np.abs(cloud).max() <= 1
    assert (np.abs(cloud.mean(0)) < 5 * np.sqrt(1 / 3 / 20_000)).all()
    assert (np.abs((cloud**2).mean(0) - 1 / 3) < 5 * np.sqrt(4 / 45 / 20_000)).all()


def test_projection_is_reflection():
    np.testing.assert_allclose(
        fold(jnp.asarray([1.2, -1.3, 3.5, 0.4])), [0.8, -0.7, -0.5, 0.4], atol=1e-6
    )
    np.testing.assert_allclose(
        Reflected().project(jnp.asarray([1.2, -1.3])), [0.8, -0.7], atol=1e-6
    )


def test_levels_that_do_not_end_in_the_prior_are_refused():
    with pytest.raises(InvalidInput, match="terminal signal too high: 0.29"):
        Reflected(VE(0.01, 1.0))
    with pytest.raises(InvalidInput, match="only diffuses"):
        Reflected(VP())
