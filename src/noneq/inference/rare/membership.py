"""Which of many states lie in a set."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from noneq.inference.rare.sets import StateSet


def members(one: StateSet, states: Any) -> np.ndarray:
    """Truth values of states ``(n, *event_shape)``."""
    return np.asarray(_inside(one, jnp.asarray(states, jnp.zeros(()).dtype)))


@eqx.filter_jit
def _inside(one: StateSet, states: Array) -> Array:
    return jax.vmap(one.contains)(states)
