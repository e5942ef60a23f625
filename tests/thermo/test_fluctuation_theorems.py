"""Fluctuation theorems and bounds on data: rates of false alarms, power, and broken twins."""

import warnings

import numpy as np
import pytest

from noneq.errors import InvalidInput
from noneq.thermo import crooks_test, current_bound, integral_fluctuation_test, speed_limit
from noneq.thermo.exact import bead_spring


def entropies(rng, mean, n):
    """Gaussian total entropies: the variance is twice the mean."""
    return rng.normal(mean, np.sqrt(2 * mean), n)


@pytest.mark.stat
def test_false_alarms(rng):
    """Of 300 tests that obey their theorem few are below 0.05, and z has unit variance."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = [
            (
                integral_fluctuation_test(entropies(rng, 0.15, 200)),
                crooks_test(entropies(rng, 0.3, 200)),
                crooks_test(3 + entropies(rng, 0.5, 120), entropies(rng, 0.5, 80) - 3),
            )
            for _ in range(300)
        ]
    p = np.asarray([[test.p_value for test in row] for row in found])
    z = np.asarray([[test.z for test in row] for row in found])
    # 3 standard errors of 300 draws are 0.038.
    assert (np.mean(p < 0.05, axis=0) < 0.09).all()
    np.testing.assert_allclose(z.std(0), 1, atol=0.15)


@pytest.mark.stat
def test_what_breaks_a_theorem_is_seen(rng):
    """Works in the wrong unit, a wrong temperature, a heat without its boundary term."""
    a, b = 3 + entropies(rng, 1.0, 2000), entropies(rng, 1.0, 2000) - 3
    assert abs(crooks_test(a, b).z) < 4.5
    assert crooks_test(a, b, beta=1.5).p_value < 1e-6
    s = entropies(rng, 0.5, 2000)
    assert abs(integral_fluctuation_test(s).z) < 4.5
    assert integral_fluctuation_test(s + 0.3).p_value < 1e-6
    assert crooks_test(1.5 * s).p_value < 1e-5
    assert float(crooks_test(2 * s).estimate.value) == pytest.approx(0.5, rel=0.3)


def test_too_few_paths_are_named(rng):
    """The bead-spring at t = 1: mean entropy 1.95, a thousand paths give 1.3 ± .36."""
    mean = 0.963 * bead_spring(2, 1.0, 10.0)
    with pytest.warns(UserWarning, match=r"1000 paths .* needed for 0.1; take shorter windows"):
        found = integral_fluctuation_test(entropies(rng, mean, 1000))
    assert 4000 < found.needed < 7000
    with pytest.warns(UserWarning, match="paths tell the slope"):
        crooks_test(entropies(rng, 16.0, 30), entropies(rng, 16.0, 30))
    for bad in (np.ones(3), np.full(20, np.nan)):
        with pytest.raises(InvalidInput, match="give|leave those paths out"):
            integral_fluctuation_test(bad)


def test_certain_signs_stay_finite():
    with pytest.warns(UserWarning, match="paths tell the slope"):
        found = crooks_test(np.full(20, 50.0))
    assert np.isfinite([found.estimate.value, found.estimate.stderr, found.z, found.p_value]).all()


@pytest.mark.stat
def test_uncertainty_relation(rng):
    """A biased walk with Gaussian steps attains it: 2 v²/(2 D) a unit of time."""
    speed, diffusion, time = 0.7, 0.5, 2.0
    bounds = [
        current_bound(rng.normal(speed * time, np.sqrt(2 * diffusion * time), 100), duration=time)
        for _ in range(200)
    ]
    truth = speed**2 / diffusion
    z = np.asarray([float(bound.z(truth)) for bound in bounds])
    assert bounds[0].bound == "lower"
    assert np.mean([bound.value for bound in bounds]) == pytest.approx(truth, rel=0.1)
    assert 0.9 < z.std() < 1.25
    assert np.mean(np.abs(z) < 1.96) > 0.88
    with pytest.raises(InvalidInput, match="without fluctuations"):
        current_bound(np.ones(20))


def test_speed_limit(rng):
    """W₂² of Gaussians is (Δm)² + (Δσ)² on a line, and the sum of these in the plane."""
    for dim in (1, 2):
        x, y = rng.normal(size=(1500, dim)), 1 + 2 * rng.normal(size=(1200, dim))
        found = speed_limit(x, y, duration=0.5)
        assert abs(found.z(2 * dim / 0.5)) < 4
        assert found.bound == "lower"
        np.testing.assert_allclose(
            speed_limit(x, y, duration=1.0, mobility=4.0).value, found.value / 8
        )
        same = speed_limit(x, rng.normal(size=(1200, dim)), duration=1.0)
        assert same.value < 4 * same.stderr + 1e-3
    with pytest.raises(InvalidInput, match="1 and 2 coordinates"):
        speed_limit(np.zeros(20), np.zeros((20, 2)), duration=1.0)
    with pytest.raises(InvalidInput, match="duration = 0"):
        speed_limit(np.zeros(20), np.zeros(20), duration=0.0)
