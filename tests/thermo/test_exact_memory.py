"""Memory: the embedding against Laplace transforms, Volterra's equation and special functions."""

import numpy as np
import pytest
from scipy.special import erfcx

from noneq.errors import InvalidInput
from noneq.systems import MemoryLangevin
from noneq.thermo import exact


def test_correlations_of_velocities():
    found = exact.memory_correlation([0.5, 1.0, 2.0, 4.0])[:, 1, 1]
    np.testing.assert_allclose(found, [0.708979, 0.150433, -0.519954, 0.080536], atol=1e-6)
    start = exact.memory_correlation(0.0, frequency=2.0, friction=0.7, tau=0.3, temperature=1.5)[0]
    np.testing.assert_allclose(start, np.diag([1.5 / 4, 1.5, 1.5 * 0.7 / 0.3]), atol=1e-12)


def test_laplace_transform():
    np.testing.assert_allclose(exact.memory_laplace(1.0), 0.375)
    times = np.linspace(0, 40, 8001)
    both = np.exp(-times) * exact.memory_correlation(times)[:, 1, 1]
    np.testing.assert_allclose(np.trapezoid(both, times), 0.375, rtol=1e-5)


def test_the_kernel_is_the_memory_of_the_correlations():
    """⟨z(t) v(0)⟩ = −∫ K(t − s) ⟨v(s) v(0)⟩ ds, solved for K by trapezoids."""
    h = 0.01
    both = exact.memory_correlation(np.arange(101) * h)
    c, force = both[:, 1, 1], both[:, 2, 1]
    kernel = exact.memory_kernel(np.zeros(101))
    for i in range(1, len(kernel)):
        known = kernel[1:i] @ c[i - 1 : 0 : -1] + kernel[0] * c[i] / 2
        kernel[i] = (-force[i] / h - known) * 2 / c[0]
    expected = [1.63746, 0.735759, 0.270671]
    np.testing.assert_allclose(kernel[[10, 50, 100]], expected, rtol=3e-4)
    found = exact.memory_kernel([0.1, 0.5, 1.0])
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert MemoryLangevin().entropy_production_rate() == 0


def test_fractional_relaxation():
    np.testing.assert_allclose(exact.fractional_relaxation(1.0, 0.5), 0.4275836, atol=1e-7)
    times = np.array([0.0, 1e-6, 0.1, 3.0, 1e4])
    np.testing.assert_allclose(
        exact.fractional_relaxation(times, 0.5), erfcx(np.sqrt(times)), rtol=1e-9
    )
    np.testing.assert_allclose(exact.fractional_relaxation(times, 1.0), np.exp(-times))
    # Near 1 it is close to the exponential, and small alpha does not fail.
    np.testing.assert_allclose(exact.fractional_relaxation(1.0, 0.999), np.exp(-1), atol=1e-3)
    assert 0.4 < exact.fractional_relaxation(1.0, 0.05)[0] < 0.6
    with pytest.raises(InvalidInput, match="alpha = 1.5"):
        exact.fractional_relaxation(1.0, 1.5)


def test_subdiffusion():
    np.testing.assert_allclose(exact.subdiffusion([2.0], 1.0, 0.3), 2 * 0.3 * 2)
    np.testing.assert_allclose(exact.subdiffusion([4.0], 0.5), 4 / (np.sqrt(np.pi) / 2))


def test_fractional_noise():
    """Covariances and stationary variances at three exponents; white noise at one half."""
    known = {0.3: (-0.242142, -0.049126, -0.026625), 0.7: (0.319508, 0.188753, 0.146173)}
    for hurst, values in known.items():
        np.testing.assert_allclose(exact.fractional_covariance([1, 2, 3], hurst), values, atol=1e-6)
    np.testing.assert_allclose(exact.fractional_covariance([0, 1, 5], 0.5), [1, 0, 0], atol=1e-12)
    found = [exact.fractional_variance(hurst) for hurst in (0.3, 0.7, 0.9)]
    np.testing.assert_allclose(found, [0.446758, 0.621085, 0.838245], atol=1e-6)
    assert exact.fractional_variance(0.5, rate=2.0, strength=3.0) == pytest.approx(9 / 4)


def test_delayed_feedback():
    """Late feedback alone, strong, weak, as strong as the instant one, and none."""
    known = {
        (0.0, 1.0, 0.5): 1.685796, (0.0, 1.0, 1.0): 3.408223, (0.5, 1.0, 0.8): 1.368720,
        (1.0, 0.5, 0.8): 0.881775, (1.0, 1.0, 0.5): 0.75, (2.0, 0.0, 0.3): 0.5,
    }  # fmt: skip
    for numbers, variance in known.items():
        assert exact.delay_variance(*numbers) == pytest.approx(variance, abs=1e-6)
    assert exact.delay_variance(1.0, 0.5, 0.8, 3.0) == pytest.approx(3 * 0.881775, abs=1e-5)
