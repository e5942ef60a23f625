"""Every sampler with the exact denoiser of three weighted points, and of a Gaussian law."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from noneq.errors import MissingTrait
from noneq.models import EmpiricalDenoiser
from noneq.processes import VE, VP, Cosine, Gaussian, Karras, Reflected
from noneq.samplers import (
    AdaptiveODE,
    Ancestral,
    AnnealedLangevin,
    ChurnedHeun,
    Exponential,
    Heun,
    Multistep,
    PredictorCorrector,
    ReverseSDE,
)
from noneq.traits import HasDenoiser, HasNoisyScore, HasNoisyVelocity


PLACES = np.asarray([[-0.8, 0.1], [1.0, 0.9], [0.6, -1.1]])
COUNTS = np.asarray([2, 1, 1])
LIMIT = 5.1
"""Three z-scores beyond it: false alarm 1e-6."""


class Scaled(HasDenoiser, HasNoisyScore, HasNoisyVelocity):
    """A denoiser with its score multiplied by a factor: the broken twin."""

    inner: Any
    factor: jax.Array

    @property
    def process(self):
        return self.inner.process

    @property
    def prior(self):
        return self.inner.prior

    def noisy_score(self, x, tau, *, time=None, condition=None):
        return self.factor * self.inner.noisy_score(x, tau)

    def noisy_velocity(self, x, tau, *, time=None, condition=None):
        return self.process.velocity(x, tau, self.noisy_score(x, tau))

    def denoise(self, x, tau, *, time=None, condition=None):
        alpha, sigma = self.process.schedule(tau)
        clean = self.inner.denoise(x, tau)
        # Where alpha = 0 the state says nothing of the data.
        return clean + (1 - self.factor) * (x - alpha * clean) / jnp.maximum(alpha, 1e-4)


@eqx.filter_jit
def draw(sampler, model, n, key):
    return sampler(model, (n, 2), time=None, condition=None, key=key)


def weights(x, places):
    """z-scores of the share of each point, and the largest distance to the nearest point."""
    away = np.linalg.norm(np.asarray(x, np.float64)[:, None] - places, axis=-1)
    counts = np.bincount(away.argmin(1), minlength=3)
    share, n = COUNTS / COUNTS.sum(), len(x)
    z = (counts - n * share) / np.sqrt(n * share * (1 - share))
    return np.abs(z).max(), away.min(1).max()


KARRAS, VARIANCE = Gaussian(Karras(sigma_max=20.0)), Gaussian(VP())
# alpha = 0 at tau = 1 exactly, also in single precision.
COSINE = Gaussian(Cosine())
SAMPLERS = {
    "Heun": (Heun(60), KARRAS),
    "Heun-VP": (Heun(100), VARIANCE),
    "AdaptiveODE": (AdaptiveODE(), KARRAS),
    "Multistep": (Multistep(60), KARRAS),
    "Multistep-VP": (Multistep(60), VARIANCE),
    "ReverseSDE": (ReverseSDE(300), KARRAS),
    "ReverseSDE-VP": (ReverseSDE(300), VARIANCE),
    "PredictorCorrector": (PredictorCorrector(200), KARRAS),
    # ScoreSDE's default, whose last predictor lands on the denoised state.
    "PredictorCorrector-VP": (PredictorCorrector(300), VARIANCE),
    "Exponential": (Exponential(300), KARRAS),
    "Exponential-half": (Exponential(200, noise=0.5), VARIANCE),
    "Ancestral": (Ancestral(300), KARRAS),
    "Ancestral-larger": (Ancestral(300, larger=True), VARIANCE),
    "Ancestral-Cosine": (Ancestral(300), COSINE),
    "Multistep-Cosine": (Multistep(60), COSINE),
    "Exponential-Cosine": (Exponential(200), COSINE),
    "AnnealedLangevin": (AnnealedLangevin(10, 100, rate=0.2), Gaussian(VE(0.01, 20.0))),
    "ChurnedHeun": (ChurnedHeun(30), KARRAS),
    "ChurnedHeun-Cosine": (ChurnedHeun(60, churn=20.0), COSINE),
    "ChurnedHeun-churn": (ChurnedHeun(60, churn=20.0), KARRAS),
}


@pytest.mark.sweep(4)
@pytest.mark.parametrize(
    "name",
    [pytest.param(s, marks=pytest.mark.slow) if i % 2 else s for i, s in enumerate(SAMPLERS)],
)
def test_the_weights_of_three_points_come_back(name, key):
    sampler, process = SAMPLERS[name]
    points = jnp.asarray(np.repeat(PLACES, COUNTS, 0), jnp.float32)
    oracle = EmpiricalDenoiser(points, process)
    z, far = weights(draw(sampler, Scaled(oracle, jnp.asarray(1.0)), 4000, key), PLACES)
    assert z < LIMIT
    # VP ends at sigma = 0.0105, the others at 0.01 and less; Heun's last step adds a little.
    assert far < 0.15
    z, _ = weights(draw(sampler, Scaled(oracle, jnp.asarray(0.6)), 4000, key), PLACES)
    assert z > LIMIT


@pytest.mark.slow
@pytest.mark.parametrize(
    "sampler",
    [
        Heun(30),
        AdaptiveODE(),
        ReverseSDE(150),
        PredictorCorrector(80),
        AnnealedLangevin(10, 60, rate=0.2, last=False),
    ],
    ids=lambda sampler: type(sampler).__name__,
)
def test_between_walls_too(sampler, key):
    places = 0.8 * PLACES + np.asarray([0.0, 0.05])
    points = jnp.asarray(np.repeat(places, COUNTS, 0), jnp.float32)
    oracle = EmpiricalDenoiser(points, Reflected(VE(0.02, 3.0)))
    x = np.asarray(draw(sampler, oracle, 1000, key))
    assert np.abs(x).max() <= 1
    z, far = weights(x, places)
    assert z < LIMIT
    assert far < 0.3
    points = jnp.asarray(np.repeat(places, [1, 1, 2], 0), jnp.float32)
    wrong = EmpiricalDenoiser(points, oracle.process)
    assert weights(draw(sampler, wrong, 1000, key), places)[0] > LIMIT


@pytest.mark.parametrize(
    "sampler",
    [Multistep(), Exponential(), Ancestral(), ChurnedHeun(), AnnealedLangevin()],
    ids=lambda sampler: type(sampler).__name__,
)
def test_a_model_without_denoiser_is_told_what_to_use(sampler, key):
    class OnlyScore(HasNoisyScore, HasNoisyVelocity):
        process: Any = KARRAS
        prior: Any = KARRAS.prior(1.0)

        def noisy_score(self, x, tau, *, time=None, condition=None):
            return -x

        def noisy_velocity(self, x, tau, *, time=None, condition=None):
            return x

    with pytest.raises(MissingTrait, match="HasDenoiser.*use Heun"):
        sampler(OnlyScore(), (3, 2), time=None, condition=None, key=key)
