"""Anomalous exponents, inverted kernels and late feedback, against motion whose truth is known."""

import jax
import numpy as np
import pytest

import noneq as nq
from noneq.errors import InvalidInput
from noneq.inference import (
    anomalous_exponent,
    delayed_response,
    volterra_inversion,
    volterra_kernel,
)
from noneq.simulation import fractional_noise
from noneq.systems import Linear, LinearDelay, MemoryLangevin
from noneq.thermo.exact import memory_correlation, memory_kernel


KEY = jax.random.key(11)


def free(hurst, rng, *, error=0.0, n=20, frames=100, dim=1):
    """Paths of fractional motion with errors of the positions."""
    steps = np.asarray(fractional_noise(n * dim, frames, hurst, key=KEY), float)
    x = np.cumsum(steps, 1).reshape(n, dim, frames).swapaxes(1, 2)
    return nq.Trajectories(x + error * rng.normal(size=x.shape), 0.5 * np.arange(frames))


@pytest.mark.parametrize(
    ("hurst", "kind"), [(0.3, "subdiffusion"), (0.5, "diffusion"), (0.8, "superdiffusion")]
)
def test_exponent_with_errors_of_the_positions(hurst, kind, rng):
    """MSD = t^{2H} in steps; in times of 0.5 a step, K = ½ · 0.5^{−2H}."""
    found = anomalous_exponent(free(hurst, rng, error=0.6, dim=2))
    assert abs(found.alpha.z(2 * hurst)) < 4
    assert found.alpha.stderr < 0.12
    assert abs(found.diffusivity.z(0.5 * 2 ** (2 * hurst))) < 4
    assert abs(found.localisation.z(0.6)) < 4
    assert found.kind == kind
    msd = found.mean_squared_displacement(np.array([0.5]))
    assert msd[0] == pytest.approx(2 * (1 + 2 * 0.36), rel=0.1)


def test_unknown_errors_of_the_positions_look_like_subdiffusion(rng):
    data = free(0.5, rng, error=0.7)
    assert anomalous_exponent(data, localisation=False).interval[1] < 0.9
    low, high = anomalous_exponent(data).interval
    assert low < 1 < high


def test_gaps_cut_paths_into_runs(rng):
    data = free(0.7, rng)
    mask = rng.random(data.values.shape[:2]) > 0.03
    found = anomalous_exponent(nq.Trajectories(data.values, data.times, mask=mask))
    assert abs(found.alpha.z(1.4)) < 4
    assert found.alpha.n < data.values.shape[0] * 99


@pytest.mark.slow
def test_intervals_of_exponents_cover(rng):
    """200 records; 95 % intervals hold the exponent in 91 to 99 % of them."""
    for hurst, error in ((0.3, 0.5), (0.75, 0.3)):
        whole = free(hurst, rng, error=error, n=2000)
        held = []
        for i in range(200):
            low, high = anomalous_exponent(whole.take(np.arange(10 * i, 10 * i + 10))).interval
            held.append(low < 2 * hurst < high)
        assert 0.91 <= np.mean(held) <= 0.995


def test_the_kernel_of_exact_correlations():
    """K(0.1, 0.5, 1) of a step 0.02, and with another trap a step 0.01."""
    for h, tolerance in ((0.02, 4e-3), (0.01, 1e-3)):
        found = volterra_inversion(memory_correlation(h * np.arange(100))[:, 1, 1], h, 1.0)
        np.testing.assert_allclose(found, memory_kernel(h * np.arange(99)), atol=tolerance)
    other = memory_correlation(0.01 * np.arange(100), 2.0, 0.5, 0.3, 1.5)[:, 1, 1]
    found = volterra_inversion(other, 0.01, 2.0)
    np.testing.assert_allclose(found, memory_kernel(0.01 * np.arange(99), 0.5, 0.3), atol=3e-3)


def test_the_kernel_of_paths_has_honest_errors():
    data = nq.simulate(MemoryLangevin(), np.arange(0, 100, 0.1), n=12, key=KEY).select(1)
    found = volterra_kernel(data, longest=2.0)
    times = found.kernel.times
    later = times > 0.3
    z = found.kernel.z(memory_kernel(times))[later]
    assert np.abs(z).max() < 4.5
    assert found.kernel.stderr[later].max() < 0.25
    assert found.passive
    assert found.frequency == pytest.approx(1.0, abs=0.1)
    assert "passive" in str(found)


def test_a_kernel_that_no_equilibrium_noise_has(rng):
    """Errors of the positions make the displacements anticorrelated, K(0) large and then negative."""
    data = nq.simulate(MemoryLangevin(), np.arange(0, 100, 0.1), n=12, key=KEY).select(1)
    x = data.values + 0.5 * rng.normal(size=data.values.shape)
    clean, dirty = (volterra_kernel(d, longest=2.0) for d in (data, nq.Trajectories(x, data.times)))
    assert np.abs(dirty.kernel.value[:2]).max() > 10 * np.abs(clean.kernel.value[:2]).max()


def test_late_feedback_is_found_with_its_delay():
    truth = LinearDelay(0.5, 1.0, 0.8)
    data = nq.simulate(truth, np.arange(0, 40, 0.05), n=10, key=KEY)
    found = delayed_response(data, longest=1.6)
    assert found.found
    assert abs(found.delay.z(0.8)) < 4
    assert found.delay.stderr < 0.05
    assert abs(found.rate.z(0.5)) < 4
    assert abs(found.feedback.z(1.0)) < 4
    assert abs(found.diffusivity.z(1.0)) < 4
    kernel = found.kernel
    place = int(np.argmax(kernel.value))
    assert abs(kernel.times[place] - 0.8) < 0.25
    whole = kernel.value @ np.full(kernel.value.size, kernel.times[1] - kernel.times[0])
    assert whole == pytest.approx(1.0, abs=0.5)


def test_a_trap_without_delay_has_none():
    data = nq.simulate(Linear(((1.0,),), ((1.0,),)), np.arange(0, 40, 0.05), n=10, key=KEY)
    found = delayed_response(data, longest=1.6)
    assert not found.found
    assert "no late feedback" in str(found)


def test_what_is_refused(rng):
    data = free(0.5, rng)
    uneven = nq.Trajectories(data.values, np.cumsum(rng.uniform(0.1, 1.0, data.times.size)))
    for function in (anomalous_exponent, volterra_kernel, delayed_response):
        with pytest.raises(InvalidInput, match="even steps"):
            function(uneven)
        with pytest.raises(InvalidInput, match="nothing moves"):
            function(nq.Trajectories(np.ones((4, 200, 1)), np.arange(200.0)))
    with pytest.raises(InvalidInput, match="at least 100"):
        anomalous_exponent(nq.Trajectories(data.values[:1, :50], data.times[:50]))
    two = free(0.5, rng, dim=2)
    for function in (volterra_kernel, delayed_response):
        with pytest.raises(InvalidInput, match="one free coordinate"):
            function(two)
    with pytest.raises(InvalidInput, match="lags"):
        volterra_kernel(data, longest=100.0)
    with pytest.raises(InvalidInput, match="first > 0"):
        volterra_inversion(np.zeros(5), 0.1)
