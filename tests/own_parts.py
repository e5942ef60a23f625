"""Factors of the denoising product as a user defines them in a file: nothing here is the library's."""

from typing import Any

import jax
import jax.numpy as jnp

from noneq.constant import Constant
from noneq.models import Denoiser, LearntScore, LearntVelocity
from noneq.processes import (
    AbstractAdditive,
    AbstractDiffusing,
    AbstractPenalty,
    AbstractPrior,
    AbstractSchedule,
    AbstractTarget,
    AbstractWeight,
    Karras,
    NormalPrior,
    Perturbed,
)
from noneq.processes.targets import Coefficients
from noneq.samplers import AbstractSampler, Heun


class Cubic(AbstractSchedule):
    """alpha = 1, sigma = (0.1 + tau (high^⅓ − 0.1))³."""

    high: float = 20.0

    def __call__(self, tau):
        tau = jnp.asarray(tau, float)
        return jnp.ones_like(tau), (0.1 + tau * (self.high ** (1 / 3) - 0.1)) ** 3

    def tau(self, ratio):
        return (jnp.cbrt(jnp.asarray(ratio, float)) - 0.1) / (self.high ** (1 / 3) - 0.1)

    @property
    def start(self):
        return 0.0


class Warm(AbstractAdditive, AbstractDiffusing):
    """Gaussian noise by a schedule of its own; the denoiser is learnt."""

    schedule: AbstractSchedule = Cubic()

    def perturb(self, y, tau, *, key):
        alpha, sigma, d_alpha, d_sigma = self.schedule.rates(tau)
        xi = jax.random.normal(key, y.shape)
        return Perturbed(alpha * y + sigma * xi, d_alpha * y + d_sigma * xi, -xi / sigma, None)

    def log_kernel(self, x, y, tau):
        alpha, sigma = self.schedule(tau)
        return jnp.sum(jax.scipy.stats.norm.logpdf(x, alpha * y, sigma))

    def prior(self, std):
        alpha, sigma = self.schedule(1.0)
        return NormalPrior(jnp.sqrt(sigma**2 + (alpha * std) ** 2))

    def project(self, x):
        return x

    def learnt(self, net, summary, target, *, key):
        std = Constant(jnp.asarray(summary.std))
        return Denoiser(net=net, std=std, process=self, target=target)


class Scored(AbstractAdditive, AbstractDiffusing):
    """As `Warm`, but the process tells only its score: no velocity, no denoiser."""

    schedule: AbstractSchedule = Cubic()

    def perturb(self, y, tau, *, key):
        return Warm(self.schedule).perturb(y, tau, key=key)._replace(velocity=None)

    def log_kernel(self, x, y, tau):
        return Warm(self.schedule).log_kernel(x, y, tau)

    def prior(self, std):
        return Warm(self.schedule).prior(std)

    def project(self, x):
        return x

    def learnt(self, net, summary, target, *, key):
        return LearntScore(net=net, std=Constant(jnp.asarray(summary.std)), process=self)


class LaplacePrior(AbstractPrior):
    """Independent Laplace numbers."""

    scale: Any

    def sample(self, shape, *, key):
        return self.scale * jax.random.laplace(key, shape)

    def log_prob(self, x):
        return jnp.sum(jax.scipy.stats.laplace.logpdf(x, scale=self.scale))


class Laplace(AbstractAdditive):
    """x = y + sigma xi, xi Laplace: neither Gaussian nor isotropic, known by its flow.

    Args:
        wrong: factor of the velocity; 1 is right.
    """

    schedule: AbstractSchedule = Karras(0.002, 40.0)
    wrong: float = 1.0

    def perturb(self, y, tau, *, key):
        _, sigma, _, d_sigma = self.schedule.rates(tau)
        xi = jax.random.laplace(key, y.shape)
        return Perturbed(y + sigma * xi, self.wrong * d_sigma * xi, None, None)

    def log_kernel(self, x, y, tau):
        return jnp.sum(jax.scipy.stats.laplace.logpdf(x, y, self.schedule(tau)[1]))

    def prior(self, std):
        return LaplacePrior(self.schedule(1.0)[1])

    def project(self, x):
        return x

    def learnt(self, net, summary, target, *, key):
        return LearntVelocity(net=net, std=Constant(jnp.asarray(summary.std)), process=self)


class Mute(AbstractAdditive):
    """A process that tells neither velocity nor score."""

    schedule: AbstractSchedule = Karras(0.002, 40.0)

    def perturb(self, y, tau, *, key):
        return Laplace().perturb(y, tau, key=key)._replace(velocity=None)

    def log_kernel(self, x, y, tau):
        return Laplace().log_kernel(x, y, tau)

    def prior(self, std):
        return Laplace().prior(std)

    def project(self, x):
        return x

    def learnt(self, net, summary, target, *, key):
        return LearntVelocity(net=net, std=Constant(jnp.asarray(summary.std)), process=self)


class Half(AbstractTarget):
    """F = y/2."""

    def __call__(self, alpha, sigma, d_alpha, d_sigma, std):
        inside = 1 / jnp.sqrt((alpha * std) ** 2 + sigma**2)
        return Coefficients(jnp.zeros_like(alpha), 2 * jnp.ones_like(alpha), inside)


class Early(AbstractWeight):
    """tau = u², unit weight."""

    def draw(self, n, schedule, std, *, key):
        return schedule.start + (1 - schedule.start) * jax.random.uniform(key, (n,)) ** 2

    def __call__(self, tau, schedule, std):
        return jnp.ones_like(tau)


class Small(AbstractPenalty):
    """strength sigma² |s|²."""

    strength: float = 0.01
    every: int = 2

    def __call__(self, model, x, tau, time, *, condition=None, key):
        score = model.noisy_score(x, tau, time=time, condition=condition)
        return self.strength * jnp.mean((model.process.schedule(tau)[1] * score) ** 2)


class Euler(AbstractSampler):
    """Euler's method along the flow."""

    steps: int = 100

    @property
    def evaluations(self):
        return self.steps

    def __call__(self, model, shape, *, time, condition, key):
        start = model.process.schedule.start
        h = (1 - start) / self.steps
        flow = jax.vmap(
            lambda x, tau: model.noisy_velocity(x, tau, time=time, condition=condition), (0, None)
        )
        step = lambda x, i: (x - h * flow(x, 1 - i * h), None)
        x = model.prior.sample(shape, key=key)
        return jax.lax.scan(step, x, jnp.arange(self.steps))[0]

    def log_prob(self, model, x, *, time, condition):
        return Heun(self.steps).log_prob(model, x, time=time, condition=condition)
