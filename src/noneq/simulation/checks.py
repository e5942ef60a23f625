"""What a simulation refuses: times, starts, sizes and results."""

import math
import os
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from noneq.data.checks import as_floats
from noneq.errors import InvalidInput, SolveFailed
from noneq.systems.base import AbstractSystem


def checked_times(times: Any) -> np.ndarray:
    """Times (T,) in float64, finite and strictly increasing."""
    array = as_floats(times, "simulate: times").astype(np.float64)
    if array.ndim != 1 or array.size == 0 or not np.isfinite(array).all():
        raise InvalidInput(
            f"simulate: times has shape {array.shape}; expected a non-empty vector of finite times."
        )
    if (np.diff(array) <= 0).any():
        i = int(np.argmax(np.diff(array) <= 0))
        raise InvalidInput(
            f"simulate: times[{i}] = {array[i]:g} is followed by {array[i + 1]:g}; times must "
            "increase strictly."
        )
    return array


def checked_start(start: Any, system: AbstractSystem, n: int) -> np.ndarray:
    """States (n, *event_shape) inside the domain."""
    states = as_floats(start, "simulate: start")
    if states.shape != (n, *system.event_shape):
        raise InvalidInput(
            f"simulate: start has shape {states.shape}; expected {(n, *system.event_shape)}, one "
            "state per trajectory."
        )
    outside = ~np.asarray(jax.vmap(system.domain.contains)(jnp.asarray(states)))
    if outside.any():
        raise InvalidInput(
            f"simulate: {outside.sum()} starts, the first at row {np.argmax(outside)}, lie outside "
            f"{system.domain} or are not finite; drop them or bring them back with domain.project."
        )
    return states


def refuse_oversize(shape: tuple[int, ...], itemsize: int) -> None:
    """Refuse a result that does not fit into memory."""
    need = math.prod(shape) * itemsize
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if need > 0.8 * memory:
        raise InvalidInput(
            f"simulate: {shape[0]} trajectories of {shape[1]} frames take {need / 1e9:.1f} GB; "
            f"this machine has {memory / 1e9:.1f} GB. Record fewer times or simulate fewer at once."
        )


def refuse_nonfinite(values: np.ndarray, times: np.ndarray) -> None:
    """Refuse values (n, T, *event) that exploded, naming the first time."""
    if np.isfinite(values).all():
        return
    bad = (~np.isfinite(values)).reshape(*values.shape[:2], -1).any(axis=-1)
    count = np.sum(bad, axis=0)
    frame = int(np.argmax(count > 0))
    raise SolveFailed(
        f"simulate: {count[frame]} states are not finite at time {times[frame]:g}; "
        "take more substeps (smaller internal steps) or check the system's drift."
    )
