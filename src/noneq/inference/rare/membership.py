"""Which of many states lie in a set."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from noneq.errors import InvalidInput
from noneq.inference.rare.sets import SetOf, StateSet, state_set
from noneq.kinds import shown


def set_of(given: SetOf, names: Sequence[str], shape: tuple[int, ...]) -> StateSet:
    """The set that a text or a function of one state of this shape stands for.

    Raises:
        InvalidInput: text that is no condition, or a function that does not give one number.
    """
    if callable(given):
        refuse_no_number(given, shape, "a set")
    return state_set(given, names, math.prod(shape), "set")


def refuse_no_number(function: Callable[..., Any], shape: tuple[int, ...], what: str) -> None:
    """Refuse a function that does not give one number, or truth value, for one state.

    Raises:
        InvalidInput: saying what it gives.
    """
    state = jax.ShapeDtypeStruct(shape, jnp.zeros(()).dtype)
    try:
        found = jax.eval_shape(lambda x: jnp.asarray(function(x)), state).shape
    except (TypeError, ValueError, IndexError) as error:
        raise InvalidInput(
            f"{what} given by {shown(function)} fails at a state of shape {shape}: {error}; write it with "
            "jax.numpy, for one state."
        ) from error
    if found != ():
        raise InvalidInput(
            f"{what} given by {shown(function)} gives the shape {found} for one state of shape {shape}; "
            "expected one number, positive inside."
        )


def members(one: StateSet, states: Any) -> np.ndarray:
    """Truth values of states ``(n, *event_shape)``."""
    return np.asarray(_inside(one, jnp.asarray(states, jnp.zeros(()).dtype)))


@eqx.filter_jit
def _inside(one: StateSet, states: Array) -> Array:
    return jax.vmap(one.contains)(states)
