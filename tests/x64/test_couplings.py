"""Couplings through mixtures of logistics in double precision: inverse, Jacobian, gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from noneq.constant import learnable
from noneq.methods.flows.coupling_nets import Couplings
from noneq.methods.flows.logistics import mixture_logit, mixture_logit_inverse
from noneq.nets import MLP


N, K = 60, 5
STEP = 1e-6


def mixture(key, n=N):
    logits, means, log_scales = jax.random.normal(key, (3, n, K))
    return logits, 2 * means, jnp.clip(log_scales, -2, 2)


def stack(key, dim):
    """A stack with parameters far from its start."""
    build_key, noise_key = jax.random.split(key)
    flow = Couplings(MLP(16, 1), dim, 3, K, None, None, key=build_key)
    leaves, tree = jax.tree.flatten(flow)
    marks = jax.tree.leaves(learnable(flow))
    keys = jax.random.split(noise_key, len(leaves))
    moved = [
        leaf + 0.3 * jax.random.normal(k, leaf.shape, leaf.dtype) if mark else leaf
        for leaf, mark, k in zip(leaves, marks, keys, strict=True)
    ]
    return jax.tree.unflatten(tree, moved)


def test_log_slope_is_that_of_the_map(key):
    x = jnp.linspace(-12, 12, N)
    parameters = mixture(key)
    slope = jax.grad(lambda x: mixture_logit(x, *parameters)[0].sum())(x)
    log_slope = mixture_logit(x, *parameters)[1]
    np.testing.assert_allclose(log_slope, jnp.log(slope), rtol=1e-10, atol=1e-10)
    shifted = [mixture_logit(x + h, *parameters)[0] for h in (STEP, -STEP)]
    np.testing.assert_allclose(slope, (shifted[0] - shifted[1]) / (2 * STEP), rtol=1e-7)


def test_far_tails_stay_finite_and_are_those_of_the_widest_component():
    """|x| = 50 and beyond, where F rounds to 0 or 1: the slope is that of one logistic."""
    x = jnp.asarray([-1e4, -50.0, 50.0, 1e4])
    parameters = [jnp.tile(jnp.asarray(row), (4, 1)) for row in
                  ([0.3, -0.2, 0.1], [-1.0, 0.5, 2.0], [-1.0, 0.0, -2.0])]  # fmt: skip
    value, log_slope = mixture_logit(x, *parameters)
    assert np.isfinite(value).all()
    np.testing.assert_allclose(log_slope, 0.0, atol=1e-12)
    np.testing.assert_allclose(mixture_logit_inverse(value, *parameters), x, rtol=1e-13)


def test_implicit_gradients_are_finite_differences(key):
    """In the value 1/f', and in every parameter of the mixture."""
    value = jnp.linspace(-6, 6, N)
    arguments = (value, *mixture(key))
    inverse = jax.jit(mixture_logit_inverse)
    x = inverse(*arguments)
    gradient = jax.jit(jax.grad(lambda *a: mixture_logit_inverse(*a).sum(), argnums=(0, 1, 2, 3)))
    found = gradient(*arguments)
    log_slope = mixture_logit(x, *arguments[1:])[1]
    np.testing.assert_allclose(found[0], jnp.exp(-log_slope), rtol=1e-10)
    for place in range(4):
        direction = jax.random.normal(jax.random.fold_in(key, place), arguments[place].shape)
        moved = [
            inverse(*[a + h * direction if i == place else a for i, a in enumerate(arguments)])
            for h in (STEP, -STEP)
        ]
        slope = (moved[0] - moved[1]) / (2 * STEP)
        product = found[place] * direction
        product = product if place == 0 else product.sum(axis=1)
        np.testing.assert_allclose(product, slope, rtol=1e-5, atol=1e-7)


@pytest.mark.sweep(1)
@pytest.mark.parametrize("dim", [1, 2, pytest.param(5, marks=pytest.mark.slow)])
def test_stacks_know_their_jacobian_and_their_inverse(key, dim):
    flow = stack(key, dim)
    x = 2 * jax.random.normal(key, (20, dim))
    forward = lambda x: flow.forward(x, None, None)
    inverse = lambda z: flow.inverse(z, None, None)
    z, log_det = jax.jit(jax.vmap(forward))(x)
    jacobian = jax.jit(jax.vmap(jax.jacfwd(lambda x: forward(x)[0])))(x)
    truth = jnp.linalg.slogdet(jacobian)[1]
    np.testing.assert_allclose(log_det, truth, rtol=1e-9, atol=1e-9)
    assert np.abs(truth).min() > 1e-3
    # Where the map is flat x is loose by rounding over the slope; its image is not.
    back = jax.jit(jax.vmap(inverse))(z)
    np.testing.assert_allclose(back, x, rtol=0, atol=1e-6)
    np.testing.assert_allclose(jax.jit(jax.vmap(forward))(back)[0], z, rtol=1e-11, atol=1e-11)
    # The Jacobian of the inverse is the inverse of the Jacobian.
    reverse = jax.jit(jax.jacfwd(inverse))(z[0])
    np.testing.assert_allclose(reverse @ jacobian[0], np.eye(dim), atol=1e-8)
