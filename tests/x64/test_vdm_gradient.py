"""The direction that VDM follows, against finite differences of the paper's loss in float64."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.data.summary import summarise
from noneq.methods import VDM
from noneq.methods.denoising.variational import VariationalLoss
from noneq.nets import MLP
from noneq.processes import LearntGaussian


N, DIM = 16, 2


def paper(denoiser, batch, steps, key):
    """Diffusion losses of the samples (Kingma et al. 2021, eq. 13–18) and the other two terms."""
    time_key, noise_key, *_ = jax.random.split(key, 4)
    y, schedule = batch["y"], denoiser.process.schedule
    t = (jax.random.uniform(time_key) + jnp.arange(N) / N) % 1
    eps = jax.vmap(lambda key: jax.random.normal(key, (DIM,)))(jax.random.split(noise_key, N))
    gamma = jax.vmap(schedule.gamma)
    if steps:
        t = jnp.ceil(t * steps) / steps
        weight = steps * jnp.expm1(gamma(t) - gamma(t - 1 / steps))
    else:
        h = 1e-5
        weight = (gamma(t + h) - gamma(t - h)) / (2 * h)
    v = jax.nn.sigmoid(gamma(t))[:, None]
    z = jnp.sqrt(1 - v) * y + jnp.sqrt(v) * eps
    std = denoiser.std.value
    unit = z / jnp.sqrt((1 - v) * std**2 + v)
    eps_hat = jax.vmap(denoiser.net)(unit, gamma(t) / 8)
    between = 0.5 * weight * jnp.sum((eps - eps_hat) ** 2, 1)
    v1, gamma0 = jax.nn.sigmoid(schedule.gamma(1.0)), schedule.gamma(0.0)
    # The prior has the marginal variance (1 − v1) sd² + v1, which is 1 for data of unit width.
    wide = (1 - v1) * std**2 + v1
    prior = 0.5 * jnp.sum(((1 - v1) * y**2 + v1) / wide - 1 - jnp.log(v1 / wide), 1)
    recon = 0.5 * DIM * (jnp.log(2 * jnp.pi) + gamma0 + 1)
    return between, jnp.mean(prior) + recon


@pytest.fixture(scope="module", params=[0, 7])
def case(request):
    data = nq.Snapshots(np.random.default_rng(0).normal(size=(N, DIM)) ** 3)
    summary = summarise(data)
    model = (
        VDM(net=MLP(8, 1), process=LearntGaussian(width=5))
        .init(summary, key=jax.random.key(0))
        .denoiser
    )
    model = jax.tree.map(
        lambda leaf: leaf.astype(float) if eqx.is_inexact_array(leaf) else leaf, model
    )
    y = (data.values - np.asarray(summary.shift)) / np.asarray(summary.scale)
    batch = {"y": jnp.asarray(y, float), "time": jnp.zeros(N), "condition": None}
    key = jax.random.key(3)
    loss = VariationalLoss(request.param)
    value, grads, _ = eqx.filter_jit(loss.grad)(model, None, batch, key=key)
    terms = eqx.filter_jit(lambda model: paper(model, batch, request.param, key))

    def slope(where, function):
        """Central difference of function(between, rest) in every entry of a leaf."""
        leaf = where(model)
        at = lambda leaf: function(*terms(eqx.tree_at(where, model, leaf)))
        h, out = 1e-5, np.zeros(leaf.size)
        for i in range(leaf.size):
            step = jnp.zeros(leaf.size).at[i].set(h).reshape(leaf.shape)
            out[i] = (at(leaf + step) - at(leaf - step)) / (2 * h)
        return out.reshape(leaf.shape)

    return request.param, value, grads, terms(model), slope


loss = lambda between, rest: jnp.mean(between) + rest
loudness = lambda between, rest: jnp.log(jnp.mean(between**2))
ENDS = [lambda m: m.process.schedule.low, lambda m: m.process.schedule.high]
NET = [lambda m: m.net.last, lambda m: m.net.bias]
INTERIOR = [
    lambda m: m.process.schedule.slope,
    lambda m: m.process.schedule.steepness,
    lambda m: m.process.schedule.shift,
    lambda m: m.process.schedule.height,
]


@pytest.mark.sweep(1)
def test_the_loss_is_the_papers(case):
    _, value, _, terms, _ = case
    assert float(value) == pytest.approx(float(loss(*terms)), rel=1e-8)


@pytest.mark.sweep(1)
def test_ends_and_network_follow_the_loss(case):
    *_, grads, _, slope = case
    for where in ENDS + NET:
        np.testing.assert_allclose(where(grads), slope(where, loss), rtol=1e-5, atol=1e-6)


@pytest.mark.sweep(1)
def test_interior_follows_the_variance_or_for_finite_chains_the_loss(case):
    steps, _, grads, _, slope = case
    mine, other = (loss, loudness) if steps else (loudness, loss)
    for where in INTERIOR:
        np.testing.assert_allclose(where(grads), slope(where, mine), rtol=1e-4, atol=1e-6)
    assert np.abs(INTERIOR[0](grads) - slope(INTERIOR[0], other)) > 1e-3
