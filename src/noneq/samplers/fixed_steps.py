"""Samplers of a fixed number of steps; their density is that of the probability-flow ODE."""

from typing import Any

import equinox as eqx
from jaxtyping import Array

from noneq._typing import Scalar
from noneq.samplers.base import AbstractSampler, Flowing, check_steps
from noneq.samplers.likelihood import noisy_log_prob


class AbstractStepped(AbstractSampler):
    """A sampler of a fixed number of steps.

    Args:
        steps: what one draw takes; each sampler says what a step is.
        likelihood_steps: classical Runge–Kutta steps of `log_prob`, four evaluations each: on
            eight Gaussians 32 are right to 3e-4 nats, 16 to 4e-3. On field lines, whose tails bend
            sharply, the least number of steps of Tsitouras' method, its error kept below 1e-5.
    """

    steps: eqx.AbstractVar[int]
    likelihood_steps: eqx.AbstractVar[int]

    def __check_init__(self) -> None:
        check_steps(type(self).__name__, self.steps)
        check_steps(type(self).__name__, self.likelihood_steps)

    def log_prob(self, model: Flowing, x: Array, *, time: Any, condition: Any) -> Scalar:
        return noisy_log_prob(model, x, self.likelihood_steps, time, condition)
