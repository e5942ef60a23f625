"""The known entropic plan: against its definition on a grid, and its bridge against its plan."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from noneq.errors import InvalidInput
from noneq.statistics.mixture_pairs import MixturePair, random_pair, squared_bures


def pair() -> MixturePair:
    return random_pair(2, 0.7, rng=np.random.default_rng(0), components=3, radius=2.0)


def potential(p: MixturePair, y: np.ndarray) -> np.ndarray:
    parts = zip(p.weights, p.means, p.covariances, strict=True)
    return np.sum([w * multivariate_normal(m, S).pdf(y) for w, m, S in parts], axis=0)


def test_the_plan_is_its_definition():
    p, x = pair(), np.array([[0.3, -1.0]])
    line = np.linspace(-9, 9, 361)
    y = np.stack(np.meshgrid(line, line, indexing="ij"), -1).reshape(-1, 2)
    weight = np.exp(-((y - x) ** 2).sum(1) / (2 * p.epsilon)) * potential(p, y)
    weight /= weight.sum()
    mean, covariance = p.moments(x)
    np.testing.assert_allclose(mean[0], weight @ y, rtol=1e-9)
    away = y - mean[0]
    np.testing.assert_allclose(covariance[0], (away.T * weight) @ away, rtol=1e-9)


def test_draws_have_these_moments():
    p, rng = pair(), np.random.default_rng(1)
    x = np.repeat([[0.3, -1.0]], 40_000, axis=0)
    y, (mean, covariance) = p.ends(x, rng=rng), p.moments(x[:1])
    z = (y.mean(0) - mean[0]) / np.sqrt(np.diag(covariance[0]) / len(y))
    assert np.abs(z).max() < 5  # false alarm 1e-6
    np.testing.assert_allclose(np.cov(y.T), covariance[0], atol=0.05)
    x, y = p.draws(10, rng=rng)
    assert x.shape == y.shape == (10, 2)


@pytest.mark.parametrize("wrong", [False, True])
def test_the_bridge_carries_the_start_to_the_plan(wrong):
    """Simulated with its drift, a start ends with the plan's moments; half the drift does not."""
    p, rng, n, steps = pair(), np.random.default_rng(2), 20_000, 200
    x = start = np.repeat([[0.3, -1.0]], n, axis=0)
    for i in range(steps):
        g = p.drift(i / steps, x) * (0.5 if wrong else 1.0)
        x = x + g / steps + np.sqrt(p.epsilon / steps) * rng.normal(size=x.shape)
    mean, covariance = p.moments(start[:1])
    z = (x.mean(0) - mean[0]) / np.sqrt(np.diag(covariance[0]) / n)
    assert (np.abs(z).max() > 10) if wrong else (np.abs(z).max() < 5)


def test_the_drift_is_a_gradient_of_the_heat_flow():
    p, x, h = pair(), np.array([[0.4, 0.2]]), 1e-5
    broad = MixturePair(
        p.weights, p.means, p.covariances + 0.6 * p.epsilon * np.eye(2), p.epsilon
    )  # fmt: skip
    slope = [
        (np.log(potential(broad, x + h * e)) - np.log(potential(broad, x - h * e))) / (2 * h)
        for e in np.eye(2)
    ]
    np.testing.assert_allclose(p.drift(0.4, x)[0], p.epsilon * np.ravel(slope), rtol=1e-6)


def test_bures_of_commuting_and_of_any_covariances():
    a, b = np.diag([1.0, 4.0]), np.diag([9.0, 0.25])
    apart = squared_bures(np.zeros(2), a, np.array([3.0, 0.0]), b)
    np.testing.assert_allclose(apart, 9 + 4 + 1.5**2, rtol=1e-12)
    np.testing.assert_allclose(squared_bures(np.zeros(2), a, np.zeros(2), a), 0.0, atol=1e-12)
    p = random_pair(4, 1.0, rng=np.random.default_rng(3))
    S, T = p.covariances[:2]
    assert squared_bures(np.zeros(4), S, np.zeros(4), T) == pytest.approx(
        squared_bures(np.zeros(4), T, np.zeros(4), S)
    )


def test_bad_pairs_are_refused():
    good = pair()
    with pytest.raises(InvalidInput, match="epsilon"):
        MixturePair(good.weights, good.means, good.covariances, 0.0)
    with pytest.raises(InvalidInput, match="expected"):
        MixturePair(good.weights[:2], good.means, good.covariances, 1.0)
    with pytest.raises(InvalidInput, match="> 0"):
        MixturePair(good.weights, good.means, -good.covariances, 1.0)
    with pytest.raises(InvalidInput, match="least"):
        random_pair(2, 1.0, rng=np.random.default_rng(0), eigenvalues=(2.0, 1.0))
