"""DDPM's discrete levels and the schedules of the log signal-to-noise ratio."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from noneq.errors import InvalidInput
from noneq.processes import DiscreteVP, UnitNoise


@pytest.mark.parametrize(("steps", "last"), [(1000, 0.02), (10, 0.9)])
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
