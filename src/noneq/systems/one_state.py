"""Physical functions take one state: what they are given is checked for its shape."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

import jax.numpy as jnp
import numpy as np

from noneq.errors import InvalidInput
from noneq.kinds import checked, refuse_nonfinite


_F = TypeVar("_F", bound=Callable[..., Any])


def of_state(method: _F) -> _F:
    """The method of a system, for one state ``x`` of its shape, and a time ``t`` if it takes one.

    Lists and whole numbers become floats, which can be differentiated.

    Raises:
        WrongType: of what is called.
        InvalidInput: a state of another shape, such as many at once, or a time that is not finite.
    """
    return _of(method, lambda system: tuple(system.event_shape), "state")


def of_positions(method: _F) -> _F:
    """As `of_state`, for the positions ``x`` of a state that holds as many velocities."""
    return _of(method, lambda system: (system.event_shape[0] // 2,), "vector of positions")


def _of(method: _F, shape_of: Callable[[Any], tuple[int, ...]], what: str) -> _F:
    signature = inspect.signature(method)

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        given = signature.bind(*args, **kwargs)
        system, x = args[0], given.arguments["x"]
        place, shape = f"{type(system).__name__}.{method.__name__}", shape_of(system)
        if np.shape(x) != shape:
            raise InvalidInput(
                f"{place}: x has shape {np.shape(x)}; expected one {what} of shape {shape} "
                "(jax.vmap takes many)."
            )
        if isinstance(x, list | tuple) or not jnp.issubdtype(x.dtype, jnp.floating):
            given.arguments["x"] = jnp.asarray(x, float)
        refuse_nonfinite(given.arguments.get("t", 0.0), f"{place}: t")
        return method(*given.args, **given.kwargs)

    return checked(call)  # pyright: ignore[reportReturnType]
