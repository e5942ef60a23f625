"""VDM: the bound on laws whose density is known, the loss, and the learnt schedule."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.constant import Constant
from noneq.data.summary import summarise
from noneq.errors import InvalidInput
from noneq.learning.loop import Training
from noneq.methods import VDM, LikelihoodBound, ReflectedDiffusion
from noneq.methods.denoising.bound import noise_error, place
from noneq.models import AbstractDenoiser, DenoisingModel, HasDenoiser, variational_bound
from noneq.nets import MLP
from noneq.processes import VP, Gaussian, Karras, LearntGaussian, LinearLogSNR
from noneq.samplers import Heun


class Exact(AbstractDenoiser, HasDenoiser):
    """The denoiser of N(0, I), times a factor that spoils it."""

    process: Gaussian
    std: Constant
    factor: float = 1.0

    def denoise(self, x, tau, *, time=None, condition=None):
        alpha, sigma = self.process.schedule(tau)
        return self.factor * alpha / (alpha**2 + sigma**2) * x

    def noisy_score(self, x, tau, *, time=None, condition=None):
        alpha, sigma = self.process.schedule(tau)
        return -x / (alpha**2 + sigma**2)

    def noisy_velocity(self, x, tau, *, time=None, condition=None):
        return self.process.velocity(x, tau, self.noisy_score(x, tau))


DATA = np.random.default_rng(0).normal(size=(50_000, 2)) * [2.0, 0.5] + [1.0, -3.0]
SUMMARY = summarise(nq.Snapshots(DATA))
X = DATA[:6].astype(np.float32)


def exact(schedule, factor=1.0):
    denoiser = Exact(Gaussian(schedule), Constant(jnp.ones(())), factor)
    return DenoisingModel(denoiser, Heun(), SUMMARY)


def log_density():
    z = (X - np.asarray(SUMMARY.shift)) / np.asarray(SUMMARY.scale)
    return (-0.5 * z**2 - np.log(np.asarray(SUMMARY.scale)) - 0.5 * np.log(2 * np.pi)).sum(1)


@pytest.mark.sweep(1)
@pytest.mark.parametrize(
    "schedule", [LinearLogSNR(), VP(), Karras()], ids=lambda value: type(value).__name__
)
def test_the_bound_of_the_exact_denoiser_is_the_density(schedule, key):
    # Exact scores reverse the noising path by path, so that the bound is tight at every state.
    # A schedule that starts at noise s leaves a reconstruction gap of s² per number.
    bound = variational_bound(exact(schedule), X, samples=5000, key=key)
    assert bound.bound == "lower"
    assert bound.value.shape == (6,)
    assert np.abs(bound.z(log_density())).max() < 5
    assert bound.stderr.max() < 1.5  # of ten and more nats
    spoilt = variational_bound(exact(schedule, 0.8), X, samples=5000, key=key)
    below = np.mean(log_density() - spoilt.value)
    assert below > 5 * np.sqrt(np.mean(spoilt.stderr**2) / spoilt.stderr.size) + 2


@pytest.mark.slow
def test_finite_chains_approach_the_limit_from_below(key):
    model = exact(LinearLogSNR(-9.0, 5.0))
    # The same draws for all: differences are sharper than the values.
    bounds = [
        variational_bound(model, X, samples=5000, steps=steps, key=key).mean()
        for steps in (8, 64, 512, 0)
    ]
    gaps = np.asarray([float(bounds[-1].value - bound.value) for bound in bounds[:-1]])
    # The gap is of order 1/steps.
    assert (gaps[:2] > 0).all()
    assert (gaps[1:] < 0.3 * gaps[:-1]).all()
    assert abs(gaps[-1]) < 0.2


def test_one_state_and_misuse(key, tmp_path):
    model = exact(LinearLogSNR())
    one = variational_bound(model, X[0], samples=4, key=key)
    assert one.value.shape == ()
    with pytest.raises(InvalidInput, match="at least 2 and 0"):
        variational_bound(model, X[0], samples=1, key=key)
    with pytest.raises(InvalidInput, match="gamma runs from"):
        VDM(process=LearntGaussian(gamma_min=6.0))
    with pytest.raises(InvalidInput, match="signal-to-noise ratio"):
        VDM(process=LearntGaussian(gamma_max=1.0))
    with pytest.raises(InvalidInput, match="expected 0 or more"):
        LikelihoodBound(-1)


@pytest.fixture(scope="module")
def fit():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20_000, 2)) * 0.1 + rng.integers(0, 2, (20_000, 2)) * 2.0
    method = VDM(net=MLP(64, 2), training=Training(steps=2000, batch=256))
    return method.fit(x, key=jax.random.key(0)), x.astype(np.float32)


def true_nll():
    """Entropy of four far separate Gaussians of width 0.1."""
    return np.log(4) + np.log(2 * np.pi * np.e * 0.01)


@pytest.mark.slow
def test_bound_is_above_the_best_and_near_it(fit, key):
    fit, x = fit
    bound = variational_bound(fit.model, x[:2000], key=key).mean()
    states = 1.0 / np.sqrt(2000)  # spread of −log p over states: 1 for two Gaussian numbers
    assert -float(bound.value) > true_nll() - 5 * (float(bound.stderr) + states)
    assert -float(bound.value) < true_nll() + 0.25 + 5 * float(bound.stderr)
    flow = nq.metrics.nll(fit.model, x[:1000])
    assert float(flow.value.squeeze()) < true_nll() + 0.2
    # The history is the bound too, in normalised coordinates.
    scale = float(fit.model.normaliser.log_scale)
    assert fit.history["loss"][-1] + scale == pytest.approx(-float(bound.value), abs=0.3)


def spread(denoiser, x, key):
    """Variance of the loss over tau, and in all, on a fine even grid of tau."""
    bins, per = 64, 512
    u_key, x_key, noise_key = jax.random.split(key, 3)
    u = ((jnp.arange(bins)[:, None] + jax.random.uniform(u_key, (bins, per))) / bins).ravel()
    y = x[jax.random.randint(x_key, (bins * per,), 0, x.shape[0])]

    def one(y, u, key):
        tau, weight = place(denoiser.process.schedule, u, 0)
        return weight * noise_error(denoiser, y, tau, time=0.0, key=key) / 2

    losses = eqx.filter_jit(jax.vmap(one))(y, u, jax.random.split(noise_key, bins * per))
    losses = np.asarray(losses, np.float64).reshape(bins, per)
    return losses.mean(1).var() - losses.var(1).mean() / per, losses.var(), losses.mean()


@pytest.mark.slow
def test_learnt_gamma_halves_the_variance(fit, key):
    fit, x = fit
    denoiser = fit.model.denoiser
    learnt = denoiser.process.schedule
    line = Gaussian(LinearLogSNR(learnt.low, learnt.high))
    y = jax.vmap(fit.model.normaliser.forward)(jnp.asarray(x))
    ours = spread(denoiser, y, key)
    linear = spread(eqx.tree_at(lambda d: d.process, denoiser, line), y, key)
    assert linear[0] > 3 * ours[0]
    assert linear[1] > 1.3 * ours[1]
    # The bound itself does not depend on the path between the ends.
    assert linear[2] == pytest.approx(ours[2], rel=0.05)


@pytest.mark.slow
def test_discrete_steps_and_conditions(key):
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 2, 4000)
    data = nq.Snapshots(rng.normal(size=(4000, 1)) + 6.0 * kind[:, None], condition=kind)
    method = VDM(
        objective=LikelihoodBound(20),
        drop_condition=0.2,
        net=MLP(32, 2),
        training=Training(steps=800, batch=128),
    )
    model = method.fit(data, key=key).model
    for value in (0, 1):
        x = model.sample(1000, condition=[value], key=key)
        assert abs(float(x.mean()) - 6 * value) < 0.4 + 5 / np.sqrt(1000)
    bound = variational_bound(model, [[0.0], [6.0]], condition=[[1], [1]], key=key)
    assert bound.value[1] > bound.value[0] + 5
    assert np.isfinite(variational_bound(model, [[0.0], [6.0]], steps=20, key=key).value).all()


def test_processes_that_are_not_gaussian_are_refused(key):
    box = nq.Snapshots(np.random.default_rng(0).random((50, 1)), domain=nq.domains.Box(0.0, 1.0))
    method = ReflectedDiffusion(net=MLP(8, 1), training=Training(steps=1, batch=4))
    model = method.init(summarise(box), key=key)
    if isinstance(model, DenoisingModel):
        with pytest.raises(InvalidInput, match="Gaussian noise"):
            variational_bound(model, [0.5], key=key)
