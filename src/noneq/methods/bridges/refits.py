"""References that are refitted to the paths found so far."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from noneq._typing import Key
from noneq.methods.bridges.base import HasRefit
from noneq.methods.bridges.model import AbstractTransportModel
from noneq.traced import jit


_PATHS, _FRAMES = 1024, 16


def refitted(model: AbstractTransportModel, *, key: Key) -> AbstractTransportModel:
    """The model with its reference refitted to the drift along its own paths.

    The paths start at states of the first snapshot; 16 times are looked at in every interval.
    """
    bridge = model.field.bridge
    assert isinstance(bridge, HasRefit)
    knots, starts = model.frame.times, model.starts
    times = np.linspace(knots[0], knots[-1], 1 + _FRAMES * (len(knots) - 1))
    count = min(starts.counts[0], _PATHS)
    begin = jax.vmap(model.frame.normaliser.inverse)(starts.y.value[:count])
    condition = None if starts.condition is None else starts.condition.value[:count]
    paths = model.sample_paths(count, times=times, start=begin, condition=condition, key=key)
    shift = np.asarray(model.frame.normaliser.shift.value)
    states = paths.values.reshape(count, times.size, -1) - shift
    drifts = _drifts(model, jnp.asarray(states, float), jnp.asarray(times, float), condition)
    new = bridge.refitted(states, np.asarray(drifts))
    return eqx.tree_at(lambda m: m.field.bridge, model, new)


@jit
def _drifts(model: AbstractTransportModel, states: Array, times: Array, condition: Any) -> Array:
    drift = lambda x, t, c: model.field.turned(x, t, c, 1.0)
    each = jax.vmap(drift, (0, 0, None))
    own = None if condition is None else 0
    return jax.vmap(each, (0, None, own))(states, times, condition)
