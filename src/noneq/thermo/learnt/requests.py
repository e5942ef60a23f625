"""What is asked of a model: how many states, at which times, under which condition."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq.errors import InvalidInput


def count_of(n: int, what: str, least: int = 2) -> int:
    """A number of states.

    Raises:
        InvalidInput: fewer than can have an error.
    """
    if n < least:
        raise InvalidInput(f"{what}: n = {n}; expected at least {least} states.")
    return n


def times_of(times: Any, what: str) -> list[float] | None:
    """Finite times in a row, or None.

    Raises:
        InvalidInput: none, another shape, or a time that is no number.
    """
    if times is None:
        return None
    array = np.atleast_1d(np.asarray(times, np.float64))
    if array.ndim != 1 or array.size == 0 or not np.isfinite(array).all():
        raise InvalidInput(
            f"{what}: times of shape {array.shape}; expected one or more finite numbers in a row."
        )
    return array.tolist()


def condition_of(condition: Any, what: str) -> Float[Array, " columns"] | None:
    """A condition that all states share, as numbers; None if there is none.

    Raises:
        InvalidInput: texts, or a table.
    """
    if condition is None:
        return None
    try:
        array = np.atleast_1d(np.asarray(condition)).astype(np.float64, casting="same_kind")
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"{what}: condition is no row of numbers ({error}); give those of one group, (columns,)."
        ) from error
    if array.ndim != 1:
        raise InvalidInput(
            f"{what}: condition has shape {array.shape}; expected one group, (columns,)."
        )
    return jnp.asarray(array, float)
