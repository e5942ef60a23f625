"""MMD² and energy distance: closed forms, brute force, no bias."""

import math

import numpy as np
import pytest
from scipy.special import erf

import noneq as nq
from noneq.metrics import energy_distance, mmd


def _brute(kernel, x, y, biased=False):
    gram = lambda a, b: kernel(np.linalg.norm(a[:, None] - b[None], axis=-1))
    off = 0 if biased else 1
    own = lambda a: (gram(a, a).sum() - off * np.trace(gram(a, a))) / (len(a) * (len(a) - off))
    return own(x) + own(y) - 2 * gram(x, y).mean()


def _gauss(h):
    return lambda d: np.exp(-(d**2) / (2 * h**2))


def test_unequal_sizes_by_brute_force(rng):
    x, y = rng.normal(size=(30, 2)) + 0.5, rng.normal(size=(300, 2))
    np.testing.assert_allclose(mmd(x, y, bandwidth=0.8).value, _brute(_gauss(0.8), x, y), rtol=1e-4)
    two = (_brute(_gauss(0.5), x, y) + _brute(_gauss(2.0), x, y)) / 2
    np.testing.assert_allclose(mmd(x, y, bandwidth=(0.5, 2.0)).value, two, rtol=1e-4)
    exact = _brute(lambda d: -d, x, y)
    np.testing.assert_allclose(energy_distance(x, y).value, exact, rtol=1e-4)
    for broken in (exact / 2, math.sqrt(exact), _brute(lambda d: -d, x, y, biased=True)):
        assert abs(energy_distance(x, y).value / broken - 1) > 1e-3


def test_bandwidth_is_the_median_distance(rng):
    y = rng.normal(size=(100, 2))
    pairs = np.linalg.norm(y[:, None] - y[None], axis=-1)[np.triu_indices(100, 1)]
    x = y + 1
    given = mmd(x, y, bandwidth=float(np.median(pairs)))
    np.testing.assert_allclose(mmd(x, y).value, given.value, rtol=1e-4)


@pytest.mark.stat
def test_gaussians_in_closed_form(rng):
    n, shift, h = 4000, 0.6, 1.3
    x, y = rng.normal(size=n) + shift, rng.normal(size=n)
    peak = h / math.sqrt(h**2 + 2)
    exact = 2 * peak * (1 - math.exp(-(shift**2) / (2 * (h**2 + 2))))
    assert abs(mmd(x, y, bandwidth=h).z(exact)) < 5
    # x − y is N(shift, 2): folded normal.
    between = 2 / math.sqrt(math.pi) * math.exp(-(shift**2) / 4) + shift * erf(shift / 2)
    exact = 2 * between - 4 / math.sqrt(math.pi)
    result = energy_distance(x, y)
    assert abs(result.z(exact)) < 5
    for broken in (exact / 2, math.sqrt(exact)):
        assert abs(result.z(broken)) > 5


@pytest.mark.stat
@pytest.mark.parametrize("metric", [mmd, energy_distance])
def test_no_bias_between_equal_laws(metric, rng):
    """Mean of 100 repetitions is 0 (|z| < 5, false alarm 6e-7); with the diagonal it is not."""
    n, repeats = 40, 100
    x, y = rng.normal(size=(2, n, repeats, 2))
    times = np.arange(repeats)
    result = metric(nq.Trajectories(x, times), nq.Trajectories(y, times))
    z = result.value.mean() / (result.value.std(ddof=1) / math.sqrt(repeats))
    assert abs(z) < 5
    kernel = _gauss(1.7) if metric is mmd else lambda d: -d
    biased = np.array([_brute(kernel, x[:, i], y[:, i], biased=True) for i in range(repeats)])
    assert biased.mean() / (biased.std(ddof=1) / math.sqrt(repeats)) > 5


@pytest.mark.sweep(1)
@pytest.mark.stat
@pytest.mark.parametrize("metric", [mmd, energy_distance])
@pytest.mark.parametrize(("shift", "low", "high"), [(1.0, 0.8, 1.25), (0.0, 0.5, 1.2)])
def test_standard_error_is_the_scatter(metric, shift, low, high, rng):
    times = np.arange(150)
    x = nq.Trajectories(rng.normal(size=(100, 150, 2)) + shift, times)
    y = nq.Trajectories(rng.normal(size=(120, 150, 2)), times)
    result = metric(x, y)
    assert low < ((result.value - result.value.mean()) / result.stderr).std(ddof=1) < high


def test_many_points_fit_into_memory(rng):
    x, y = rng.normal(size=(2, 3000, 3)).astype(np.float32)
    assert abs(mmd(x, y).z(0.0)) < 5


def test_energy_on_a_torus():
    x, y = np.full(10, 0.1), np.full(10, 2 * np.pi - 0.1)
    result = energy_distance(x, y, domain=nq.Torus())
    np.testing.assert_allclose(result.value, 0.4, rtol=1e-5)
