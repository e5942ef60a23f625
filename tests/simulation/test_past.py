"""Motion with a past: fractional noise, its trap, and delayed feedback."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.errors import InvalidInput
from noneq.simulation import fractional_noise
from noneq.simulation.fractional_noise import circulant_eigenvalues
from noneq.systems import Delayed, Fractional, FractionalTrap, LinearDelay
from noneq.thermo.exact import fractional_covariance


KEY = jax.random.key(3)


def mean_square(system, n, frames=10, gap=2.0, **settings):
    """⟨x²⟩ over the known variance, and its error over paths."""
    x = nq.simulate(system, gap * np.arange(frames), n=n, key=KEY, **settings).values.astype(float)
    each = (x[:, :, 0] ** 2).mean(1) / system.stationary_variance()
    return each.mean(), each.std() / np.sqrt(n)


def test_the_circulant_matrix_has_no_negative_eigenvalue():
    known = {0.3: 0.065, 0.7: 0.578, 0.9: 0.179}
    for hurst, least in known.items():
        assert circulant_eigenvalues(256, hurst).min() == pytest.approx(least, abs=5e-4)
    for hurst in (0.01, 0.5, 0.99):
        assert circulant_eigenvalues(64, hurst).min() >= 0
    np.testing.assert_allclose(circulant_eigenvalues(64, 0.5), 1.0)


@pytest.mark.parametrize("hurst", [0.2, 0.8])
def test_the_noise_has_its_covariance(hurst):
    """All products of 6 increments of 40,000 records within 5.5 errors (1e-6 with 21 products)."""
    x = np.asarray(fractional_noise(40_000, 6, hurst, key=KEY), float)
    lags = np.abs(np.subtract.outer(np.arange(6), np.arange(6)))
    truth = fractional_covariance(lags.ravel(), hurst).reshape(6, 6)
    error = np.sqrt((1 + truth**2) / len(x))
    assert (np.abs(x.T @ x / len(x) - truth) < 5.5 * error).all()


@pytest.mark.parametrize(
    "system", [FractionalTrap(0.3), LinearDelay(1.0, 0.5, 0.8)], ids=["fractional", "delay"]
)
def test_stationary_variance(system):
    value, error = mean_square(system, 500)
    assert abs(value - 1) < 5 * error
    assert error < 0.04


@pytest.mark.slow
@pytest.mark.parametrize(
    "system",
    [*map(FractionalTrap, (0.3, 0.7, 0.9)), LinearDelay(0.0, 1.0, 0.5), LinearDelay(0.5, 1.0, 0.8)],
    ids=str,
)
def test_stationary_variance_within_one_per_cent(system):
    value, error = mean_square(system, 40_000)
    assert abs(value - 1) < max(0.01, 3 * error)
    assert error < 0.005


def test_a_delay_without_noise_is_followed_piece_by_piece():
    """x' = −x(t − 1) from 1: 1 − t, then 1 − t + (t − 1)²/2; second order where steps fit the delay."""
    system = Delayed(lambda x, past: -past, 0.0, 1.0, time_step=0.01, initial=[1.0])
    times = np.array([0.0, 0.5, 1.0, 1.5, 2.0])
    x = nq.simulate(system, times, n=1, key=KEY).values[0, :, 0]
    np.testing.assert_allclose(x, [1.0, 0.5, 0.0, -0.375, -0.5], atol=1e-5)
    # A delay between two steps is interpolated.
    other = Delayed(lambda x, past: -past, 0.0, 0.777, time_step=0.05, initial=[1.0])
    x = nq.simulate(other, times, n=1, key=KEY, substeps=10).values[0, :, 0]
    late = lambda t: 1 - t + (t - 0.777).clip(0) ** 2 / 2
    np.testing.assert_allclose(x[:4], late(times[:4]), atol=1e-3)


def test_white_noise_is_the_exponent_one_half():
    """The same drift and noise by the system without a past."""
    system = Fractional(lambda x: -x, 1.0, 0.5, time_step=0.02, initial=[2.0])
    x = nq.simulate(system, [0.0, 1.0], n=4000, key=KEY).values[:, 1, 0]
    spread = (1 - np.exp(-2)) / 2
    assert abs(x.mean() - 2 * np.exp(-1)) < 5 * np.sqrt(spread / 4000)
    assert abs(x.var() / spread - 1) < 5 * np.sqrt(2 / 4000)


def test_a_given_start_is_kept_and_own_starts_rest():
    start = np.full((3, 1), 5.0)
    x = nq.simulate(LinearDelay(), [0.0, 0.5], n=3, key=KEY, start=start).values
    np.testing.assert_array_equal(x[:, 0], start)
    one = nq.simulate(FractionalTrap(0.7), [4.0], n=500, key=KEY).values[:, 0, 0]
    assert abs((one**2).mean() / FractionalTrap(0.7).stationary_variance() - 1) < 5 * np.sqrt(
        2 / 500
    )


def test_matrices_of_noise_and_multiples_of_the_smallest_interval():
    turned = np.array([[1.0, 0.0], [1.0, 0.0]])
    system = Fractional(lambda x: 0 * x, turned, 0.7, time_step=0.1, initial=[0.0, 0.0])
    x = nq.simulate(system, [0.0, 0.5, 2.0], n=50, key=KEY).values
    np.testing.assert_allclose(x[:, :, 0], x[:, :, 1], atol=1e-6)
    late = Delayed(lambda t, x, past: t * jnp.ones_like(x), turned, 0.3, time_step=0.1, initial=[0.0, 0.0],
                   timed=True)  # fmt: skip
    y = nq.simulate(late, [0.0, 0.5, 2.0], n=5, key=KEY).values
    np.testing.assert_allclose(y[:, :, 0], y[:, :, 1], atol=1e-6)


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda: FractionalTrap(1.0), "between 0 and 1"),
        (lambda: LinearDelay(0.0, 1.0, 2.0), "no stationary law"),
        (lambda: LinearDelay(0.0, 1.0, -1.0), "delay = -1"),
        (lambda: Delayed(lambda x, p: -p, 1.0, 0.0, time_step=0.1, shape=1), "delay = 0"),
        (lambda: Fractional(lambda x: -x, lambda x: x, 0.3, time_step=0.1, shape=1), "noise is a function"),
        (lambda: nq.simulate(LinearDelay(), [0.0, 1.0, 2.3], n=1, key=KEY), "multiples of the smallest"),
        (lambda: nq.simulate(LinearDelay(), [0.0, 4.0], n=1, key=KEY, substeps=2), "longer than the delay"),
        (lambda: nq.simulate(FractionalTrap(), [0.0, 1e6], n=1, key=KEY), "whole past is kept"),
        (lambda: fractional_noise(1, 0, 0.3, key=KEY), "at least 1"),
    ],
)  # fmt: skip
def test_refusals(run, message):
    with pytest.raises(InvalidInput, match=message):
        run()
    with pytest.raises(InvalidInput, match="scheme of its own"):
        nq.simulate(LinearDelay(), [0.0, 1.0], n=1, key=KEY, solver=nq.simulation.EulerMaruyama())
