"""The heat kernel of the reflecting box in double precision."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from noneq.processes import VE, Reflected
from noneq.processes.walls.reflected import fold, kernel_score, log_kernel


SIGMAS = (0.05, 0.3, 0.8, 0.894, 0.895, 1.5, 3.0)
GRID = np.linspace(-1, 1, 41)
X, Y = (a.ravel() for a in np.meshgrid(GRID, GRID))
LOG, SCORE = jax.jit(log_kernel), jax.jit(kernel_score)
SLOPE = jax.jit(jax.vmap(jax.grad(log_kernel), (0, 0, None)))


def images(x, y, sigma, count=40):
    """p(x|y) and its slope by very many images on [−1, 1], with NumPy and in the box's own units."""
    k = 4.0 * np.arange(-count, count + 1)[:, None]
    d = np.concatenate([x - y + k, x + y - 2 + k])
    bells = np.exp(-(d**2) / (2 * sigma**2)) / np.sqrt(2 * np.pi * sigma**2)
    return bells.sum(0), (-d / sigma**2 * bells).sum(0)


def modes(x, y, sigma, count=4000):
    k = np.pi / 2 * np.arange(1, count + 1)[:, None]
    amplitude = np.exp(-(k**2) * sigma**2 / 2) * np.cos(k * (y + 1))
    value = 0.5 + (amplitude * np.cos(k * (x + 1))).sum(0)
    return value, -(amplitude * k * np.sin(k * (x + 1))).sum(0)


@pytest.mark.parametrize("sigma", SIGMAS)
@pytest.mark.parametrize("series", [images, modes])
def test_kernel_and_score_are_exact(sigma, series):
    value, slope = series(X, Y, sigma)
    # The sum of modes cancels where the kernel is small; exponents of images lose their last bits.
    big = value > (1e-3 if series is modes else 1e-20)
    kernel, score = np.exp(LOG(X, Y, sigma)), np.asarray(SCORE(X, Y, sigma))
    np.testing.assert_allclose(kernel, value, rtol=0, atol=2e-14 * value.max())
    tight = 1e-10 if series is modes else 2e-14
    scale = max(np.abs(slope[big] / value[big]).max(), 1.0)
    np.testing.assert_allclose(score[big], slope[big] / value[big], rtol=0, atol=tight * scale)


@pytest.mark.parametrize("sigma", SIGMAS)
def test_score_is_the_slope_of_the_kernel(sigma):
    np.testing.assert_allclose(SLOPE(X, Y, sigma), SCORE(X, Y, sigma), rtol=1e-11, atol=1e-9)


def test_kernel_solves_the_heat_equation_without_flux():
    one = lambda x, y, sigma: jnp.exp(log_kernel(x, y, sigma))
    terms = lambda x, y, sigma: (
        jax.grad(one, 2)(x, y, sigma),
        jax.grad(jax.grad(one))(x, y, sigma),
    )
    terms = jax.jit(jax.vmap(terms, (0, 0, None)))
    for sigma in (0.4, 0.894, 0.895, 1.2):
        late, bend = terms(X, Y, sigma)
        # d/d(sigma²/2) = (1/sigma) d/d sigma: a factor 2 in the time would show at once.
        np.testing.assert_allclose(late / sigma, bend, atol=1e-10)
    for wall in (-1.0, 1.0):
        edge = np.full(GRID.size, wall)
        for sigma in SIGMAS:
            flux = np.asarray(SCORE(edge, GRID, sigma))
            inside = np.abs(GRID - wall) > 1e-9
            np.testing.assert_allclose(flux[inside], 0.0, atol=1e-9)


def test_folded_normal_noise_follows_the_kernel(key):
    process = Reflected(VE(0.01, 3.0))
    tau = process.schedule.tau(0.7)
    keys = jax.random.split(key, 50_000)
    noised = jax.vmap(lambda k: process.perturb(jnp.asarray([0.6]), tau, key=k))(keys)
    x = np.asarray(noised.x)[:, 0]
    assert np.abs(x).max() <= 1
    edges = np.linspace(-1, 1, 21)
    counts = np.histogram(x, edges)[0]
    fine = np.linspace(-1, 1, 2001)
    density = images(fine, np.full_like(fine, 0.6), 0.7)[0]
    total = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2 * 1e-3)])
    expected = np.diff(np.interp(edges, fine, total)) * x.size
    # 20 bins, |z| < 5 each: false alarm 1e-5.
    assert (np.abs(counts - expected) < 5 * np.sqrt(expected)).all()
    # E[score] = ∫ p' = p(1) − p(−1), which is not 0 between walls.
    wall = images(np.asarray([-1.0, 1.0]), np.full(2, 0.6), 0.7)[0]
    score = np.asarray(noised.score)[:, 0]
    assert abs(score.mean() - (wall[1] - wall[0])) < 5 * score.std() / np.sqrt(x.size)


def test_fold_agrees_with_many_bounces():
    x = jnp.linspace(-9, 9, 1801)
    slow = np.asarray(x)
    for _ in range(10):
        slow = np.where(slow > 1, 2 - slow, slow)
        slow = np.where(slow < -1, -2 - slow, slow)
    np.testing.assert_allclose(fold(x), slow, atol=1e-14)
