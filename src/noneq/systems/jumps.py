"""What every jump process is: states that stay for a while and then change at once.

Waiting times are exponential. `noneq.simulate` and `noneq.simulation.simulate_events` follow the
process exactly, without a time step (Gillespie, J. Phys. Chem. 81, 2340 (1977)).
"""

import inspect
import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from noneq._typing import Key, ScalarLike
from noneq.domains import AbstractDomain, Free
from noneq.errors import InvalidInput, MissingTrait
from noneq.systems.base import AbstractSystem
from noneq.systems.one_state import of_state


class AbstractJump(AbstractSystem):
    """A system with R reactions: number r happens at rate w_r(t, x) and takes x to after(x, r).

    States are whole numbers (a state's number, copies of molecules, occupied sites), kept as floats.
    """

    @abstractmethod
    def rates(self, t: ScalarLike, x: Float[Array, "*event"]) -> Float[Array, "R"]:
        """w(t, x) ≥ 0 per unit time, one for each reaction; 0 where it cannot happen."""

    @abstractmethod
    def after(
        self, x: Float[Array, "*event"], reaction: Int[Array, ""] | int
    ) -> Float[Array, "*event"]:
        """The state into which a reaction takes x."""

    @property
    @abstractmethod
    def reverse(self) -> tuple[int, ...]:
        """For each reaction the number of the one that undoes it; −1 if there is none."""

    @property
    @abstractmethod
    def rate_bound(self) -> float | None:
        """None for rates that do not depend on time, else a number that their sum never exceeds."""


class AbstractSteadyJump(AbstractJump):
    """A jump process whose rates do not depend on time."""

    @property
    def rate_bound(self) -> None:
        """None."""
        return None


class Jump(AbstractJump):
    """A jump process of your own rates.

    **Equation**: reaction r, at rate w_r(t, x), takes x to x + changes_r.

    Args:
        rates: w: a function of ``x``, or of ``(t, x)``, in ``jax.numpy``; gives R numbers ≥ 0. They
            must vanish where a reaction would leave the domain (no molecule left).
        changes: ``(R, *event_shape)``, what each reaction adds to the state.
        initial: a state at which all paths start, or a function of a random key that draws one.
        domain: where the states live; `Discrete(levels)` if they are few.
        largest: a number that the sum of rates that depend on time never exceeds; events are then
            proposed at this rate and taken with the right probability (Lewis and Shedler 1979).

    Raises:
        InvalidInput: changes, rates or a start whose shapes do not fit; rates of (t, x) without
            ``largest``, or that JAX cannot trace.
    """

    _rates: Callable[..., Any]
    _initial: Callable[[Key], Any] | None
    _changes: tuple[tuple[float, ...], ...]
    _shape: tuple[int, ...]
    _domain: AbstractDomain
    _largest: float | None

    def __init__(
        self,
        rates: Callable[..., Any],
        changes: Any,
        *,
        initial: Any = None,
        domain: AbstractDomain = Free(),
        largest: float | None = None,
    ):
        table = np.asarray(changes, float)
        if table.ndim < 2 or not table.size or not np.isfinite(table).all():
            raise InvalidInput(
                f"Jump: changes have the shape {table.shape}; expected finite numbers, (reactions, "
                "*shape of a state), such as [[1.0], [-1.0]] for births and deaths."
            )
        self._shape = table.shape[1:]
        self._changes = tuple(map(tuple, table.reshape(len(table), -1).tolist()))
        self._rates, timed = _of_time(rates)
        if timed and largest is None:
            raise InvalidInput(
                "Jump: rates take (t, x), so they may depend on time; give largest=, a number that "
                "their sum never exceeds, or write them as a function of x."
            )
        if largest is not None and not 0 < largest < math.inf:
            raise InvalidInput(f"Jump: largest = {largest}; it must be > 0 and finite.")
        self._largest, self._domain = largest, domain
        self._initial = _draws(initial, self._shape)
        self._check_rates(len(table))

    def _check_rates(self, reactions: int) -> None:
        state = jax.ShapeDtypeStruct(self._shape, jnp.zeros(()).dtype)
        try:
            found = jax.eval_shape(self._rates, 0.0, state).shape
        except (jax.errors.ConcretizationTypeError, jax.errors.TracerArrayConversionError) as error:
            raise InvalidInput(
                "Jump: rates cannot be traced by JAX: use jax.numpy in place of numpy, and "
                "jnp.where in place of if."
            ) from error
        if found != (reactions,):
            raise InvalidInput(
                f"Jump: rates give the shape {found} for a state of shape {self._shape}; expected "
                f"({reactions},), a rate for each of the changes."
            )

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one state."""
        return self._shape

    @property
    def domain(self) -> AbstractDomain:
        """As given."""
        return self._domain

    @property
    def rate_bound(self) -> float | None:
        """As given."""
        return self._largest

    @property
    def reverse(self) -> tuple[int, ...]:
        """The reaction with the opposite change, if there is exactly one, else −1."""
        opposite = [tuple(-c for c in change) for change in self._changes]
        unique = [self._changes.count(change) == 1 for change in self._changes]
        return tuple(
            self._changes.index(o) if unique[r] and self._changes.count(o) == 1 else -1
            for r, o in enumerate(opposite)
        )

    def initial(self, key: Key) -> Float[Array, "*event"]:
        """The state given, or a draw.

        Raises:
            MissingTrait: none was given.
        """
        if self._initial is None:
            raise MissingTrait(
                "Jump has no initial states; give it initial=, or simulate with start=."
            )
        return self._initial(key)

    @of_state
    def rates(self, t: ScalarLike, x: Float[Array, "*event"]) -> Float[Array, "R"]:
        """As given."""
        return self._rates(t, x)

    def after(
        self, x: Float[Array, "*event"], reaction: Int[Array, ""] | int
    ) -> Float[Array, "*event"]:
        """x plus the change."""
        return x + jnp.asarray(self._changes, x.dtype)[reaction].reshape(x.shape)


def _of_time(given: Callable[..., Any]) -> tuple[Callable[..., Any], bool]:
    """A function of (t, x) that gives an array, and whether the one given takes t."""
    try:
        parameters = inspect.signature(given).parameters.values()
    except ValueError:  # built in
        parameters = ()
    places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = [p for p in places if p.default is p.empty]
    if len(needed) > 2:
        raise InvalidInput(f"Jump: rates take {len(needed)} arguments; expected (x) or (t, x).")
    if len(needed) == 2:
        return (lambda t, x: jnp.asarray(given(t, x), x.dtype)), True
    return (lambda t, x: jnp.asarray(given(x), x.dtype)), False


def _draws(initial: Any, shape: tuple[int, ...]) -> Callable[[Key], Any] | None:
    """How a state is drawn."""
    if initial is None:
        return None
    if callable(initial):
        draw = lambda key: jnp.asarray(initial(key), float)
        found = jax.eval_shape(draw, jax.random.key(0)).shape
    else:
        state = np.asarray(initial, float)
        draw, found = (lambda key: jnp.asarray(state, float)), state.shape
    if found != shape:
        raise InvalidInput(
            f"Jump: initial has the shape {found}; the changes are of states of shape {shape}."
        )
    return draw


def index_draw(key: Key, law: Sequence[float] | np.ndarray) -> Int[Array, ""]:
    """A whole number from 0 with these probabilities."""
    edges = jnp.asarray(np.cumsum(np.asarray(law, float))[:-1], jnp.zeros(()).dtype)
    return jnp.searchsorted(edges, jax.random.uniform(key), side="right")
