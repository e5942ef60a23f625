"""Stochastic steps that are exact for a frozen denoiser: ancestral and exponential sampling."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key
from noneq.samplers.base import Flowing, denoiser, projected
from noneq.samplers.fixed_steps import AbstractStepped
from noneq.samplers.grid import levels, log_decay, pairs
from noneq.samplers.sde import check_noise


class Ancestral(AbstractStepped):
    """Draws from q(x_s | x_t, y = D(x_t)) down the levels, and D itself at the end.

    **Equation**: with c = 1 − (alpha_t sigma_s/(alpha_s sigma_t))²,
    mean = (alpha_t sigma_s²/(alpha_s sigma_t²)) x_t + alpha_s c D, variance c sigma_s².

    Args:
        steps: levels, uniform in tau from 1 to the schedule's start; one evaluation each.
        larger: variance c sigma_t² (the forward step's) instead of the posterior's c sigma_s².
        likelihood_steps: Runge–Kutta steps of `log_prob`, which is the ODE's.

    Source: Ho et al. 2020, eq. 7 and algorithm 2; Kingma et al. 2021, eq. 33. Any Gaussian
    schedule; regular at alpha = 0.
    """

    steps: int = 1000
    larger: bool = False
    likelihood_steps: int = 32

    @property
    def evaluations(self) -> int:
        return self.steps

    def __call__(
        self, model: Flowing, shape: tuple[int, ...], *, time: Any, condition: Any, key: Key
    ) -> Float[Array, "n *event"]:
        clean = denoiser(model, self, time=time, condition=condition)
        project = projected(model)
        prior_key, noise_key = jax.random.split(key)
        grid = levels(model.process.schedule, self.steps)

        def step(x, now):
            t, s, key = now
            c = -jnp.expm1(2 * log_decay(t, s))
            forget = jnp.exp(log_decay(t, s)) * s.sigma / t.sigma
            std = jnp.sqrt(c) * (t.sigma if self.larger else s.sigma)
            mean = forget * x + s.alpha * c * clean(x, t.tau)
            return project(mean + std * jax.random.normal(key, x.shape, x.dtype)), None

        x = model.prior.sample(shape, key=prior_key)
        x = jax.lax.scan(step, x, (*pairs(grid), jax.random.split(noise_key, self.steps - 1)))[0]
        return project(clean(x, grid.tau[-1]))


class Exponential(AbstractStepped):
    """Exponential integrator of the reverse family: linear part and noise exact, D frozen.

    **Equation**: with q = alpha_t sigma_s/(alpha_s sigma_t) and n = noise,
    x_s = (sigma_s/sigma_t) q^(n²) x_t + alpha_s (1 − q^(1+n²)) D(x_t)
    + sigma_s sqrt(1 − q^(2n²)) xi.

    Args:
        steps: steps, uniform in tau; one evaluation each.
        noise: lambda of the family (`ReverseSDE`); 0 is DDIM, 1 the steps of `Ancestral`.
        likelihood_steps: Runge–Kutta steps of `log_prob`, which is the ODE's.

    Source: Gonzalez et al. 2023, SEEDS-1, in data prediction; any lambda (derived).
    """

    steps: int = 100
    noise: float = 1.0
    likelihood_steps: int = 32

    def __check_init__(self) -> None:
        check_noise("Exponential", self.noise)

    @property
    def evaluations(self) -> int:
        return self.steps

    def __call__(
        self, model: Flowing, shape: tuple[int, ...], *, time: Any, condition: Any, key: Key
    ) -> Float[Array, "n *event"]:
        clean = denoiser(model, self, time=time, condition=condition)
        project = projected(model)
        prior_key, noise_key = jax.random.split(key)
        grid = levels(model.process.schedule, self.steps + 1)
        power = self.noise**2

        def step(x, now):
            t, s, key = now
            q = log_decay(t, s)
            gain = -s.alpha * jnp.expm1((1 + power) * q)
            mean = s.sigma / t.sigma * jnp.exp(power * q) * x + gain * clean(x, t.tau)
            std = s.sigma * jnp.sqrt(-jnp.expm1(2 * power * q))
            return project(mean + std * jax.random.normal(key, x.shape, x.dtype)), None

        x = model.prior.sample(shape, key=prior_key)
        return jax.lax.scan(step, x, (*pairs(grid), jax.random.split(noise_key, self.steps)))[0]
