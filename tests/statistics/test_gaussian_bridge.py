"""Bridges of linear references in closed form, against what defines them."""

import numpy as np
import pytest

from noneq.errors import InvalidInput
from noneq.statistics import GaussianBridge, LinearReference


EYE = np.eye(2)
ROTATING = np.array([[-0.5, 2.0], [-1.0, 0.3]])


def rotating():
    return LinearReference(ROTATING, np.array([0.4, -0.2]), 0.49 * EYE)


def skewed():
    """Gaussians of unequal shapes for a reference that turns and grows."""
    start = (np.array([-1.0, 0.5]), np.array([[1.0, 0.6], [0.6, 0.8]]))
    end = (np.array([0.5, 1.0]), np.array([[0.3, -0.1], [-0.1, 2.0]]))
    return GaussianBridge(rotating(), start, end, 0.8)


def test_brownian_bridge_between_unit_gaussians():
    brownian = LinearReference(np.zeros((2, 2)), np.zeros(2), EYE)
    bridge = GaussianBridge(brownian, (np.full(2, -0.1), EYE), (np.full(2, 0.1), EYE), 1.0)
    np.testing.assert_allclose(bridge.cross, (np.sqrt(5) - 1) / 2 * EYE, atol=1e-12)
    for t in (0.0, 0.2, 0.5, 1.0):
        mean, covariance = bridge.moments(t)
        width = (1 - t) ** 2 + t**2 + t * (1 - t) * np.sqrt(5)
        np.testing.assert_allclose(mean, 0.2 * t - 0.1, atol=1e-12)
        np.testing.assert_allclose(covariance, width * EYE, atol=1e-12)


@pytest.mark.parametrize("duration", [0.25, 4.0])
def test_an_interval_is_one_of_unit_length_of_a_scaled_reference(duration):
    ends = skewed()
    long = GaussianBridge(rotating(), ends.start, ends.end, duration)
    scaled = LinearReference(ROTATING * duration, np.array([0.4, -0.2]), 0.49 * duration * EYE)
    unit = GaussianBridge(scaled, ends.start, ends.end, 1.0)
    np.testing.assert_allclose(long.cross, unit.cross, rtol=1e-8)
    for mine, theirs in zip(long.moments(0.3 * duration), unit.moments(0.3), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-7)


def test_the_plan_is_the_reference_times_functions_of_either_end():
    """Its log density mixes the ends only as the transition density does."""
    bridge = skewed()
    M, P = bridge.reference.transition(bridge.duration)
    joint = np.block([[bridge.start[1], bridge.cross], [bridge.cross.T, bridge.end[1]]])
    mixed = np.linalg.inv(joint)[:2, 2:]
    np.testing.assert_allclose(mixed, -M.T @ np.linalg.inv(P), rtol=1e-8)


@pytest.mark.parametrize("kind", ["drift", "velocity"])
def test_moments_follow_the_drift_and_the_velocity(kind):
    bridge = skewed()
    noise = bridge.reference.noise if kind == "drift" else 0.0
    h = 1e-5
    for t in (0.1, 0.4, 0.7):
        rate, matrix = vars(GaussianBridge)[kind](bridge, t)
        (low, small), (high, large) = bridge.moments(t - h), bridge.moments(t + h)
        covariance = bridge.moments(t)[1]
        np.testing.assert_allclose(rate, (high - low) / (2 * h), atol=1e-5)
        change = matrix @ covariance + covariance @ matrix.T + noise
        np.testing.assert_allclose(change, (large - small) / (2 * h), atol=1e-5)


def test_the_ends_are_kept():
    bridge = skewed()
    for t, (mean, covariance) in ((0.0, bridge.start), (0.8, bridge.end)):
        np.testing.assert_allclose(bridge.moments(t)[0], mean, atol=1e-9)
        np.testing.assert_allclose(bridge.moments(t)[1], covariance, atol=1e-9)


def test_a_control_is_what_the_bridge_does_next():
    reference, t, duration, h = rotating(), 0.3, 0.9, 1e-6
    at, to = reference.control(t, duration)
    next_ = reference.bridge(h, duration - t)
    np.testing.assert_allclose(ROTATING + at, (next_.start - EYE) / h, atol=1e-4)
    np.testing.assert_allclose(to, next_.end / h, atol=1e-4)


def test_the_bridge_is_the_conditional_law_of_a_simulated_path(rng):
    """Regression of X_t on both ends of Euler paths, z-scores of false-alarm rate 1e-6."""
    reference, n, steps = rotating(), 20_000, 200
    x = rng.normal(size=(n, 2))
    path = [x]
    for _ in range(steps):
        step = 0.9 / steps
        kick = 0.7 * np.sqrt(step) * rng.normal(size=(n, 2))
        x = x + step * (x - reference.centre) @ ROTATING.T + kick
        path.append(x)
    law = reference.bridge(0.3 * 0.9, 0.9)
    ends = np.hstack([path[0], path[-1]]) - np.tile(reference.centre, 2)
    middle = path[60] - reference.centre
    found, *_ = np.linalg.lstsq(ends, middle, rcond=None)
    rest = middle - ends @ found
    error = np.sqrt(np.outer(np.diag(np.linalg.inv(ends.T @ ends)), rest.var(0)))
    # Euler's step adds an error of the order of 1/steps.
    away = np.abs(found - np.hstack([law.start, law.end]).T)
    assert (away < 4.9 * error + 0.005).all()
    assert np.abs(np.cov(rest.T) - law.covariance).max() < 0.005
    still = LinearReference(np.zeros((2, 2)), reference.centre, reference.noise)
    wrong = still.bridge(0.3 * 0.9, 0.9)
    assert (np.abs(found - np.hstack([wrong.start, wrong.end]).T) > 4.9 * error + 0.005).any()


def test_a_start_at_one_point_is_a_bridge_too():
    point = (np.zeros(2), np.zeros((2, 2)))
    bridge = GaussianBridge(rotating(), point, skewed().end, 0.8)
    np.testing.assert_allclose(bridge.cross, 0.0, atol=1e-12)
    np.testing.assert_allclose(bridge.moments(0.8)[1], skewed().end[1], atol=1e-9)
    with pytest.raises(InvalidInput, match="singular"):
        bridge.velocity(0.0)


def test_what_is_refused():
    with pytest.raises(InvalidInput, match="positive definite"):
        LinearReference(np.zeros((2, 2)), np.zeros(2), np.diag([1.0, 0.0]))
    with pytest.raises(InvalidInput, match="expected \\(2, 2\\)"):
        LinearReference(np.zeros((3, 3)), np.zeros(2), EYE)
    growing = LinearReference(np.diag([3.0, -3.0]), np.zeros(2), EYE)
    with pytest.raises(InvalidInput, match=r"grow 1\.07e\+13 times over an interval of 10"):
        GaussianBridge(growing, skewed().start, skewed().end, 10.0)
    # Also where all directions grow alike, so that the covariance is well conditioned.
    with pytest.raises(InvalidInput, match=r"grow 2\.69e\+43 times over an interval of 5"):
        GaussianBridge(
            LinearReference(20 * EYE, np.zeros(2), EYE), skewed().start, skewed().end, 5.0
        )
    with pytest.raises(InvalidInput, match="duration"):
        GaussianBridge(rotating(), skewed().start, skewed().end, 0.0)
    with pytest.raises(InvalidInput, match="negative variance"):
        GaussianBridge(rotating(), (np.zeros(2), -EYE), skewed().end, 1.0)
