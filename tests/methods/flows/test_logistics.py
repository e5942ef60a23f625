"""The mixture-of-logistics map and its couplings in single precision; exactness is in x64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import logsumexp

from noneq.constant import learnable
from noneq.methods.flows.coupling_nets import Couplings
from noneq.methods.flows.logistics import mixture_logit, mixture_logit_inverse
from noneq.nets import MLP


K = 6


def mixture(key, n, spread=2.0):
    """n mixtures of K logistics with scales between e^−3 and e^3."""
    logits, means, log_scales = jax.random.normal(key, (3, n, K))
    return logits, spread * means, jnp.clip(log_scales, -3, 3)


def reference(x, logits, means, log_scales):
    """logit F and log slope in double precision, term by term."""
    x, logits, means, log_scales = (
        np.asarray(a, np.float64) for a in (x, logits, means, log_scales)
    )
    z = (x[:, None] - means) * np.exp(-log_scales)
    weights = logits - logsumexp(logits, axis=1, keepdims=True)
    below, above = -np.logaddexp(0, -z), -np.logaddexp(0, z)
    log_f = logsumexp(weights + below, axis=1)
    log_g = logsumexp(weights + above, axis=1)
    log_density = logsumexp(weights + below + above - log_scales, axis=1)
    return log_f - log_g, log_density - log_f - log_g


POINTS = jnp.concatenate(
    [jnp.asarray([-1e3, -300.0, -30.0, 30.0, 300.0, 1e3]), jnp.linspace(-8, 8, 250)]
)


def test_the_map_agrees_with_double_precision_even_in_the_tails(key):
    parameters = mixture(key, POINTS.size)
    value, log_slope = mixture_logit(POINTS, *parameters)
    truth, log_truth = reference(POINTS, *parameters)
    np.testing.assert_allclose(value, truth, rtol=2e-5, atol=2e-5)
    np.testing.assert_allclose(log_slope, log_truth, atol=1e-4)


def test_the_logit_of_a_rounded_cdf_would_not(key):
    logits, means, log_scales = mixture(key, POINTS.size)
    z = (POINTS[:, None] - means) * jnp.exp(-log_scales)
    cdf = jnp.sum(jax.nn.softmax(logits) * jax.nn.sigmoid(z), axis=1)
    assert not np.isfinite(jnp.log(cdf) - jnp.log1p(-cdf)).all()


def test_slope_and_its_gradients_are_finite_everywhere(key):
    parameters = mixture(key, POINTS.size)
    slopes = jax.grad(lambda x, *p: mixture_logit(x, *p)[0].sum())(POINTS, *parameters)
    _, log_slope = mixture_logit(POINTS, *parameters)
    np.testing.assert_allclose(jnp.log(slopes), log_slope, atol=2e-3)
    total = lambda *p: mixture_logit(POINTS, *p)[1].sum()
    for grad in jax.grad(total, argnums=(0, 1, 2))(*parameters):
        assert np.isfinite(grad).all()


def test_far_apart_components_leave_no_hole():
    """Between narrow components f underflows, and its logarithm must not."""
    parameters = (jnp.zeros((1, 2)), jnp.asarray([[-50.0, 50.0]]), jnp.full((1, 2), -2.0))
    value, log_slope = mixture_logit(jnp.zeros(1), *parameters)
    np.testing.assert_allclose(value, 0.0, atol=1e-4)
    # f = e^{2 − 50 e²} on both sides, F = 1/2.
    np.testing.assert_allclose(log_slope, 2 - 50 * np.exp(2.0) + np.log(4), rtol=1e-5)
    grad = jax.grad(lambda x: mixture_logit(x, *parameters)[1].sum())(jnp.asarray([1.0]))
    assert np.isfinite(grad).all()


def test_inverse_undoes_the_map(key):
    logits, means, log_scales = mixture(key, POINTS.size)
    parameters = (logits, means, jnp.clip(log_scales, -1, 1))
    value, _ = mixture_logit(POINTS, *parameters)
    back = jax.jit(mixture_logit_inverse)(value, *parameters)
    np.testing.assert_allclose(back, POINTS, rtol=1e-5, atol=1e-5)


def test_inverse_solves_what_is_ill_conditioned(key):
    """Where the map is flat x is loose, and the value is what must come out."""
    parameters = mixture(key, 400, spread=30.0)
    value = jnp.linspace(-40, 40, 400)
    x = jax.jit(mixture_logit_inverse)(value, *parameters)
    np.testing.assert_allclose(mixture_logit(x, *parameters)[0], value, rtol=1e-5, atol=2e-4)


def stack(key, dim):
    """A stack with parameters far from its start."""
    build_key, noise_key = jax.random.split(key)
    flow = Couplings(MLP(16, 1), dim, 4, 5, None, None, key=build_key)
    leaves, tree = jax.tree.flatten(flow)
    marks = jax.tree.leaves(learnable(flow))
    keys = jax.random.split(noise_key, len(leaves))
    moved = [
        leaf + 0.2 * jax.random.normal(k, leaf.shape) if mark else leaf
        for leaf, mark, k in zip(leaves, marks, keys, strict=True)
    ]
    return jax.tree.unflatten(tree, moved)


@pytest.mark.sweep(1)
@pytest.mark.parametrize("dim", [2, pytest.param(5, marks=pytest.mark.slow)])
def test_stacks_are_inverted(key, dim):
    flow = stack(key, dim)
    # Data of unit scale, and outliers a thousand times as far.
    x = jax.random.normal(key, (200, dim)) * jnp.where(jnp.arange(200) < 190, 1.0, 1e3)[:, None]
    forward = jax.vmap(lambda x: flow.forward(x, None, None))
    z, log_det = forward(x)
    back = jax.vmap(lambda z: flow.inverse(z, None, None))(z)
    assert np.isfinite(log_det).all()
    assert np.isfinite(back).all()
    # Where the map is flat x is loose in single precision; its image is not. Outliers that pass
    # through several flat couplings keep no digit (tests/x64 invert them in double).
    again, _ = forward(back)
    error = np.abs(again - z) / (1 + np.abs(z))
    assert error[:190].max() < 1e-4
    assert np.median(np.abs(back - x)[:190]) < 1e-4


def test_measuring_gives_unit_variance_behind_every_layer(key):
    x = jnp.exp(jax.random.normal(key, (2000, 3))) * jnp.asarray([1.0, 30.0, 0.01])
    flow = Couplings(MLP(16, 1), 3, 4, 5, None, None, key=key)
    flow = flow.measured(x, jnp.zeros(2000), None)
    z, _ = jax.vmap(lambda x: flow.forward(x, None, None))(x)
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(z.std(axis=0), 1, atol=5e-3)
    np.testing.assert_allclose(flow.mixings.shift[0], x.mean(axis=0), rtol=1e-4)
    assert flow.mixings.log_scale.shape == (4, 3)
