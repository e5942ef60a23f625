"""Following vector fields by Runge–Kutta, and how far states may go."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Scalar, ScalarLike
from noneq.calculus import runge_kutta_step
from noneq.errors import InvalidInput
from noneq.inference.velocities import domain_of, moments, states_of, velocity_at
from noneq.systems.base import AbstractDiffusion, AbstractSystem
from noneq.traits import AbstractModel, HasVelocity


_STEP = 0.01


def advance(
    field: Any, x: Float[Array, "*event"], t: ScalarLike, h: ScalarLike, timed: bool, condition: Any
) -> tuple[Float[Array, "*event"], Float[Array, "*event"]]:
    """One classical Runge–Kutta step of length h brought back into the domain, and v(x, t)."""
    v = lambda x, t: velocity_at(field, x, t if timed else None, condition)
    x, slope = runge_kutta_step(v, x, t, h)
    return domain_of(field).project(x), slope


def deviation(x: Float[Array, "*event"], centre: Array, width: Array) -> Scalar:
    """Root mean square, over the coordinates, of the distance from ``centre`` in ``width``s."""
    return jnp.sqrt(jnp.mean(((x - centre) / width) ** 2))


def is_timed(field: Any, first: float | None) -> bool:
    """Whether the field is told the time: systems always, models only if a first time is given."""
    return first is not None or not isinstance(field, HasVelocity)


def step_of(field: Any, step: float | None) -> float:
    """The step to take: given, or that of a system, or 0.01.

    Raises:
        InvalidInput: a step that is not positive.
    """
    if step is None:
        return float(field.time_step) if isinstance(field, AbstractDiffusion) else _STEP
    if not 0 < step < float("inf"):
        raise InvalidInput(f"step = {step}; expected a positive number.")
    return float(step)


def starts_of(field: Any, start: Any) -> Float[Array, "n *event"]:
    """States to start from, checked against the shape that a model or system has.

    Raises:
        InvalidInput: no states, or of another shape.
    """
    states = states_of(start, least=1)
    if isinstance(field, AbstractModel | AbstractSystem) and states.shape[1:] != field.event_shape:
        raise InvalidInput(
            f"start has shape {states.shape}; expected (n, *{tuple(field.event_shape)})."
        )
    return jnp.asarray(states, dtype=float)


def extent_of(data: Any, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Mean and standard deviation of reference states, coordinate by coordinate.

    Raises:
        InvalidInput: too few states, or of another shape.
    """
    states = states_of(data)
    if states.shape[1:] != shape:
        raise InvalidInput(f"reference states of shape {states.shape[1:]}; expected {shape}.")
    centre, width = moments(states)
    return jnp.asarray(centre, dtype=float), jnp.asarray(width, dtype=float)


def check_reach(reach: float) -> None:
    """Refuse a reach that is not positive.

    Raises:
        InvalidInput: naming it.
    """
    if not reach > 0 or np.isnan(reach):
        raise InvalidInput(f"reach = {reach}; expected a number of standard deviations > 0.")
