"""Processes on a torus: the wrapped kernel, the paths the short way round, and their priors."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import kstest, norm

from noneq.constant import Constant
from noneq.errors import InvalidInput
from noneq.methods.denoising.empirical import EmpiricalDenoiser
from noneq.processes import VE, VP, Karras, Straight
from noneq.processes.torus.circle import log_normal, normal_score, slowest
from noneq.processes.torus.geodesic import Geodesic
from noneq.processes.torus.part import on_torus, shortened
from noneq.processes.torus.wrapped import Until, Wrapped
from noneq.samplers import Heun


PERIOD = np.array([2.5, 0.0, 40.0])
SIGMAS = [0.01, 0.3, 0.78, 0.8, 1.5, 12.0, 13.0, 60.0]
"""On both sides of the switch from images to modes, at 0.316 periods."""


def brute(z, sigma, period):
    """Density and its derivative by a sum over 401 images in double precision."""
    images = z if period == 0 else z + period * np.arange(-200, 201)
    p = norm.pdf(images, scale=sigma)
    return np.sum(p), np.sum(-images / sigma**2 * p)


def wrapped(schedule, *period):
    return Wrapped(period=Constant(jnp.asarray(period)), schedule=schedule)


@pytest.mark.parametrize("sigma", SIGMAS)
def test_the_kernel_is_the_sum_over_images(sigma):
    z = np.array([0.9, -0.4, 13.0])
    found = np.exp(np.asarray(log_normal(jnp.asarray(z), sigma, jnp.asarray(PERIOD)), float))
    slopes = np.asarray(normal_score(jnp.asarray(z), sigma, jnp.asarray(PERIOD)), float)
    for i in range(3):
        p, slope = brute(z[i], sigma, PERIOD[i])
        np.testing.assert_allclose(found[i], p, rtol=2e-5, atol=1e-30)
        if p > 1e-30:
            # In units of 1/sigma, which is the size of a score.
            np.testing.assert_allclose(sigma * slopes[i], sigma * slope / p, atol=2e-5 * 80)


def test_a_period_turns_nothing():
    period = jnp.asarray(PERIOD)
    for k, sigma in ((1, 0.2), (-3, 1.0)):
        z = jnp.asarray([0.7, 0.2, -11.0])
        far = z + k * period
        np.testing.assert_allclose(
            log_normal(far, sigma, period), log_normal(z, sigma, period), rtol=1e-3
        )


def test_the_slowest_mode_is_what_is_left():
    left = np.asarray(slowest(6.0, jnp.asarray(PERIOD)))
    cosine = np.cos(2 * np.pi * norm.rvs(scale=6.0, size=200_000, random_state=1) / 40.0).mean()
    assert left[1] == 1
    assert abs(left[2] - cosine) < 6e-3


def test_the_flow_of_the_exact_score_gives_the_exact_density():
    """Kernel, score, prior and divergence at once, on a circle beside a line of mean 0."""
    points = jnp.asarray([[0.1, -0.5], [1.2, 0.6], [-1.1, -0.1]])
    process = wrapped(VE(0.3, 30.0), 2.5, 0.0)
    exact = EmpiricalDenoiser(points, process)
    x = jnp.asarray([[0.0, 0.0], [1.24, -1.0], [-1.24, -1.0], [0.6, 0.5]])
    log_prob = jax.vmap(
        lambda x: Heun(likelihood_steps=96).log_prob(exact, x, time=None, condition=None)
    )
    found = eqx.filter_jit(log_prob)(x)
    truth = [
        np.log(np.mean([np.prod([brute(x[i] - y[i], 0.3, (2.5, 0)[i])[0] for i in (0, 1)])
                        for y in np.asarray(points, float)]))
        for x in np.asarray(x, float)
    ]  # fmt: skip
    np.testing.assert_allclose(found, truth, atol=2e-3)


def test_the_prior_of_a_wide_noise_is_uniform():
    prior = wrapped(Karras(), 2.5, 1.0).prior(1.0)
    x = np.asarray(prior.sample((4000, 2), key=jax.random.key(0)))
    for i, side in enumerate((2.5, 1.0)):
        assert kstest(x[:, i] / side + 0.5, "uniform").pvalue > 1e-3
    np.testing.assert_allclose(prior.log_prob(jnp.asarray([0.3, 0.9])), -np.log(2.5), atol=1e-5)


def test_the_clock_ends_where_the_law_is_uniform():
    short = shortened(on_torus(Karras(), (2.5, 4.0)), (2.5, 4.0))
    assert isinstance(short.schedule, Until)
    sigma = float(short.schedule(1.0)[1])
    assert np.exp(-2 * np.pi**2 * sigma**2 / 16) == pytest.approx(1e-5, rel=1e-2)
    assert float(short.schedule.tau(sigma)) == pytest.approx(1, abs=1e-5)
    # With a line, or a circle wider than the noise, it runs its full length.
    for periods in ((2.5, 0.0), (2.5, 1000.0)):
        assert shortened(on_torus(Karras(), periods), periods).schedule == Karras()


def test_geodesics_go_the_short_way_to_a_uniform_state():
    process = on_torus(Straight(), (2.5, 0.0))
    assert isinstance(process, Geodesic)
    y = jnp.asarray([1.1, 0.7])
    noise = jax.jit(jax.vmap(lambda key: process.perturb(y, 0.4, key=key)))
    x, velocity, _, _ = noise(jax.random.split(jax.random.key(3), 4000))
    assert velocity is not None
    gap = np.asarray(x)[:, 0] - 1.1
    gap -= 2.5 * np.round(gap / 2.5)
    np.testing.assert_allclose(gap, 0.4 * np.asarray(velocity)[:, 0], atol=1e-6)
    # Uniform over tau P around y, the density that the kernel gives.
    assert kstest(gap / (0.4 * 2.5) + 0.5, "uniform").pvalue > 1e-3
    inside = process.log_kernel(jnp.asarray([-1.0, 0.0]), y, 0.4)
    line = norm.logpdf(0.0, 0.6 * 0.7, 0.4)
    np.testing.assert_allclose(inside, -np.log(0.4 * 2.5) + line, rtol=1e-5)
    assert process.log_kernel(jnp.asarray([0.0, 0.0]), y, 0.4) == -np.inf
    np.testing.assert_allclose(
        process.log_kernel(jnp.asarray([0.3, 0.2]), y, 1.0),
        process.prior(1.0).log_prob(jnp.asarray([0.3, 0.2])),
        rtol=1e-5,
    )


def test_a_schedule_that_shrinks_the_state_is_refused():
    with pytest.raises(InvalidInput, match="VP shrinks the state"):
        on_torus(VP(), (2.0,))
