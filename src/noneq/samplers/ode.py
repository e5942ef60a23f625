"""The probability-flow ODE: Heun's method and diffrax's adaptive one, with log densities."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar
from noneq.samplers.base import (
    AbstractSampler,
    Flowing,
    check_conserved,
    check_steps,
    ensemble,
    projected,
)
from noneq.samplers.error_control import tsitouras
from noneq.samplers.fixed_steps import AbstractStepped
from noneq.samplers.likelihood import probability_flow, sources, with_divergence


class Heun(AbstractStepped):
    """Heun's method (order 2) on a uniform grid of tau from 1 to the schedule's start.

    **Equation**: x ← x − h/2 [v(x, tau) + v(x − h v(x, tau), tau − h)].

    Args:
        steps: intervals; two evaluations each.
        likelihood_steps: Runge–Kutta steps of `log_prob`.

    Source: Karras et al. 2022, algorithm 1 (in tau; with `Karras` levels the nodes are theirs).
    """

    steps: int = 64
    likelihood_steps: int = 32

    @property
    def evaluations(self) -> int:
        return 2 * self.steps

    def __call__(
        self, model: Flowing, shape: tuple[int, ...], *, time: Any, condition: Any, key: Key
    ) -> Float[Array, "n *event"]:
        check_conserved(model, self)
        start = model.process.schedule.start
        h = (1.0 - start) / self.steps
        velocity = ensemble(model.noisy_velocity, time=time, condition=condition)
        project = projected(model)

        def step(x, i):
            tau = 1.0 - i * h
            v = velocity(x, tau)
            # The last corner must not fall below the start by rounding.
            w = velocity(project(x - h * v), jnp.maximum(tau - h, start))
            return project(x - h / 2 * (v + w)), None

        x = model.prior.sample(shape, key=key)
        return jax.lax.scan(step, x, jnp.arange(self.steps))[0]


class AdaptiveODE(AbstractSampler):
    """Tsitouras 5(4) with error control, one step size for the whole ensemble (diffrax).

    Args:
        rtol, atol: tolerances of the state.
        max_steps: a solve that needs more gives NaN, which callers refuse.

    Source: Song et al. 2021, section 4.3; Kidger 2021.
    """

    rtol: float = 1e-4
    atol: float = 1e-5
    max_steps: int = 1000

    def __check_init__(self) -> None:
        check_steps("AdaptiveODE", self.max_steps)

    @property
    def evaluations(self) -> None:
        return None

    def __call__(
        self, model: Flowing, shape: tuple[int, ...], *, time: Any, condition: Any, key: Key
    ) -> Float[Array, "n *event"]:
        check_conserved(model, self)
        field = ensemble(model.noisy_velocity, time=time, condition=condition)
        x = model.prior.sample(shape, key=key)
        # Steps inside are the solver's own; only the end is brought back.
        x = self._solve(field, x, 1.0, model.process.schedule.start)
        return projected(model)(x)

    def log_prob(self, model: Flowing, x: Array, *, time: Any, condition: Any) -> Scalar:
        flow = probability_flow(model, time=time, condition=condition)
        source = sources(model, time=time, condition=condition)
        rate = with_divergence(flow, source=source)
        start = (x, jnp.zeros((), x.dtype))
        x, gain = self._solve(rate, start, model.process.schedule.start, 1.0)
        return model.prior.log_prob(x) + gain

    def _solve(self, rate: Any, state: Any, start: float, end: float) -> Any:
        limits = {"rtol": self.rtol, "atol": self.atol, "max_steps": self.max_steps}
        return tsitouras(rate, state, start, end, **limits)
