"""What systems of the user's own functions share: how functions and starts are taken and checked."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key
from noneq.domains import AbstractDomain
from noneq.errors import InvalidInput, MissingTrait
from noneq.systems.base import AbstractSystem
from noneq.systems.time_steps import step_of


class AbstractOwn(AbstractSystem):
    """A system whose initial states, domain and time step are what its author gave."""

    _initial: eqx.AbstractVar[Callable[[Key], Any] | None]
    _shape: eqx.AbstractVar[tuple[int, ...]]
    _domain: eqx.AbstractVar[AbstractDomain]
    _step: eqx.AbstractVar[float | None]

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one state."""
        return self._shape

    @property
    def domain(self) -> AbstractDomain:
        """As given."""
        return self._domain

    @property
    def time_step(self) -> float:
        """As given, or measured."""
        return self._step or step_of(self)

    def initial(self, key: Key) -> Float[Array, "*event"]:
        """The state given, or a draw.

        Raises:
            MissingTrait: none was given.
        """
        if self._initial is None:
            raise MissingTrait(
                f"{type(self).__name__} has no initial states; give it initial=, or time_step= and "
                "simulate with start=."
            )
        return self._initial(key)


def start_of(
    initial: Any, shape: int | tuple[int, ...] | None, name: str
) -> tuple[Callable[[Key], Any] | None, tuple[int, ...]]:
    """How a state is drawn, and its shape."""
    asked = (shape,) if isinstance(shape, int) else shape
    if initial is None:
        if asked is None:
            raise InvalidInput(f"{name}: give initial=, a state or a function of a key, or shape=.")
        return None, tuple(asked)
    if callable(initial):
        draw = lambda key: jnp.asarray(initial(key), float)
        found = jax.eval_shape(draw, jax.random.key(0)).shape
    else:
        state = np.asarray(initial, float)
        if not np.isfinite(state).all():
            raise InvalidInput(f"{name}: initial = {initial!r}; expected finite numbers.")
        draw, found = (lambda key: jnp.asarray(state, float)), state.shape
    if not found or (asked is not None and tuple(asked) != found):
        wanted = "expected a vector, such as [0.0]" if asked is None else f"shape= says {asked}"
        raise InvalidInput(f"{name}: initial has the shape {found}; {wanted}.")
    return draw, found


def positive_step(step: float | None, name: str) -> float | None:
    """The internal step, if it is positive."""
    if step is not None and not 0 < step < float("inf"):
        raise InvalidInput(f"{name}: time_step = {step}; it must be > 0.")
    return step


def check_shape(
    what: str, function: Callable[..., Any], event: tuple[int, ...], wanted: tuple[int, ...] | None
) -> None:
    """Refuse a function whose result has another shape; None stands for those of a noise."""
    state = jax.ShapeDtypeStruct(event, jnp.zeros(()).dtype)
    try:
        found = jax.eval_shape(function, jax.ShapeDtypeStruct((), state.dtype), state).shape
    except (jax.errors.ConcretizationTypeError, jax.errors.TracerArrayConversionError) as error:
        raise InvalidInput(
            f"{what} cannot be traced by JAX: use jax.numpy in place of numpy, and jnp.where in "
            "place of if."
        ) from error
    matrix = len(event) == 1 and len(found) == 2 and found[0] == event[0]
    fits = found in ((), event) or matrix if wanted is None else found == wanted
    if not fits:
        kinds = f"a number, {event} or ({event[0]}, m)" if wanted is None else f"the shape {wanted}"
        raise InvalidInput(
            f"{what} gives the shape {found} for a state of shape {event}; expected {kinds}."
        )
