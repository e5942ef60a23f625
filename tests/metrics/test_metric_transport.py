"""Transport distances: closed forms and brute force."""

import itertools
import math

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

import noneq as nq
from noneq.errors import SolveFailed
from noneq.metrics import sinkhorn, sliced_w2, w1, w2


@pytest.mark.parametrize("metric", [w1, w2])
@pytest.mark.parametrize("dim", [1, 2, 5])
def test_a_shift_costs_its_length(metric, dim, rng):
    x, v = rng.normal(size=(80, dim)), rng.normal(size=dim)
    np.testing.assert_allclose(metric(x + v, x).value, np.linalg.norm(v), rtol=1e-5)


@pytest.mark.parametrize("power", [1, 2])
def test_assignment_is_the_best_of_all_permutations(power, rng):
    x, y = rng.normal(size=(2, 6, 3))
    gaps = np.linalg.norm(x[:, None] - y[None], axis=-1) ** power
    orders = itertools.permutations(range(6))
    best = min(gaps[np.arange(6), list(order)].mean() for order in orders) ** (1 / power)
    np.testing.assert_allclose((w1, w2)[power - 1](x, y).value, best, rtol=1e-5)


def test_the_line_is_exact_for_unequal_sizes(rng):
    x, y = rng.normal(size=12), rng.normal(size=18) ** 2
    np.testing.assert_allclose(w1(x, y).value, wasserstein_distance(x, y), rtol=1e-12)
    many_x, many_y = np.sort(np.repeat(x, 3)), np.sort(np.repeat(y, 2))
    np.testing.assert_allclose(w2(x, y).value, np.sqrt(np.mean((many_x - many_y) ** 2)), rtol=1e-12)


def test_gaussians_on_the_line(rng):
    n, shift, width = 40_000, 0.7, 1.5
    result = w2(width * rng.normal(size=n) + shift, rng.normal(size=n))
    exact = math.hypot(shift, width - 1)
    assert abs(result.z(exact)) < 5
    for broken in (exact**2, math.hypot(shift, math.sqrt(width**2 - 1))):
        assert abs(result.z(broken)) > 5


@pytest.mark.parametrize("dim", [1, 2])
def test_a_torus_takes_the_short_way(dim):
    x, y = np.full((8, dim), 0.1), np.full((8, dim), 2 * np.pi - 0.1)
    for metric in (w1, w2):
        np.testing.assert_allclose(metric(x, y, domain=nq.Torus()).value, 0.2 * dim**0.5, rtol=1e-5)
    np.testing.assert_allclose(sinkhorn(x, y, domain=nq.Torus()).value, 0.04 * dim, rtol=1e-3)


def test_more_points_than_the_limit_are_subsampled(rng):
    x, y, z = rng.normal(size=(3, 300, 2))
    limited = w2(x, y, truth=z, max_n=50)
    assert 1.2 < limited.value / w2(x, y).value < 3
    assert 0.6 < limited.floor / limited.value < 1.6
    assert w2(x[:40], y, max_n=50).value > 0


def test_a_far_origin_loses_no_digits(rng):
    x, y = rng.normal(size=(2, 60, 2))
    np.testing.assert_allclose(w2(x + 1e6, y + 1e6).value, w2(x, y).value, rtol=1e-4)


def test_sliced_shift(rng):
    dim, count = 3, 4096
    x, v = rng.normal(size=(50, dim)), np.array([0.0, 2.0, 0.0])
    result = sliced_w2(x + v, x, n_projections=count)
    # Over directions, (θ·v)² has mean |v|²/3 and variance 4|v|⁴/45.
    error = 4 * math.sqrt(4 / 45 / count)
    assert abs(result.value**2 - 4 / dim) < 5 * error
    for broken in (result.value, result.value**4, result.value**2 * dim):
        assert abs(broken - 4 / dim) > 5 * error


def test_sliced_of_one_coordinate_is_w2(rng):
    x, y = rng.normal(size=(30, 1)), rng.normal(size=(41, 1))
    np.testing.assert_allclose(sliced_w2(x, y, n_projections=3).value, w2(x, y).value, rtol=1e-9)


def test_sinkhorn_tends_to_w2_squared(rng):
    x, y = rng.normal(size=(60, 2)), 0.5 * rng.normal(size=(60, 2)) + [1.0, 0.0]
    exact = w2(x, y).value ** 2
    near = [abs(sinkhorn(x, y, epsilon=e).value - exact) / exact for e in (0.5, 0.05, 0.005)]
    assert near[2] < 0.02
    assert near[2] < near[0]


def test_sinkhorn_of_a_shift_is_its_square_at_any_epsilon(rng):
    x = rng.normal(size=(60, 2))
    for epsilon in (0.02, 1.0):
        np.testing.assert_allclose(sinkhorn(x + [0.6, 0.8], x, epsilon=epsilon).value, 1, rtol=2e-3)
    absolute = sinkhorn(x + [0.6, 0.8], x, epsilon=1.0, relative=False)
    np.testing.assert_allclose(absolute.value, 1, rtol=2e-3)


def test_sinkhorn_of_itself_is_zero(rng):
    x = rng.normal(size=(50, 2))
    assert 0 <= sinkhorn(x, x).value < 1e-3


def test_sinkhorn_says_when_it_did_not_converge(rng):
    x, y = rng.normal(size=(2, 50, 2))
    with pytest.raises(SolveFailed, match="raise epsilon"):
        sinkhorn(x, y + 3, epsilon=1e-4, max_iterations=10)


@pytest.mark.stat
@pytest.mark.parametrize(
    ("metric", "dim", "settings"),
    [(w1, 1, {}), (w1, 2, {}), (w2, 2, {}), (sliced_w2, 3, {"n_projections": 16})],
)
def test_standard_error_is_the_scatter(metric, dim, settings, rng):
    """sd of z over 100 repetitions, away from the floor; its own sd is 7 %."""
    times = np.arange(100)
    x = nq.Trajectories(rng.normal(size=(80, 100, dim)) + 1.0, times)
    y = nq.Trajectories(rng.normal(size=(100, 100, dim)), times)
    result = metric(x, y, **settings)
    z = (result.value - result.value.mean()) / result.stderr
    assert 0.75 < z.std(ddof=1) < 1.3
