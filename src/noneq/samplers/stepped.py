"""Samplers of a fixed number of steps; their density is that of the probability-flow ODE."""

from typing import Any

import equinox as eqx
from jaxtyping import Array

from noneq._typing import Scalar
from noneq.samplers.base import AbstractSampler, Noisy, check_steps
from noneq.samplers.likelihood import heun_log_prob


class AbstractStepped(AbstractSampler):
    """A sampler of a fixed number of steps.

    Args:
        steps: what one draw takes; each sampler says what a step is.
        likelihood_steps: Heun steps of `log_prob`, which needs more: on five sharp wells 128
            are right to 0.005 nats, 64 to 0.02.
    """

    steps: eqx.AbstractVar[int]
    likelihood_steps: eqx.AbstractVar[int]

    def __check_init__(self) -> None:
        check_steps(type(self).__name__, self.steps)
        check_steps(type(self).__name__, self.likelihood_steps)

    def log_prob(self, model: Noisy, x: Array, *, time: Any, condition: Any) -> Scalar:
        return heun_log_prob(model, x, self.likelihood_steps, time, condition)
