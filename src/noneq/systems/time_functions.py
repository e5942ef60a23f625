"""Functions of time and state, from what a user writes: of both, of the state alone, a constant."""

import inspect
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from noneq.errors import InvalidInput


def of_time(given: Any, what: str) -> Callable[..., Any]:
    """A function of (t, x) that gives an array, from one of x alone, or from a constant."""
    if not callable(given):
        value = np.asarray(given)
        if value.dtype.kind not in "iuf" or not np.isfinite(value).all():
            raise InvalidInput(f"{what} = {given!r}; expected finite numbers or a function.")
        return lambda t, x: jnp.asarray(value, x.dtype)
    try:
        parameters = inspect.signature(given).parameters.values()
    except ValueError:  # built in
        parameters = ()
    places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = [p for p in places if p.default is p.empty]
    if len(needed) > 2:
        raise InvalidInput(f"{what} takes {len(needed)} arguments; expected (t, x) or (x).")
    if len(needed) == 1 or len(places) == 1:
        return _named(given, lambda t, x: jnp.asarray(given(x), x.dtype))
    return _named(given, lambda t, x: jnp.asarray(given(t, x), x.dtype))


def _named(given: Callable[..., Any], function: Callable[..., Any]) -> Callable[..., Any]:
    """The function under the name of the one that was given, as messages show it."""
    function.__qualname__ = function.__name__ = getattr(given, "__name__", type(given).__name__)
    return function
