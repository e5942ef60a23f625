"""Log densities along a flow, whose divergence is exact or estimated."""

from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array

from noneq._typing import Scalar, ScalarLike
from noneq.calculus import Pushes, exact_divergence, runge_kutta
from noneq.processes.field_lines import AbstractFieldLines, AbstractSourced
from noneq.samplers.base import Flowing, births
from noneq.samplers.error_control import tsitouras


Field: TypeAlias = Callable[[Array, ScalarLike], Array]
"""v(x, tau) of one state (or of an ensemble)."""

Source: TypeAlias = Callable[[Array, ScalarLike], Scalar]
"""b(x, tau) of one state: births per particle."""


_TOLERANCE, _MOST_STEPS = 1e-5, 4096


def _unborn(x: Array, tau: ScalarLike) -> Scalar:
    return jnp.zeros((), x.dtype)


def with_divergence(
    field: Field, divergence: Pushes = exact_divergence, source: Source = _unborn
) -> Callable[[tuple[Array, Array], ScalarLike], tuple[Array, Array]]:
    """Rate (v, div v − b) of the state (x, ∫ (div v − b) dtau), b the births per particle."""

    def rate(state: tuple[Array, Array], tau: ScalarLike) -> tuple[Array, Array]:
        velocity, push = jax.linearize(lambda x: field(x, tau), state[0])
        return velocity, divergence(push, state[0]) - source(state[0], tau)

    return rate


def carried(
    field: Field,
    x: Array,
    start: float,
    end: float,
    steps: int,
    divergence: Pushes = exact_divergence,
    source: Source = _unborn,
    *,
    controlled: bool = False,
) -> tuple[Array, Array]:
    """From x at tau = ``start`` to ``end``: the state there, and ∫ (div v − b) dtau on the way.

    By ``steps`` Runge–Kutta steps, or if ``controlled`` by at least as many whose error is kept
    below 1e-5.
    """
    shape = jax.eval_shape(lambda x: divergence(lambda v: v, x), x).shape
    rate = with_divergence(field, divergence, source)
    state = (x, jnp.zeros(shape, x.dtype))
    if not controlled:
        return runge_kutta(rate, state, start, end, steps)
    low, high = min(start, end), max(start, end)
    # No node may leave the interval by rounding.
    inside = lambda state, tau: rate(state, jnp.clip(tau, low, high))
    limits = {"rtol": _TOLERANCE, "atol": _TOLERANCE, "max_steps": _MOST_STEPS}
    return tsitouras(inside, state, start, end, longest=abs(end - start) / steps, **limits)


def needs_control(model: Flowing) -> bool:
    """Whether equal steps miss what the flow does.

    A learnt field line bends within a layer of width sigma where it leaves the region of the data,
    since far out the network is told of more noise; in float32 and 32 steps log p of one state of
    20,000 was off by 0.2 nat.
    """
    return isinstance(model.process, AbstractFieldLines)


def flow_log_prob(
    field: Field,
    log_prior: Callable[[Array], Scalar],
    x: Array,
    steps: int,
    divergence: Pushes = exact_divergence,
    *,
    start: float = 0.0,
    source: Source = _unborn,
    controlled: bool = False,
) -> Array:
    """log prior(x_1) + ∫ (div v − b) dtau along dx/dtau = v from x at ``start``, one per probe.

    Source: Grathwohl et al. 2019, eqs. 4 and 8; Song et al. 2021, eq. 39.
    """
    end, gain = carried(field, x, start, 1.0, steps, divergence, source, controlled=controlled)
    return log_prior(end) + gain


def probability_flow(model: Flowing, *, time: Any, condition: Any) -> Field:
    """The velocity of a noisy model, of states that are brought back where the process lives."""
    project = model.process.project
    return lambda x, tau: model.noisy_velocity(project(x), tau, time=time, condition=condition)


def sources(model: Flowing, *, time: Any, condition: Any) -> Source:
    """Births per particle on the lines of a noisy model; none unless its process has them.

    **Equation**: ∂_tau p + div(p v) = b p, hence d log p/dtau = b − div v along the flow.
    """
    if not isinstance(model.process, AbstractSourced):
        return _unborn
    birth, project = births(model), model.process.project
    return lambda x, tau: birth(project(x), tau, time=time, condition=condition)


def noisy_log_prob(
    model: Flowing,
    x: Array,
    steps: int,
    time: Any,
    condition: Any,
    divergence: Pushes = exact_divergence,
) -> Array:
    """log p(x) of a noisy model by its probability flow and its births; one value per probe.

    −∞ for a state outside of where the process lives.
    """
    project = model.process.project
    field = probability_flow(model, time=time, condition=condition)
    log_prior = lambda x: model.prior.log_prob(project(x))
    start = model.process.schedule.start
    source = sources(model, time=time, condition=condition)
    asked = {"start": start, "source": source, "controlled": needs_control(model)}
    value = flow_log_prob(field, log_prior, x, steps, divergence, **asked)
    # A state that is not a number is nowhere, and stays visible.
    outside = jnp.max(jnp.abs(project(x) - x)) >= 1e-4
    return jnp.where(outside, -jnp.inf, value)
