"""Likelihoods of denoising models on correlated Gaussian data, where all is known: no training."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.data.summary import summarise
from noneq.errors import InvalidInput, MissingTrait
from noneq.metrics import bits_per_dim, likelihood_consistency, nll, prior_mismatch
from noneq.models import AbstractDenoiser, DenoisingModel
from noneq.nets import Constant
from noneq.processes import VP, AbstractProcess, Gaussian, Karras
from noneq.samplers import Heun


class LinearGaussian(AbstractDenoiser):
    """Exact score of y ~ N(0, C) in normalised coordinates: −(alpha² C + sigma² I)⁻¹ x."""

    process: AbstractProcess
    std: Constant
    axes: Constant
    variances: Constant
    wrong: float = 1.0

    def noisy_score(self, x, tau, *, time=None, condition=None):
        alpha, sigma = self.process.schedule(tau)
        law = alpha**2 * self.variances.value + sigma**2
        return -self.wrong * self.axes.value @ ((x @ self.axes.value) / law)

    def noisy_velocity(self, x, tau, *, time=None, condition=None):
        score = self.noisy_score(x, tau, time=time, condition=condition)
        return self.process.velocity(x, tau, score)


def world(dim, n, seed=0, schedule=None, wrong=1.0):
    """(model, data, log density of the law that the model should have)."""
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(dim, dim)) / np.sqrt(dim) + np.eye(dim)
    x = (rng.normal(size=(n, dim)) @ mix.T * 3 + 5).astype(np.float32)
    summary = summarise(nq.Snapshots(x))
    shift, scale = np.asarray(summary.shift), np.asarray(summary.scale)
    covariance = 9 * mix @ mix.T / np.outer(scale, scale)
    variances, axes = np.linalg.eigh(covariance)
    denoiser = LinearGaussian(
        process=Gaussian(schedule or Karras(sigma_max=20.0)),
        std=Constant(jnp.asarray(1.0)),
        axes=Constant(jnp.asarray(axes, jnp.float32)),
        variances=Constant(jnp.asarray(variances, jnp.float32)),
        wrong=wrong,
    )
    model = DenoisingModel(denoiser, Heun(likelihood_steps=200), summary)

    def truth(x):
        y = (np.asarray(x, np.float64) - shift) / scale
        square = np.einsum("ni,ij,nj->n", y, np.linalg.inv(covariance), y)
        log_det = np.linalg.slogdet(2 * np.pi * covariance)[1]
        return -0.5 * (square + log_det) - np.log(scale).sum()

    return model, x, truth


@pytest.mark.sweep(1)
@pytest.mark.parametrize("schedule", [None, VP()], ids=["Karras", "VP"])
def test_exact_and_hutchinson_agree_with_the_gaussian_density(schedule, key):
    model, x, truth = world(5, 300, schedule=schedule)
    x = x[:40]
    exact = np.asarray(jax.jit(jax.vmap(model.log_prob))(jnp.asarray(x)))
    np.testing.assert_allclose(exact, truth(x), atol=0.02)
    estimate = model.log_prob_estimate(x, key=key, probes=32, steps=200)
    assert estimate.value.shape == estimate.stderr.shape == (40,)
    z = estimate.z(exact)
    # 40 scores at 32 probes: Student's t; false-alarm rate about 1e-4 for each limit.
    assert np.abs(z).max() < 5.5
    assert abs(z.mean()) < 4 / np.sqrt(40) * z.std() + 1e-9
    assert 0.6 < z.std() < 1.6
    # Within 3 s.e. but for 0.6 %: six of 40 beyond, false alarm 3e-7.
    assert (np.abs(z) > 3).sum() < 6
    broken, _, _ = world(5, 300, schedule=schedule, wrong=0.75)
    off = broken.log_prob_estimate(x, key=key, probes=32, steps=200)
    assert np.abs(off.z(exact)).max() > 5.5


@pytest.mark.parametrize("schedule", [None, VP()], ids=["Karras", "VP"])
def test_the_density_integrates_to_one(schedule):
    model, x, truth = world(2, 300, schedule=schedule)
    low, high = x.min(0) - x.std(0), x.max(0) + x.std(0)
    low, high = 2 * low - (low + high) / 2, 2 * high - (low + high) / 2
    axes = [np.linspace(a, b, 121, dtype=np.float32) for a, b in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2)
    density = lambda model: np.exp(np.asarray(jax.jit(jax.vmap(model.log_prob))(grid), np.float64))
    cell = np.prod((high - low) / 120)
    assert abs(np.exp(truth(grid)).sum() * cell - 1) < 1e-6
    assert abs(density(model).sum() * cell - 1) <= 2e-3
    # The broken twin forgets the Jacobian of the normalisation.
    assert abs(density(model).sum() * cell * float(np.exp(model.normaliser.log_scale)) - 1) > 2e-3


def test_above_64_dimensions_there_is_an_estimate(key):
    model, x, truth = world(80, 400)
    with pytest.raises(InvalidInput, match="log_prob_estimate"):
        model.log_prob(jnp.asarray(x[0]))
    one = model.log_prob_estimate(x[0], key=key, steps=100)
    assert one.value.shape == ()
    assert abs(one.z(truth(x[:1])[0])) < 5.5
    mean = nll(model, x[:100], batch=50, key=key)
    direct = -truth(x[:100]).mean()
    # Probes of every state are independent: the error of their mean beside that of the states.
    assert abs(float(mean.value) - direct) < 5 * float(one.stderr) / np.sqrt(100) + 0.05
    with pytest.raises(InvalidInput, match="probes"):
        model.log_prob_estimate(x[0], key=key, probes=1)
    with pytest.raises(InvalidInput, match="shape"):
        model.log_prob_estimate(x[0, :7], key=key)


def test_samples_come_with_their_log_density(key):
    model, _, truth = world(3, 300)
    x, log_prob = model.sample_with_log_prob(500, key=key)
    np.testing.assert_allclose(log_prob, truth(x), atol=0.08)
    assert not np.allclose(log_prob, truth(x[::-1]), atol=0.5)


def test_the_two_directions_agree_and_few_steps_show(key):
    model, x, _ = world(2, 300)
    fine = likelihood_consistency(model, x, n=64, key=key)
    assert float(fine.value[0]) < 0.02
    coarse = eqx.tree_at(lambda m: m.sampler, model, Heun(likelihood_steps=2))
    assert float(likelihood_consistency(coarse, x, n=64, key=key).value[0]) > 0.1


def test_prior_mismatch_is_the_closed_form(key):
    """Per number, E log k_1/prior = ½ ln(1 + alpha² s²/sigma²) for a Gaussian law."""
    model, x, _ = world(2, 4000, schedule=Karras(sigma_max=5.0))
    found = prior_mismatch(model, x, n=4000, key=key)
    assert found.bound == "upper"
    truth = 2 * 0.5 * np.log(1 + 1 / 25)
    assert abs(found.z(truth)[0]) < 5
    assert abs(found.z(2 * truth)[0]) > 5


def test_discrete_data_need_a_word(key):
    model, _, _ = world(2, 300)
    grid = np.random.default_rng(0).integers(0, 6, (400, 2)).astype(np.float32)
    with pytest.raises(InvalidInput, match="discrete"):
        nll(model, grid)
    filled = nll(model, grid, dequantise=1.0, key=key)
    assert filled.bound == "upper"
    as_is = nll(model, grid, dequantise=0.0)
    assert float(filled.value) > float(as_is.value)
    # Cells of half the size hold a quarter of the probability: 2 ln 2 more nats in 2 dimensions.
    half = nll(model, grid, dequantise=0.5, key=key)
    assert float(half.value) == pytest.approx(float(as_is.value) + 2 * np.log(2), abs=0.1)
    bits = bits_per_dim(model, grid, dequantise=1.0, key=key)
    assert float(bits.value) == pytest.approx(float(filled.value) / (2 * np.log(2)))


def test_models_without_a_density_are_named():
    class Nothing:
        event_shape = (2,)

    for metric in (nll, prior_mismatch, likelihood_consistency):
        with pytest.raises(MissingTrait, match="needs a model with the trait"):
            metric(Nothing(), np.zeros((5, 2)))
