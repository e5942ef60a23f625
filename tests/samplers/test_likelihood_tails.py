"""Log densities in the tails of field lines, which bend sharply where they leave the data."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from noneq.data import Snapshots
from noneq.data.summary import summarise
from noneq.methods import Yukawa
from noneq.nets import MLP
from noneq.samplers.likelihood import flow_log_prob, noisy_log_prob, probability_flow


RADII = np.array([3.6, 3.9, 4.0, 4.1, 4.2, 4.3], np.float32)
"""In standard deviations; on their way out states pass √2 + 3, where networks hear of more noise."""
TAILS = np.stack([0.6 * RADII, -0.8 * RADII], -1)
TOLERANCE = 5e-3
"""In nats."""


@pytest.fixture(scope="module")
def model():
    """Yukawa field lines whose network depends steeply on the noise level, as a learnt one does."""
    data = np.random.default_rng(0).normal(size=(64, 2)).astype(np.float32)
    model = Yukawa(net=MLP(8, 1)).init(summarise(Snapshots(data)), key=jax.random.key(3))
    return eqx.tree_at(lambda m: m.denoiser.net.last, model, replace_fn=lambda w: 60.0 * w)


@eqx.filter_jit
def by_equal_steps(lines, x, steps):
    field = probability_flow(lines, time=None, condition=None)
    return jax.vmap(lambda x: flow_log_prob(field, lines.prior.log_prob, x, steps))(x)


@eqx.filter_jit
def controlled(lines, x):
    return jax.vmap(lambda x: noisy_log_prob(lines, x, 32, None, None))(x)


@pytest.mark.slow
def test_the_tails_of_field_lines_are_right_where_equal_steps_fail(model):
    lines, x = model.denoiser, jnp.asarray(TAILS)
    exact = by_equal_steps(lines, x, 1024)
    np.testing.assert_allclose(controlled(lines, x), exact, rtol=0, atol=TOLERANCE)
    assert jnp.max(jnp.abs(by_equal_steps(lines, x, 32) - exact)) > 10 * TOLERANCE


@pytest.mark.slow
def test_samples_carry_the_log_density_that_is_evaluated_at_them(model, key):
    """On 32 equal steps each way, one of twenty differs by more than 0.015 nat."""
    x, log_prob = model.sample_with_log_prob(200, key=key)
    gap = np.abs(log_prob - eqx.filter_jit(jax.vmap(model.log_prob))(x))
    assert jnp.max(jnp.linalg.norm(x, axis=-1)) > 3.5
    assert np.quantile(gap, 0.95) < TOLERANCE
