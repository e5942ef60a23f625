"""EDM's sampler: Heun in the noise ratio, with noise put back before every step."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key
from noneq.errors import InvalidInput
from noneq.samplers.base import Flowing, denoiser, projected
from noneq.samplers.fixed_steps import AbstractStepped
from noneq.samplers.grid import Level, levels, pairs
from noneq.traced import is_on


class ChurnedHeun(AbstractStepped):
    """Heun's method in r = sigma/alpha, after raising r by a factor 1 + g with fresh noise.

    **Equation**: u = x/alpha, du/dr = (u − D)/r; before a step of r in
    [churn_min, churn_max], u ← u + churn_noise sqrt((1 + g)² − 1) r xi, g = min(churn/steps,
    sqrt(2) − 1). After the last level, u = D.

    Args:
        steps: levels, uniform in tau from 1 to the schedule's start; 2 steps − 1 evaluations.
        churn, churn_min, churn_max, churn_noise: S_churn, S_tmin, S_tmax, S_noise of the
            source; churn = 0 is deterministic.
        likelihood_steps: Runge–Kutta steps of `log_prob`.

    Source: Karras et al. 2022, algorithm 2 (`Karras` gives their levels, eq. 5). Deviations: any
    Gaussian schedule; no churn beyond the largest level, and a step from alpha = 0 is Euler's.
    """

    steps: int = 18
    churn: float = 0.0
    churn_min: float = 0.0
    churn_max: float = 1e30
    churn_noise: float = 1.0
    likelihood_steps: int = 32

    def __check_init__(self) -> None:
        if self.churn < 0 or self.churn_noise < 0 or not 0 <= self.churn_min < self.churn_max:
            raise InvalidInput(
                f"ChurnedHeun: churn = {self.churn}, churn_noise = {self.churn_noise}, churn_min = "
                f"{self.churn_min}, churn_max = {self.churn_max}; expected churn ≥ 0, churn_noise "
                "≥ 0 and 0 ≤ churn_min < churn_max."
            )

    @property
    def evaluations(self) -> int:
        return 2 * self.steps - 1

    def __call__(
        self, model: Flowing, shape: tuple[int, ...], *, time: Any, condition: Any, key: Key
    ) -> Float[Array, "n *event"]:
        clean = denoiser(model, self, time=time, condition=condition)
        project = projected(model)
        schedule = model.process.schedule
        prior_key, noise_key = jax.random.split(key)
        grid = levels(schedule, self.steps)
        top = grid.sigma[0] / grid.alpha[0]
        factor = 1 + jnp.minimum(self.churn / self.steps, 2**0.5 - 1)

        def churned(x, t, key):
            """State and level after noise was put back; r stays at or below the largest."""
            r = t.sigma / t.alpha
            chosen = (r >= self.churn_min) & (r <= self.churn_max) & (r < top)
            higher = jnp.where(chosen, jnp.minimum(factor * r, top), r)
            tau = jnp.where(chosen, schedule.tau(jnp.where(chosen, higher, 1.0)), t.tau)
            after = Level(tau, *schedule(tau))
            extra = jnp.where(chosen, after.alpha * jnp.sqrt(higher**2 - r**2), 0.0)
            xi = jax.random.normal(key, x.shape, x.dtype)
            scale = jnp.where(chosen, after.alpha / t.alpha, 1.0)
            return project(scale * x + self.churn_noise * extra * xi), after

        def step(x, now):
            t, s, key = now
            if is_on(self.churn):
                x, t = churned(x, t, key)
            d = clean(x, t.tau)
            noise = (x - t.alpha * d) / t.sigma
            ahead = project(s.alpha * d + s.sigma * noise)
            noise_ahead = (ahead - s.alpha * clean(ahead, s.tau)) / s.sigma
            # (r_s − r_t)/2 is infinite from alpha = 0, where Euler's step is taken.
            half = jnp.where(
                t.alpha > 0,
                (s.sigma - t.sigma * s.alpha / jnp.where(t.alpha > 0, t.alpha, 1)) / 2,
                0,
            )
            return project(ahead + half * (noise_ahead - noise)), None

        x = model.prior.sample(shape, key=prior_key)
        keys = jax.random.split(noise_key, self.steps - 1)
        x = jax.lax.scan(step, x, (*pairs(grid), keys))[0]
        return project(clean(x, grid.tau[-1]))
