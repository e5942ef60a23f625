"""DDPM's discrete levels and the schedules of the log signal-to-noise ratio."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from noneq.errors import InvalidInput
from noneq.processes import DiscreteVP, LearntLogSNR, LinearLogSNR, UnitNoise


@pytest.mark.slow
@pytest.mark.parametrize(
    ("steps", "last"), [pytest.param(1000, 0.02, marks=pytest.mark.slow), (10, 0.9)]
)
def test_discrete_levels_are_the_product_and_monotone_between(steps, last):
    schedule = DiscreteVP(steps, 1e-4, last)
    product = np.cumprod(1 - np.linspace(1e-4, last, steps))
    alpha, sigma = jax.vmap(schedule)(jnp.arange(1, steps + 1) / steps)
    np.testing.assert_allclose(alpha**2, product, rtol=2e-5)
    np.testing.assert_allclose(sigma**2, 1 - product, rtol=2e-4)
    fine = jnp.linspace(schedule.start, 1.0, 16 * steps + 3)
    rates = jax.vmap(schedule.diffusion_squared)(fine)
    assert float(rates.min()) > 0
    # No jump of the rate at a level, where steps of constant beta would have one.
    knots, inside = np.arange(2, steps) / steps, 0.01 / steps
    left, right = (jax.vmap(schedule.diffusion_squared)(knots + s * inside) for s in (-1, 1))
    beta = -steps * np.log1p(-np.linspace(1e-4, last, steps))
    assert np.abs(right - left).max() < 0.1 * np.diff(beta).max()
    ratio = sigma / alpha
    np.testing.assert_allclose(
        jax.vmap(schedule.tau)(ratio), np.arange(1, steps + 1) / steps, rtol=1e-3
    )


def test_misuse_is_explained():
    with pytest.raises(InvalidInput, match="beta_max < 1"):
        DiscreteVP(beta_max=1.0)
    with pytest.raises(InvalidInput, match="at least 2 steps"):
        DiscreteVP(steps=1)
    with pytest.raises(InvalidInput, match="2 or more, or 0"):
        UnitNoise(levels=1)


def bent(width=16):
    """A learnt schedule far from its start, some parameters negative."""
    schedule = LearntLogSNR(-13.3, 5.0, width, key=jax.random.key(0))
    return eqx.tree_at(
        lambda s: (s.slope, s.height), schedule, (jnp.asarray(-0.05), 20 * schedule.height)
    )


@pytest.mark.parametrize(
    "schedule",
    [LinearLogSNR(), LearntLogSNR(-13.3, 5.0, 16, key=jax.random.key(0)), bent(), bent(0)],
    ids=["linear", "fresh", "bent", "no-net"],
)
def test_gamma_rises_between_exact_ends_and_is_inverted(schedule):
    tau = jnp.linspace(0.0, 1.0, 101)
    gamma = jax.vmap(schedule.gamma)(tau)
    assert float(gamma[0]) == np.float32(-13.3)
    assert float(gamma[-1]) == 5.0
    assert float(jnp.diff(gamma).min()) > 0
    alpha, sigma = jax.vmap(schedule)(tau)
    np.testing.assert_allclose(alpha**2 + sigma**2, 1, rtol=1e-6)
    np.testing.assert_allclose(2 * jnp.log(sigma / alpha), gamma, atol=2e-6)
    # gamma is rounded to 1e-6: where it is nearly flat, tau follows from it less sharply.
    back = jax.vmap(schedule.tau)(sigma / alpha)
    np.testing.assert_allclose(jax.vmap(schedule.gamma)(back), gamma, atol=1e-5)
    np.testing.assert_allclose(back, tau, atol=2e-5)


def test_the_bent_schedule_is_bent():
    assert float(jnp.abs(bent().gamma(0.5) - LinearLogSNR().gamma(0.5))) > 0.3
    np.testing.assert_allclose(bent(0).gamma(0.3), LinearLogSNR().gamma(0.3), rtol=1e-5)


@pytest.mark.parametrize(("low", "high"), [(5.0, -13.3), (1.0, 1.0), (-float("inf"), 5.0)])
def test_ends_must_rise(low, high):
    with pytest.raises(InvalidInput, match="expected finite, rising"):
        LinearLogSNR(low, high)
    with pytest.raises(InvalidInput, match="expected finite, rising"):
        LearntLogSNR(low, high, 4, key=jax.random.key(0))
