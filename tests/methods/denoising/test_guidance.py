"""Guidance, measurement and inpainting against exact Gaussian posteriors: no training."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.data.summary import summarise
from noneq.errors import InvalidInput, MissingTrait, WrongType
from noneq.models import (
    AbstractDenoiser,
    AbstractTweedie,
    DenoisingModel,
    guided,
    inpainted,
    measured,
)
from noneq.nets import Constant
from noneq.processes import VP, AbstractProcess, Gaussian, Karras
from noneq.samplers import Heun, Multistep, ReverseSDE


MEAN = np.asarray([5.0, -2.0, 1.0])
MIX = np.asarray([[2.0, 0.0, 0.0], [1.0, 1.0, 0.0], [-0.5, 0.4, 0.3]])
COVARIANCE = MIX @ MIX.T
N = 6000
LIMIT = 5.4
"""Nine z-scores (three means, six covariances) beyond it: false alarm 1e-6."""


class Normal(AbstractTweedie):
    """D of y ~ N(m + shift c, C) in normalised coordinates; c open (NaN) counts as 0."""

    process: AbstractProcess
    std: Constant
    mean: Constant
    covariance: Constant
    shift: float = 0.0

    def denoise(self, x, tau, *, time=None, condition=None):
        alpha, sigma = self.process.schedule(tau)
        m, c = self.mean.value, self.covariance.value
        if condition is not None:
            m = m + self.shift * jnp.nan_to_num(condition[0])
        gain = alpha * c @ jnp.linalg.inv(alpha**2 * c + sigma**2 * jnp.eye(m.size))
        return m + gain @ (x - alpha * m)


def world(schedule, sampler, *, condition=None, optional=False, shift=0.0):
    x = np.random.default_rng(0).normal(size=(500, 3)) @ MIX.T + MEAN
    data = nq.Snapshots(x, condition=condition, names=["a", "b", "c"])
    summary = summarise(data)
    centre, scale = np.asarray(summary.shift), np.asarray(summary.scale)
    constant = lambda value: Constant(jnp.asarray(value, jnp.float32))
    denoiser = Normal(
        process=Gaussian(schedule),
        std=constant(1.0),
        mean=constant((MEAN - centre) / scale),
        covariance=constant(COVARIANCE / np.outer(scale, scale)),
        shift=shift,
    )
    return DenoisingModel(denoiser, sampler, summary, optional=optional)


def posterior(a, b, noise):
    """Mean and covariance of x ~ N(MEAN, COVARIANCE) given b = a x + noise xi."""
    gain = COVARIANCE @ a.T @ np.linalg.inv(a @ COVARIANCE @ a.T + noise**2 * np.eye(len(b)))
    return MEAN + gain @ (b - a @ MEAN), COVARIANCE - gain @ a @ COVARIANCE


def z_scores(x, mean, covariance):
    """Largest z-score of the means and covariances of the columns."""
    x, n = np.asarray(x, np.float64), len(x)
    width = np.sqrt(np.diag(covariance))
    first = (x.mean(0) - mean) / (width / np.sqrt(n))
    error = np.sqrt((covariance**2 + np.outer(width**2, width**2)) / n)
    second = (np.cov(x.T) - covariance) / error
    return max(np.abs(first).max(), np.abs(second).max())


MATRIX = np.asarray([[1.0, 1.0, 0.0], [0.0, -1.0, 2.0]])
VALUES = np.asarray([5.5, 6.0])
# The prior is centred and the posterior is not: an offset of m/sigma_max of a width is left.
WORLDS = {
    "Heun": (Karras(sigma_max=400.0), Heun(120)),
    "Multistep": (VP(), Multistep(80)),
    "ReverseSDE": (Karras(sigma_max=40.0), ReverseSDE(800)),
}


@pytest.mark.sweep(1)
@pytest.mark.parametrize("name", WORLDS)
def test_measured_samples_follow_the_posterior(name, key):
    model = world(*WORLDS[name])
    law = posterior(MATRIX, VALUES, 0.8)
    found = measured(model, MATRIX, VALUES, noise=0.8).sample(N, key=key)
    assert z_scores(found, *law) < LIMIT
    # The posterior of another noise, and the law without measurement, are told apart.
    assert z_scores(found, *posterior(MATRIX, VALUES, 1.0)) > LIMIT
    assert z_scores(model.sample(N, key=key), *law) > LIMIT


def test_the_guided_score_is_that_of_the_posterior():
    """At every noise level, in the data's units: the denoiser of the posterior itself."""
    model = world(*WORLDS["Multistep"])
    found = measured(model, MATRIX, VALUES, noise=0.8)
    mean, covariance = posterior(MATRIX, VALUES, 0.8)
    scale, shift = (np.asarray(v.value) for v in (model.normaliser.scale, model.normaliser.shift))
    m, c = (mean - shift) / scale, covariance / np.outer(scale, scale)
    for tau in (0.02, 0.3, 0.7):
        alpha, sigma = (float(v) for v in model.denoiser.process.schedule(tau))
        x = np.asarray([0.4, -0.3, 0.9])
        law = alpha**2 * c + sigma**2 * np.eye(3)
        truth = -np.linalg.solve(law, x - alpha * m)
        score = found.denoiser.noisy_score(jnp.asarray(x, jnp.float32), tau)
        np.testing.assert_allclose(score, truth, rtol=2e-3, atol=2e-3 * np.abs(truth).max())


def test_inpainting_keeps_what_is_given(key):
    model = world(*WORLDS["Heun"])
    x = np.asarray(inpainted(model, {"b": -3.5}).sample(N, key=key), np.float64)
    # Up to the smallest noise of the process, 0.002 of the width 1.4, and its floor.
    np.testing.assert_allclose(x[:, 1], -3.5, atol=0.05)
    mean, covariance = posterior(np.eye(3)[[1]], np.asarray([-3.5]), 0.0)
    rest = [0, 2]
    assert z_scores(x[:, rest], mean[rest], covariance[np.ix_(rest, rest)]) < LIMIT
    assert z_scores(x[:, rest], MEAN[rest], COVARIANCE[np.ix_(rest, rest)]) > LIMIT
    same = inpainted(model, {1: -3.5}).sample(5, key=key)
    np.testing.assert_allclose(same, inpainted(model, {"b": -3.5}).sample(5, key=key))


@pytest.mark.slow
def test_strengths_of_classifier_free_guidance(key):
    """1 is the conditional law, 0 the one without condition; means here are linear in it."""
    condition = np.linspace(-1, 1, 500)
    model = world(*WORLDS["Heun"], condition=condition, optional=True, shift=1.5)
    move = 1.5 * np.asarray(model.normaliser.scale.value) * 0.5
    for strength in (0.0, 1.0, 3.0):
        x = guided(model, strength).sample(N, condition=[0.5], key=key)
        assert z_scores(x, MEAN + strength * move, COVARIANCE) < LIMIT
        assert z_scores(x, MEAN + (strength + 0.5) * move, COVARIANCE) > LIMIT
    plain = model.sample(5, condition=[0.5], key=key)
    same = guided(model, 1.0).sample(5, condition=[0.5], key=key)
    np.testing.assert_allclose(same, plain, rtol=1e-4, atol=1e-4)
    free = guided(model, 0.0).sample(5, condition=[0.5], key=key)
    np.testing.assert_allclose(free, model.sample(5, key=key), atol=1e-5)


def test_a_measurement_of_a_guided_model(key):
    condition = np.linspace(-1, 1, 500)
    model = world(*WORLDS["Heun"], condition=condition, optional=True, shift=1.5)
    both = measured(guided(model, 2.0), MATRIX, VALUES, noise=0.8)
    x = both.sample(N, condition=[0.5], key=key)
    move = 1.5 * np.asarray(model.normaliser.scale.value)
    mean, covariance = posterior(MATRIX, VALUES - MATRIX @ move, 0.8)
    assert z_scores(x, mean + move, covariance) < LIMIT


def test_bad_input_is_explained():
    model = world(*WORLDS["Heun"])
    labelled = world(*WORLDS["Heun"], condition=np.linspace(-1, 1, 500), optional=True)
    with pytest.raises(InvalidInput, match="drop_condition > 0"):
        guided(model, 1.0)
    with pytest.raises(InvalidInput, match="drop_condition > 0"):
        guided(world(*WORLDS["Heun"], condition=np.linspace(-1, 1, 500)), 1.0)
    for strength in (-1.0, float("nan"), float("inf")):
        with pytest.raises(InvalidInput, match="finite number ≥ 0"):
            guided(labelled, strength)
    with pytest.raises(InvalidInput, match="expected \\(m, 3\\)"):
        measured(model, np.eye(2), [0.0, 1.0])
    with pytest.raises(InvalidInput, match="finite"):
        measured(model, MATRIX, [np.nan, 1.0])
    with pytest.raises(InvalidInput, match="noise = -1"):
        measured(model, MATRIX, VALUES, noise=-1.0)
    with pytest.raises(InvalidInput, match="row of the matrix is zero"):
        measured(model, [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]], VALUES)
    for given in ({"d": 1.0}, {3: 1.0}, {-1: 1.0}):
        with pytest.raises(InvalidInput, match="no coordinate"):
            inpainted(model, given)
    for given in ({}, {"a": 1.0, 0: 1.0}):
        with pytest.raises(InvalidInput, match="each known coordinate once"):
            inpainted(model, given)
    with pytest.raises(WrongType, match="needs a denoising model"):
        guided(object(), 1.0)


def test_a_score_without_denoiser_is_named():
    class OnlyScore(AbstractDenoiser):
        process: AbstractProcess
        std: Constant

        def noisy_score(self, x, tau, *, time=None, condition=None):
            return -x

        def noisy_velocity(self, x, tau, *, time=None, condition=None):
            return x

    model = world(*WORLDS["Heun"])
    bare = OnlyScore(process=Gaussian(), std=model.denoiser.std)
    bare = eqx.tree_at(lambda m: m.denoiser, model, bare)
    with pytest.raises(MissingTrait, match="HasDenoiser"):
        inpainted(bare, {"a": 1.0})
