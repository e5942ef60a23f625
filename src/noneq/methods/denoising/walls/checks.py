"""What `ReflectedDiffusion` asks of its data: walls, all states within them, room to spread."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from noneq._typing import Key
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.data.summary import Summary
from noneq.domains import AbstractDomain, Box, Region
from noneq.errors import InvalidInput
from noneq.processes.schedules import AbstractSchedule
from noneq.processes.walls.confined import Confined
from noneq.traced import jit


_LEAST_SHARE = 2e-4
_WALKERS, _MOST_LEFT = 2000, 0.2


def check_domain(domain: AbstractDomain) -> None:
    """Refuse a domain without walls.

    Raises:
        InvalidInput: naming it.
    """
    if not isinstance(domain, Box | Region):
        raise InvalidInput(
            f"ReflectedDiffusion: the data's domain is {type(domain).__name__}, which has no walls; "
            "give a box: Snapshots(..., domain=nq.Box(low, high)) or "
            "ReflectedDiffusion(domain=nq.Box(low, high)) (command line: "
            """--set 'domain={kind="Box", low=-1, high=1}'), or an nq.Region of another shape."""
        )


def chosen(own: AbstractDomain, given: AbstractDomain | None) -> AbstractDomain:
    """The domain given to the method, else the data's own."""
    return own if given is None else given


def walled(
    data: Snapshots | Trajectories, domain: AbstractDomain | None
) -> Snapshots | Trajectories:
    """The data on their `chosen` domain; all states checked to be inside.

    Raises:
        InvalidInput: no walls, states beyond them (how many, and the first), or a region whose
            signed distance is no number.
    """
    walls = chosen(data.domain, domain)
    check_domain(walls)
    if walls is not data.domain:
        fields: dict[str, Any] = vars(data) | {"domain": walls}
        data = type(data)(**fields)
    if isinstance(data.domain, Region):
        _check_scalar(data.domain, data.event_shape)
    values = data.snapshots().values
    inside = np.asarray(jax.vmap(data.domain.contains)(jnp.asarray(values)))
    if not inside.all():
        first = ", ".join(f"{x:g}" for x in values[int(np.argmin(inside))].ravel()[:4])
        raise InvalidInput(
            f"ReflectedDiffusion: {int((~inside).sum())} of {inside.size} states lie outside "
            f"{data.domain}, the first at ({first}); drop them or give a larger domain."
        )
    return data


def check_spread(summary: Summary, schedule: AbstractSchedule) -> None:
    """Refuse data that the smallest noise level would blur beyond recognition.

    Raises:
        InvalidInput: naming the data's width in the box.
    """
    # A saved model's shapes are computed in a trace.
    with jax.ensure_compile_time_eval():
        least = float(schedule(schedule.start)[1])
    if summary.std < least:
        raise InvalidInput(
            f"ReflectedDiffusion: the data's standard deviation is {summary.std:.2g} half widths of "
            f"the box, below the smallest noise level {least:g}; give a smaller box or sigma_min."
        )


def check_share(process: Confined) -> None:
    """Refuse a region too small for its enclosing box.

    Raises:
        InvalidInput: naming the share that it fills.
    """
    share = float(process.walls.share)
    if share < _LEAST_SHARE:
        raise InvalidInput(
            f"ReflectedDiffusion: the region fills {share:.1g} of its enclosing box; give low and "
            "high that enclose it tightly, so that uniform states can be drawn."
        )


def check_mixing(process: Confined, y: np.ndarray, *, key: Key) -> None:
    """Refuse levels after which walkers from the data's most remote state are not yet uniform.

    Args:
        y: states in units of the box, ``(n, dim)``.

    Raises:
        InvalidInput: what is left of the start.
    """
    start = y[np.argmax(np.sum((y - y.mean(axis=0)) ** 2, axis=1))]
    left = float(_left(process, jnp.asarray(start, float), key))
    if not left < _MOST_LEFT:
        sigma = float(process.schedule(1.0)[1])
        raise InvalidInput(
            f"ReflectedDiffusion: noise of {sigma:g} half widths of the box does not fill the region: "
            f"walkers from one state end {left:.2g} standard deviations off the uniform law's mean. "
            "Raise process.schedule.sigma_max or walk, or see whether the region is in one piece."
        )


@jit
def _left(process: Confined, start: Array, key: Key) -> Array:
    """Largest distance of the walkers' mean from the uniform one, in standard deviations."""
    prior_key, walk_key = jax.random.split(key)
    keys = jax.random.split(walk_key, _WALKERS)
    ends = jax.vmap(lambda key: process.perturb(start, 1.0, key=key).x)(keys)
    uniform = process.prior(1.0).sample(ends.shape, key=prior_key)
    gap = jnp.abs(jnp.mean(ends, axis=0) - jnp.mean(uniform, axis=0))
    return jnp.max(gap / jnp.std(uniform, axis=0))


def _check_scalar(region: Region, event_shape: tuple[int, ...]) -> None:
    name = type(region.signed_distance).__name__
    try:
        shape = jax.eval_shape(region.signed_distance, jnp.zeros(event_shape)).shape
    except Exception as error:  # whatever the user's code throws means one thing here
        raise InvalidInput(
            f"Region: {name} fails on a state of shape {event_shape} ({type(error).__name__}: "
            f"{error}); it takes one state, without a batch axis."
        ) from error
    if shape != ():
        raise InvalidInput(
            f"Region: {name} gives an array of shape {shape} for one state of shape {event_shape}; "
            "expected one number, the signed distance."
        )
