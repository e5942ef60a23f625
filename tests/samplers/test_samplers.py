"""Samplers on Gaussian data, where score, velocity and density are exact: no training."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from noneq.errors import InvalidInput
from noneq.processes import VP, Gaussian, Karras, NormalPrior, Straight
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


MEAN, STD = jnp.asarray([0.4, -0.2]), 0.7


class Exact(HasDenoiser, HasNoisyScore, HasNoisyVelocity):
    """p_tau = N(alpha m, alpha² s² + sigma²) in closed form."""

    process: Gaussian
    wrong: float = 1.0
    mean: tuple[float, float] = (0.4, -0.2)

    @property
    def prior(self) -> NormalPrior:
        return self.process.prior(STD)

    def noisy_score(self, x, tau, *, time=None, condition=None):
        alpha, sigma = self.process.schedule(tau)
        return -self.wrong * (x - alpha * jnp.asarray(self.mean)) / (alpha**2 * STD**2 + sigma**2)

    def denoise(self, x, tau, *, time=None, condition=None):
        alpha, sigma = self.process.schedule(tau)
        return (x + sigma**2 * self.noisy_score(x, tau)) / alpha

    def noisy_velocity(self, x, tau, *, time=None, condition=None):
        schedule = self.process.schedule
        score = self.noisy_score(x, tau)
        return schedule.drift(tau) * x - 0.5 * schedule.diffusion_squared(tau) * score


def draw(sampler, model, n, key):
    run = eqx.filter_jit(lambda s, m, k: s(m, (n, 2), time=None, condition=None, key=k))
    return np.asarray(run(sampler, model, key))


def z_scores(x):
    n = x.shape[0]
    mean = (x.mean(0) - np.asarray(MEAN)) / (STD / np.sqrt(n))
    variance = (x.var(0) / STD**2 - 1) / np.sqrt(2 / n)
    return np.abs(np.concatenate([mean, variance]))


@pytest.mark.sweep(4)
@pytest.mark.parametrize(
    ("sampler", "schedule"),
    [
        (Heun(60), Karras(sigma_max=20.0)),
        (Heun(60), VP()),
        (AdaptiveODE(), Karras(sigma_max=20.0)),
        (ReverseSDE(600), VP()),
        (ReverseSDE(600, noise=0.5), Karras(sigma_max=20.0)),
        (PredictorCorrector(300), Karras(sigma_max=20.0)),
        (PredictorCorrector(300), VP()),
        (Multistep(60), VP()),
        (Exponential(400), Karras(sigma_max=20.0)),
        (Ancestral(400), VP()),
        (AnnealedLangevin(20, rate=0.2), Karras(sigma_max=20.0)),
        (ChurnedHeun(60, churn=10.0), Karras(sigma_max=20.0)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_samplers_reach_the_data_law_and_notice_a_wrong_score(sampler, schedule, key):
    model = Exact(Gaussian(schedule))
    # 4 z-scores; first-order SDE steps leave a bias below one standard error at n = 4,000.
    assert z_scores(draw(sampler, model, 4000, key)).max() < 5.5
    broken = Exact(Gaussian(schedule), wrong=0.8)
    assert z_scores(draw(sampler, broken, 4000, key)).max() > 5.5


@pytest.mark.parametrize("schedule", [Karras(sigma_max=20.0), VP()], ids=lambda s: type(s).__name__)
def test_log_prob_equals_the_gaussian_density(schedule):
    x = jnp.asarray([[0.4, -0.2], [1.5, 0.3], [-1.0, -1.4]])
    alpha, sigma = schedule(schedule.start)
    variance = alpha**2 * STD**2 + sigma**2
    truth = -0.5 * (x**2).sum(1) / variance - jnp.log(2 * np.pi * variance)
    # Centred data, as the normaliser makes them: the prior is then exact too.
    model = Exact(Gaussian(schedule), mean=(0.0, 0.0))
    for sampler in (Heun(likelihood_steps=200), AdaptiveODE()):
        one = lambda x, s=sampler: s.log_prob(model, x, time=None, condition=None)
        np.testing.assert_allclose(jax.jit(jax.vmap(one))(x), truth, atol=4e-3)


def test_straight_paths_start_at_the_prior_itself():
    assert float(Gaussian(Straight()).prior(STD).scale) == 1.0


@pytest.mark.parametrize(
    "bad",
    [
        lambda: Heun(0),
        lambda: ReverseSDE(0),
        lambda: ReverseSDE(noise=-1.0),
        lambda: PredictorCorrector(snr=0.0),
        lambda: AdaptiveODE(max_steps=0),
        lambda: Multistep(0),
        lambda: Ancestral(0),
        lambda: Exponential(noise=-0.5),
        lambda: AnnealedLangevin(levels=0),
        lambda: AnnealedLangevin(rate=4.0),
        lambda: ChurnedHeun(0),
        lambda: ChurnedHeun(churn_min=2.0, churn_max=1.0),
    ],
)
def test_impossible_settings_are_refused(bad):
    with pytest.raises(InvalidInput, match="expected"):
        bad()
