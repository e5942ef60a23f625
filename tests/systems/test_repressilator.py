"""The genetic oscillator: its rest point, its symmetry, and that it turns."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq

from noneq.errors import InvalidInput
from noneq.simulation import simulate
from noneq.systems import Repressilator


def test_it_rests_where_production_balances_decay_and_is_unstable_there():
    system = Repressilator()
    level = brentq(lambda x: 10.0 / (1.0 + x**3) - x, 0.1, 5.0)
    np.testing.assert_allclose(system.drift(0.0, jnp.full(3, level)), 0.0, atol=1e-5)
    jacobian = jax.jacfwd(lambda x: system.drift(0.0, x))(jnp.full(3, level))
    assert np.linalg.eigvals(np.asarray(jacobian)).real.max() > 0
    x = jnp.asarray([0.5, 1.5, 3.0])
    turned = system.drift(0.0, jnp.roll(x, 1))
    np.testing.assert_allclose(turned, jnp.roll(system.drift(0.0, x), 1), rtol=1e-6)


def test_genes_peak_one_after_the_other(key):
    times = np.arange(0.0, 30.0, 0.1)
    x = simulate(Repressilator(sigma=0.0), times, n=1, key=key).values[0, 100:]
    away = x - x.mean(0)
    product = lambda i, j, lag: (away[lag:, i] * away[: len(away) - lag, j]).mean()
    # Gene 2 falls while its repressor 1 is high: the wave runs against the order of repression.
    best = lambda i, j: max(range(40), key=lambda lag: product(i, j, lag))
    assert (best(0, 1), best(1, 2), best(2, 0)) != (0, 0, 0)
    assert x.max() > 3 * x.min()
    with pytest.raises(InvalidInput, match="beta"):
        Repressilator(beta=0.0)
