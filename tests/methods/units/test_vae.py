"""VAE: free energy, bounds against linear laws known in closed form, draws, bad input."""

import dataclasses
from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float

import noneq as nq
from noneq.data.summary import summarise
from noneq.domains import Discrete
from noneq.errors import InvalidInput
from noneq.learning.loop import Training
from noneq.methods import VAE
from noneq.methods.units.units import BernoulliUnits, CategoricalUnits, GaussianUnits
from noneq.methods.units.vae import FreeEnergyLoss
from noneq.methods.units.vae_model import Autoencoder, VAEModel, raw_spread
from noneq.nets import MLP
from noneq.nets.base import AbstractNetwork


KEY = jax.random.key(11)
NETS = {"encoder": MLP(32, 1), "decoder": MLP(32, 1)}
DIM, LATENT = 3, 2


class Affine(AbstractNetwork):
    """A linear network: what makes a VAE a law known in closed form."""

    matrix: Float[Array, "inputs outputs"]
    offset: Float[Array, " outputs"]

    def __call__(self, x, level=None, time=None, condition=None):
        return x @ self.matrix + self.offset


def orthogonal_loadings():
    """W and Ψ of x = W z + b + Ψ^½ ξ, with WᵀΨ⁻¹W diagonal, so that the posterior is diagonal."""
    psi = np.asarray([0.5, 0.8, 1.2])
    q, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(DIM, LATENT)))
    return (q * np.asarray([1.5, 0.7])).T * np.sqrt(psi), psi, np.asarray([0.3, -0.2, 0.1])


def linear(temperature=1.0, wrong=0.0):
    """The VAE of that law with its exact posterior, or one that is off by ``wrong``."""
    w, psi, b = orthogonal_loadings()
    precision = 1 + np.diag(w / psi @ w.T)
    reading = (w / psi).T / precision
    as_raw = lambda log_std: 10 * np.arctanh(log_std / 10)
    matrix = np.concatenate([reading, np.zeros((DIM, LATENT))], axis=1)
    offset = np.concatenate([-b @ reading + wrong, as_raw(-np.log(precision) / 2)])
    f = lambda a: jnp.asarray(a, float)
    autoencoder = Autoencoder(
        encoder=Affine(f(matrix), f(offset)),
        decoder=Affine(f(w), f(b)),
        spread=raw_spread(f(np.sqrt(psi))),
        visible=GaussianUnits(1.0),
        latent=LATENT,
        temperature=temperature,
    )
    return VAEModel(autoencoder, summarise(nq.Snapshots(data(64))))


def data(n, seed=0):
    """States of another scale and shift, so that units matter."""
    return np.random.default_rng(seed).normal(size=(n, DIM)).astype(np.float32) * 2 + 5


def exact(model, x):
    """log p(x) of the linear law, in the data's own coordinates, in float64."""
    w, psi, b = orthogonal_loadings()
    scale = np.asarray(model.frame.normaliser.scale.value, np.float64)
    y = (x - np.asarray(model.frame.normaliser.shift.value)) / scale - b
    cov = w.T @ w + np.diag(psi)
    quadratic = np.einsum("ni,ij,nj->n", y, np.linalg.inv(cov), y)
    constants = DIM * np.log(2 * np.pi) + np.linalg.slogdet(cov)[1] + 2 * np.log(scale).sum()
    return -(quadratic + constants) / 2


def test_bounds_are_equalities_at_the_exact_posterior(key):
    model, x = linear(), data(256, seed=1)
    truth = exact(model, x)
    found = model.free_energy(x, draws=256, key=key).free_energy
    assert found.bound == "upper"
    z = (found.value + truth) / found.stderr
    assert abs(z.mean()) < 5 / np.sqrt(z.size)
    assert 0.8 < z.std() < 1.2
    # Importance weights are all alike: no error but rounding.
    weighted = model.log_prob_estimate(x, key=key)
    assert weighted.bound == "lower"
    np.testing.assert_allclose(weighted.value, truth, atol=2e-5)
    assert weighted.stderr.max() < 1e-5


def test_a_wrong_posterior_loosens_the_bound_by_its_divergence(key):
    model, x, wrong = linear(wrong=0.4), data(256, seed=1), 0.4
    w, psi, _ = orthogonal_loadings()
    gap = wrong**2 * (1 + np.diag(w / psi @ w.T)).sum() / 2
    truth = exact(model, x)
    found = model.free_energy(x, draws=256, key=key).free_energy
    assert found.mean().z(gap - truth.mean()).item() == pytest.approx(0, abs=5)
    few = model.log_prob_estimate(x, draws=4, key=key).value - truth
    many = model.log_prob_estimate(x, draws=512, key=key).value - truth
    assert -gap < few.mean() < many.mean() < 0.01
    assert many.mean() > -0.02
    # exp of the estimate has the mean p(x).
    ratio = np.exp(few)
    assert abs(ratio.mean() - 1) < 5 * ratio.std() / np.sqrt(ratio.size)


@pytest.mark.sweep(1)
@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_free_energy_is_reconstruction_plus_divergence(key, temperature):
    """⟨E⟩ − T S in the form of equations 7 and 8, draw by draw, to rounding."""
    model, x = linear(temperature, wrong=0.3), data(8, seed=2)
    found = model.free_energy(x, draws=16, key=key)
    mean, std = (np.asarray(a, np.float64) for a in jax.vmap(model.encode)(jnp.asarray(x)))
    divergence = (mean**2 + std**2 - 1).sum(1) / 2 - np.log(std).sum(1)
    autoencoder, scale = model.autoencoder, model.frame.normaliser.log_scale
    keys = jax.random.split(key, 8)

    def reconstruction(x, mean, std, key):
        y = model.frame.normaliser.forward(x)
        noise = jax.vmap(lambda k: jax.random.normal(k, (LATENT,)))(jax.random.split(key, 16))
        likelihood = lambda z: autoencoder.log_likelihood(y, z, 0.0, None) - scale
        return -jnp.mean(jax.vmap(likelihood)(mean + std * noise))

    direct = jax.vmap(reconstruction)(jnp.asarray(x), *map(jnp.float32, (mean, std)), keys)
    expected = np.asarray(direct) + temperature * divergence
    np.testing.assert_allclose(found.free_energy.value, expected, rtol=1e-5)
    entropy = (np.log(std) + (1 + np.log(2 * np.pi)) / 2).sum(1)
    np.testing.assert_allclose(found.entropy.value, entropy, rtol=1e-5)
    np.testing.assert_allclose(
        found.free_energy.value,
        found.energy.value - temperature * found.entropy.value,
        rtol=1e-12,
    )
    assert found.free_energy.bound == ("upper" if temperature >= 1 else "none")
    assert (found.entropy.stderr == 0).all()
    one = model.free_energy(x[0], draws=16, key=key)
    assert one.energy.value.shape == ()


def test_gradients_pass_through_the_draws(key):
    """The exact posterior of a linear law is a stationary point of the free energy."""
    w, psi, b = orthogonal_loadings()
    noise = np.random.default_rng(3).normal(size=(4096, DIM))
    x = jnp.asarray(noise @ np.linalg.cholesky(w.T @ w + np.diag(psi)).T + b, jnp.float32)
    batch = {"x": x, "time": jnp.zeros(len(x)), "condition": None}
    slope = lambda model: FreeEnergyLoss().grad(model.autoencoder, None, batch, key=key)[1]
    size = lambda grads: max(float(jnp.abs(g).max()) for g in jax.tree.leaves(grads))
    assert size(slope(linear())) < 0.12
    assert size(slope(linear(wrong=0.4)).encoder) > 0.4


def lumps(n, seed=0):
    rng = np.random.default_rng(seed)
    side = rng.integers(0, 2, n) * 2 - 1
    return (side[:, None] * [2.0, 1.0] + 0.5 * rng.normal(size=(n, 2))).astype(np.float32)


@pytest.mark.slow
def test_training_reaches_the_entropy_of_a_two_lump_law(key):
    training = Training(steps=2500, batch=256, rate=0.004, ema=0.99)
    method = VAE(latent=2, encoder=MLP(64, 1), decoder=MLP(64, 2), training=training)
    model = method.fit(lumps(4000), key=KEY).model
    fresh = lumps(2000, seed=1)
    each = lambda side: ((fresh - side * np.asarray([2.0, 1.0])) ** 2).sum(1) / 0.5
    truth = np.logaddexp(-each(1), -each(-1)) - np.log(2 * 2 * np.pi * 0.25)
    loss = truth.mean() - model.log_prob_estimate(fresh, draws=256, key=key).value.mean()
    # One Gaussian of the same covariance is at .83 nats.
    assert -0.05 < loss < 0.35
    x = np.asarray(model.sample(2000, key=key))
    right = x[:, 0] > 0
    assert 0.4 < right.mean() < 0.6
    np.testing.assert_allclose(x[right].mean(0), [2, 1], atol=0.25)


@cache
def letters():
    """Three letters, of which the third repeats the first, at two times; one pixel is constant."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 3, (1200, 4))
    late = rng.integers(0, 2, 1200)
    x[:, 2] = (x[:, 0] + late) % 3
    x[:, 3] = 1
    return nq.Snapshots(x.astype(np.float32), [0.0, 2.0], late, domain=Discrete(3))


@pytest.mark.slow
def test_letters_times_and_a_saved_run(tmp_path, key):
    training = Training(steps=700, batch=0, rate=0.01, ema=0.95)
    method = VAE(latent=2, visible=CategoricalUnits(3), **NETS, training=training)
    fit = method.fit(letters(), key=KEY)
    for time, shift in ((0.0, 0), (2.0, 1)):
        x = np.asarray(fit.model.sample(400, time=time, key=key))
        assert np.mean(x[:, 2] == (x[:, 0] + shift) % 3) > 0.8
        assert np.mean(x[:, 3] == 1) > 0.95
    every = np.indices((3,) * 4).reshape(4, -1).T.astype(np.float32)
    total = np.exp(fit.model.log_prob_estimate(every, time=2.0, draws=512, key=key).value).sum()
    assert total == pytest.approx(1, abs=0.05)
    off = fit.model.log_prob_estimate(every[0] + 0.5, time=0.0, key=key)
    assert np.isneginf(off.value)
    nq.save(fit, tmp_path / "run")
    back = nq.load(tmp_path / "run").model
    np.testing.assert_array_equal(
        back.sample(4, time=2.0, key=key), fit.model.sample(4, time=2.0, key=key)
    )
    nll = nq.metrics.nll(back, letters())
    assert nll.bound == "upper"
    assert (np.abs(nll.value - 2 * np.log(3)) < 0.5).all()


@pytest.mark.slow
def test_conditions_of_bits(key):
    rng = np.random.default_rng(0)
    flip = rng.integers(0, 2, 400)
    x = np.repeat(flip[:, None], 3, axis=1).astype(np.float32)
    data = nq.Snapshots(x, condition=flip[:, None], domain=Discrete(2))
    training = Training(steps=150, batch=0, rate=0.02)
    method = VAE(latent=1, visible=BernoulliUnits(), beta=2.0, **NETS, training=training)
    model = method.fit(data, key=KEY).model
    rows = np.asarray(model.sample(4, condition=[[0], [1], [1], [0]], key=key))
    np.testing.assert_array_equal(rows[:, 0], [0, 1, 1, 0])
    found = model.free_energy(x[:4], condition=flip[:4, None], key=key)
    assert found.free_energy.value.shape == (4,)
    assert model.autoencoder.temperature == 2


def test_a_decoder_of_another_spread_is_noticed(key):
    """A broken twin of the tests above."""
    model, x = linear(), data(256, seed=1)
    truth = exact(model, x)
    narrow = eqx.tree_at(lambda m: m.autoencoder.spread, model, raw_spread(jnp.ones(DIM)))
    off = narrow.log_prob_estimate(x, draws=256, key=key).value - truth
    assert np.abs(off).mean() > 0.05


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: VAE(latent=0), "latent = 0; expected 1"),
        (lambda: VAE(beta=0.0), "beta = 0.0; expected a positive"),
        (lambda: VAE(beta=float("nan")), "beta = nan; expected a positive"),
        (lambda: VAE(visible=BernoulliUnits(), dequantise=1.0), "take the levels as they are"),
        (lambda: VAE(drop_condition=-0.1), "drop_condition = -0.1"),
        (lambda: VAE(visible=BernoulliUnits()).fit(data(8), key=KEY), "binarise them first"),
        (lambda: VAE().fit(letters(), key=KEY), r"visible=CategoricalUnits\(3\)"),
        (lambda: VAE().fit(np.round(data(300)), key=KEY), "set dequantise=1"),
        (lambda: linear().free_energy(data(4), draws=1, key=KEY), "draws = 1; an error needs"),
        (lambda: linear().log_prob_estimate(data(4)[:, :2], key=KEY), "states have shape"),
    ],
)
def test_bad_input_is_refused(make, match):
    with pytest.raises(InvalidInput, match=match):
        make()


def test_fields_are_plain_numbers():
    assert hash(VAE()) == hash(dataclasses.replace(VAE(), latent=8))
