"""Heun's method along field lines in the noise level itself, for which far states cost nothing."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key
from noneq.errors import InvalidInput
from noneq.samplers.base import Flowing, check_conserved, ensemble, projected
from noneq.samplers.fixed_steps import AbstractStepped


_NEIGHBOURS = (slice(None, -1), slice(1, None))


class StraightHeun(AbstractStepped):
    """Heun's method in sigma, of order 2, and a last step of Euler to sigma = 0.

    **Equation**: dx/dsigma = v/sigma'(tau), stepped from level to level; exact where field lines
    are straight, x − D ∝ sigma, as they are far out. A step in tau leaves a part of the way there
    behind, which heavy tails make visible.

    Args:
        steps: levels, uniform in tau from 1 to the schedule's start; 2 steps − 1 evaluations.
        likelihood_steps: Runge–Kutta steps of `log_prob`.

    Source: Karras et al. 2022, algorithm 1; Xu et al. 2023, section 4.2.
    """

    steps: int = 32
    likelihood_steps: int = 32

    @property
    def evaluations(self) -> int:
        return 2 * self.steps - 1

    def __call__(
        self, model: Flowing, shape: tuple[int, ...], *, time: Any, condition: Any, key: Key
    ) -> Float[Array, "n *event"]:
        check_conserved(model, self)
        schedule = model.process.schedule
        with jax.ensure_compile_time_eval():
            shrinks = float(schedule(0.5)[0]) != 1 or float(schedule(1.0)[0]) != 1
        if shrinks:
            raise InvalidInput(
                f"StraightHeun steps in sigma and needs alpha = 1, but {type(schedule).__name__} "
                "shrinks the state; use Heun or ChurnedHeun."
            )
        velocity = ensemble(model.noisy_velocity, time=time, condition=condition)
        project = projected(model)
        tau = jnp.linspace(1.0, schedule.start, self.steps)
        _, sigma, _, d_sigma = jax.vmap(schedule.rates)(tau)

        def step(x, now):
            (t, at, rate), (s, below, rate_below) = now
            slope = velocity(x, t) / rate
            ahead = project(x + (below - at) * slope)
            after = velocity(ahead, s) / rate_below
            return project(x + (below - at) / 2 * (slope + after)), None

        above, below = (tuple(a[cut] for a in (tau, sigma, d_sigma)) for cut in _NEIGHBOURS)
        x = jax.lax.scan(step, model.prior.sample(shape, key=key), (above, below))[0]
        return project(x - sigma[-1] / d_sigma[-1] * velocity(x, tau[-1]))
