"""Heun's order on the exact Gaussian flow, float64."""

import jax
import jax.numpy as jnp
import numpy as np

from noneq.processes import Gaussian, Karras
from noneq.samplers import Heun


def test_heun_is_of_order_two():
    std, schedule = 0.7, Karras(sigma_max=20.0)

    class Exact:
        process = Gaussian(schedule)
        prior = process.prior(std)

        def noisy_score(self, x, tau, *, time=None, condition=None):
            return -x / (std**2 + schedule(tau)[1] ** 2)

        def noisy_velocity(self, x, tau, *, time=None, condition=None):
            _, sigma, _, d_sigma = schedule.rates(tau)
            return sigma * d_sigma * x / (std**2 + sigma**2)

    key = jax.random.key(0)
    (_, high), (_, low) = schedule(1.0), schedule(0.0)
    x1 = Exact.prior.sample((5, 1), key=key)
    exact = x1 * jnp.sqrt((std**2 + low**2) / (std**2 + high**2))
    errors = [
        float(jnp.abs(Heun(n)(Exact(), (5, 1), time=None, condition=None, key=key) - exact).max())
        for n in (16, 32, 64, 128)
    ]
    slopes = np.diff(np.log2(errors))
    assert np.all(np.abs(slopes + 2) < 0.2), slopes
