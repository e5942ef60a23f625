"""Overdamped motion in a potential of one's own with a parameter that is moved."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.domains import AbstractDomain, Free
from noneq.errors import InvalidInput
from noneq.systems.driven import (
    AbstractDriven,
    enters,
    initial_value,
    refuse_negative,
    relaxed,
)
from noneq.systems.given_functions import check_shape, start_of
from noneq.systems.own_functions import Langevin
from noneq.systems.protocols import AbstractProtocol, extremes


class DrivenLangevin(AbstractDriven):
    """Overdamped motion in a potential of your own with a parameter that follows a protocol.

    **Equation**: dX = [−∂_x V(X, λ(t)) + force(t, X)] dt + √(2/beta) dW, at mobility 1.

    Args:
        potential: V, a function of ``(x, parameter)`` in ``jax.numpy``; gives a number.
        protocol: λ(t).
        beta, force, initial, shape, domain: as in `Langevin`.
        time_step: internal step; None takes the shorter of those that `Langevin` measures at the least
            and the largest λ.
        equilibration: as in `Driven`.

    Raises:
        InvalidInput: as in `Langevin`, or a potential into which the parameter does not enter.
    """

    beta: float
    protocol: AbstractProtocol
    equilibration: float
    _potential: Callable[..., Any]
    _still: Langevin
    _step: float | None

    def __init__(
        self,
        potential: Callable[..., Any],
        protocol: AbstractProtocol,
        *,
        beta: float = 1.0,
        force: Callable[..., Any] | None = None,
        initial: Any = None,
        shape: int | tuple[int, ...] | None = None,
        domain: AbstractDomain = Free(),
        time_step: float | None = None,
        equilibration: float = 0.0,
    ):
        if not takes_two(potential):
            raise InvalidInput("DrivenLangevin: potential must take (x, parameter).")
        event = start_of(initial, shape, "DrivenLangevin")[1]
        of_both = lambda x, value: jnp.asarray(potential(x, value), x.dtype)
        first = protocol.initial
        check_shape("DrivenLangevin: potential", lambda t, x: of_both(x, first), event, ())
        # All that does not move: starts, domain, force.
        self._still = Langevin(
            lambda x: of_both(x, initial_value(protocol)),
            beta=beta,
            force=force,
            initial=initial,
            shape=shape,
            domain=domain,
            time_step=time_step,
        )
        refuse_negative(equilibration, "DrivenLangevin")
        self.beta, self.protocol, self.equilibration = self._still.beta, protocol, equilibration
        self._potential, self._step = of_both, time_step

    def __check_init__(self) -> None:
        if not enters(lambda v, x: self._potential(x, v), self.event_shape):
            raise InvalidInput("DrivenLangevin: the parameter does not enter the potential.")

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one state."""
        return self._still.event_shape

    @property
    def domain(self) -> AbstractDomain:
        """As given."""
        return self._still.domain

    @property
    def time_step(self) -> float:
        """As given, or measured."""
        return self._step or _shortest(self)

    def at(self, value: float) -> Langevin:
        """The system with the parameter held at a value."""
        still = self._still
        return eqx.tree_at(
            lambda s: s._potential, still, lambda t, x: self._potential(x, value), is_leaf=callable
        )

    def potential_at(
        self, parameter: ScalarLike, t: ScalarLike, x: Float[Array, "*event"]
    ) -> Scalar:
        return self._potential(x, jnp.asarray(parameter, x.dtype))

    def nonconservative_force(
        self, t: ScalarLike, x: Float[Array, "*event"]
    ) -> Float[Array, "*event"]:
        return self._still.nonconservative_force(t, x)

    def initial(self, key: Key) -> Float[Array, "*event"]:
        """As given, after ``equilibration``. Raises `MissingTrait` if none was given."""
        return relaxed(self._still, self.equilibration, key)


@functools.lru_cache(maxsize=64)
def _shortest(system: DrivenLangevin) -> float:
    return min(system.at(value).time_step for value in sorted(set(extremes(system.protocol))))


def takes_two(function: Any) -> bool:
    """Whether a function can be called with two arguments."""
    if not callable(function):
        return False
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # built in
        return True
    places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = [p for p in places if p.default is p.empty]
    several = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    return len(needed) <= 2 and (len(places) >= 2 or several)
