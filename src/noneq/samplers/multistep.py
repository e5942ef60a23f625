"""DPM-Solver++(2M): order two with one evaluation a step."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key
from noneq.samplers.base import Flowing, denoiser, projected
from noneq.samplers.fixed_steps import AbstractStepped
from noneq.samplers.grid import levels, log_decay, pairs


class Multistep(AbstractStepped):
    """Probability flow in the log signal-to-noise ratio, D extrapolated from the last two steps.

    **Equation**: with l = ln(alpha/sigma), h = l_s − l_t, h' the step before,
    x_s = (sigma_s/sigma_t) x_t + alpha_s (1 − e^(−h)) (D_t + (h/2h') (D_t − D_t'));
    the first step has no extrapolation.

    Args:
        steps: steps, uniform in tau from 1 to the schedule's start; one evaluation each.
        likelihood_steps: Runge–Kutta steps of `log_prob`.

    Source: Lu et al. 2022, algorithm 2 (their levels are uniform in l, which does not exist
    for schedules with alpha = 0 at tau = 1).
    """

    steps: int = 30
    likelihood_steps: int = 32

    @property
    def evaluations(self) -> int:
        return self.steps

    def __call__(
        self, model: Flowing, shape: tuple[int, ...], *, time: Any, condition: Any, key: Key
    ) -> Float[Array, "n *event"]:
        clean = denoiser(model, self, time=time, condition=condition)
        project = projected(model)

        def step(state, now):
            x, before, last = state
            t, s = now
            h = -log_decay(t, s)
            d = clean(x, t.tau)
            # last is infinite before the first step: no extrapolation.
            ahead = d + h / (2 * last) * (d - before)
            x = s.sigma / t.sigma * x - s.alpha * jnp.expm1(-h) * ahead
            return (project(x), d, h), None

        x = model.prior.sample(shape, key=key)
        start = (x, jnp.zeros_like(x), jnp.asarray(jnp.inf, x.dtype))
        grid = levels(model.process.schedule, self.steps + 1)
        return jax.lax.scan(step, start, pairs(grid))[0][0]
