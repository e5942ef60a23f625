"""The Fokker–Planck equation of scores on exact Gaussian mixtures, float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from noneq.calculus import directions
from noneq.processes import (
    VE,
    VP,
    Cosine,
    Karras,
    Straight,
    SubVP,
    scalar_residual,
    score_residual,
)
from noneq.processes.fokker_planck import clock_slope, growth, sde_per_level


SCHEDULES = [VP(), SubVP(), VE(0.01, 20.0), Karras(), Cosine(), Straight()]
CENTRES = jnp.asarray([[1.0, 0.2], [-0.8, 0.6], [0.1, -1.1]])
SHARES = jnp.asarray([0.5, 0.2, 0.3])
name = lambda value: type(value).__name__


def mixture(schedule, centres=CENTRES, shares=SHARES, width=0.25):
    """Log density of a mixture of Gaussians after the noise of a schedule."""

    def log_p(x, tau):
        alpha, sigma = schedule(tau)
        variance = alpha**2 * width**2 + sigma**2
        square = jnp.sum((x - alpha * centres) ** 2, axis=1)
        bulk = jax.scipy.special.logsumexp(-square / (2 * variance), b=shares)
        return bulk - x.size / 2 * jnp.log(2 * jnp.pi * variance)

    return log_p


def sde(schedule, factor=1.0):
    """(f, g) of the noising SDE, g² times a factor."""

    def noising(x, tau):
        g = jnp.sqrt(factor * schedule.diffusion_squared(tau))
        return schedule.drift(tau) * x, g * jnp.ones_like(x)

    return noising


def points(schedule, key, dim=2):
    """States near those of the process, and their clocks."""
    tau = jnp.linspace(0.1, 0.9, 9)
    alpha, sigma = jax.vmap(schedule)(tau)
    x = jax.random.normal(key, (9, dim))
    return x * jnp.sqrt(alpha**2 + sigma**2)[:, None], tau


def relative(score, noising, x, tau):
    """|residual| over |∂_tau s| + |∇ …|."""
    along = jnp.eye(x.shape[-1])

    def one(x, tau):
        slope = clock_slope(lambda tau: score(x, tau), tau, 1.0)
        residual = score_residual(score, noising, x, tau, along)
        size = jnp.linalg.norm(slope) + jnp.linalg.norm(slope - residual)
        return jnp.linalg.norm(residual) / size, jnp.abs(residual).max()

    return jax.jit(jax.vmap(one))(x, tau)


@pytest.mark.sweep(2)
@pytest.mark.parametrize("schedule", SCHEDULES, ids=name)
def test_the_score_of_a_mixture_has_no_residual(schedule, key):
    score = jax.grad(mixture(schedule))
    x, tau = points(schedule, key)
    assert relative(score, sde(schedule), x, tau)[0].max() < 1e-9
    # What must be caught: a score 5 % too large, noise of twice the strength, a wrong sign of f.
    large = lambda x, tau: 1.05 * score(x, tau)
    assert np.median(relative(large, sde(schedule), x, tau)[0]) > 0.01
    assert np.median(relative(score, sde(schedule, 2.0), x, tau)[0]) > 0.1
    if schedule.drift(0.5) != 0:
        flipped = lambda x, tau: (-sde(schedule)(x, tau)[0], sde(schedule)(x, tau)[1])
        assert np.median(relative(score, flipped, x, tau)[0]) > 0.1


def test_the_absolute_residual_is_rounding(key):
    schedule = VP()
    x, tau = points(schedule, key)
    assert relative(jax.grad(mixture(schedule)), sde(schedule), x, tau)[1].max() < 1e-9


@pytest.mark.sweep(1)
@pytest.mark.parametrize("schedule", SCHEDULES, ids=name)
def test_the_log_density_obeys_the_scalar_equation_and_its_gradient_the_other(schedule, key):
    log_p, noising, along = mixture(schedule), sde(schedule), jnp.eye(2)
    x, tau = points(schedule, key)
    exact = lambda x, tau: scalar_residual(log_p, noising, x, tau, along)
    scale = lambda x, tau: jnp.abs(growth(jax.grad(log_p), noising, x, tau, along)).sum()
    at = lambda function: jax.jit(jax.vmap(function))(x, tau)
    assert jnp.max(jnp.abs(at(exact)) / at(scale)) < 1e-9
    # Broken in the same way, the gradient of the scalar residual is the vector residual.
    wrong = lambda x, tau: 1.05 * log_p(x, tau)
    broken = lambda x, tau: scalar_residual(wrong, noising, x, tau, along)
    vector = lambda x, tau: score_residual(jax.grad(wrong), noising, x, tau, along)
    found, expected = at(jax.grad(broken)), at(vector)
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8 * np.abs(expected).max())
    assert np.median(np.abs(at(broken)) / at(scale)) > 1e-3


@pytest.mark.parametrize("schedule", SCHEDULES, ids=name)
def test_the_clock_of_levels_is_the_same_equation(schedule, key):
    score = lambda x, tau: 1.05 * jax.grad(mixture(schedule))(x, tau)
    noising, speed = sde_per_level(schedule)
    x, tau = points(schedule, key)
    along = jnp.eye(2)
    plain = lambda x, tau: score_residual(score, sde(schedule), x, tau, along)
    level = lambda x, tau: score_residual(score, noising, x, tau, along, speed=speed(tau))
    at = lambda function: jax.jit(jax.vmap(function))(x, tau)
    expected = at(plain) * jax.vmap(speed)(tau)[:, None]
    np.testing.assert_allclose(at(level), expected, rtol=1e-7, atol=1e-7)
    # speed is dtau/d ln(sigma/alpha).
    ratio = lambda tau: jnp.log(schedule(tau)[1] / schedule(tau)[0])
    np.testing.assert_allclose(1 / jax.vmap(jax.grad(ratio))(tau), jax.vmap(speed)(tau), rtol=1e-8)


@pytest.mark.slow
def test_hutchinson_has_no_bias(key):
    dim, schedule = 18, VP()
    centre_key, point_key, probe_key = jax.random.split(key, 3)
    centres = jax.random.normal(centre_key, (3, dim))
    log_p = mixture(schedule, centres, SHARES, 0.5)
    score = lambda x, tau: 1.05 * jax.grad(log_p)(x, tau)
    x = jax.random.normal(point_key, (dim,))
    at = lambda along: score_residual(score, sde(schedule), x, 0.3, along)
    exact = at(jnp.eye(dim))
    keys = jax.random.split(probe_key, 2000)
    drawn = jax.jit(jax.vmap(lambda k: at(directions(dim, probes=2, key=k))))(keys)
    z = (drawn.mean(0) - exact) / (drawn.std(0, ddof=1) / np.sqrt(len(keys)))
    # 18 z-scores, |z| < 5: false alarm 1e-5. Two independent estimates: no bias of the square.
    assert np.abs(z).max() < 5
    products = jnp.sum(drawn[:1000] * drawn[1000:], axis=1)
    z = (products.mean() - jnp.sum(exact**2)) / (products.std(ddof=1) / np.sqrt(1000))
    assert abs(z) < 5
    squares = jnp.sum(drawn**2, axis=1)
    z = (squares.mean() - jnp.sum(exact**2)) / (squares.std(ddof=1) / np.sqrt(len(keys)))
    assert z > 5
