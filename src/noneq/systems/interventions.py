"""What is done to a system from outside: coordinates held fast, pushed, given another equation."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import ScalarLike
from noneq.errors import InvalidInput
from noneq.kinds import shown
from noneq.systems.time_functions import of_time
from noneq.traced import AbstractUntraced


Entries: TypeAlias = tuple[tuple[Any, Any], ...]
"""(coordinate by name or index, number or function) each."""

_PARTS = ("clamp", "shift", "replace", "noise", "start")
_FUNCTIONS = ("shift", "replace")
"""Parts that may follow time and state."""


def _entries(given: Any) -> Entries:
    """A mapping as pairs, so that equal interventions compare equal."""
    pairs = given.items() if isinstance(given, Mapping) else given
    return tuple((place, value) for place, value in pairs)


class Intervention(AbstractUntraced):
    """Changes to the mechanisms of dX = f dt + B dW; what is not named stays as it is.

    **Equation**: clamp: x_i = c, its own equation deleted; replace: f_i := g(t, x);
    shift: f_i := f_i + u(t, x); noise: B_i := s B_i; start: x_i(0) = c. Others' equations see the
    clamped value, which is what do(x_i = c) means.

    Each argument is a mapping from a coordinate, by name or by index along the first axis of a
    state, to its value. Values of ``shift`` and ``replace`` are numbers or functions of ``(t, x)``
    or of ``x`` alone, in ``jax.numpy``.

    Args:
        clamp: values at which coordinates are held from the first time on.
        shift: what is added to the drift, in units of the coordinate per time.
        replace: the new drift.
        noise: factors of the noise, 0 to stop it.
        start: values of coordinates at the first time.

    Raises:
        InvalidInput: nothing to change, a value that is not finite, or a coordinate that is both
            clamped and changed otherwise.
    """

    clamp: Entries = eqx.field(default=(), converter=_entries)
    shift: Entries = eqx.field(default=(), converter=_entries)
    replace: Entries = eqx.field(default=(), converter=_entries)
    noise: Entries = eqx.field(default=(), converter=_entries)
    start: Entries = eqx.field(default=(), converter=_entries)

    def __check_init__(self) -> None:
        if not any(self._entries_of(part) for part in _PARTS):
            raise InvalidInput(
                "Intervention: nothing to change; give clamp=, shift=, replace=, noise= or start=, "
                'such as clamp={"x": 1.0}.'
            )
        for part in _PARTS:
            for place, value in self._entries_of(part):
                if part in _FUNCTIONS and callable(value):
                    continue
                good = isinstance(value, int | float | np.number) and math.isfinite(value)
                if not good or (part == "noise" and value < 0):
                    also = " or a function of (t, x)" if part in _FUNCTIONS else ""
                    least = " ≥ 0" if part == "noise" else ""
                    raise InvalidInput(
                        f"Intervention: {part} of {place} is {shown(value)}; expected a finite "
                        f"number{least}{also}."
                    )

    def placed(self, names: Sequence[str]) -> "Intervention":
        """With coordinates by index.

        Raises:
            InvalidInput: a coordinate that is not there, or one that is changed twice.
        """
        placed = {
            part: tuple((_place(place, names), value) for place, value in self._entries_of(part))
            for part in _PARTS
        }
        for part, entries in placed.items():
            places = [place for place, _ in entries]
            doubled = {names[i] for i in places if places.count(i) > 1}
            held = {names[i] for i, _ in placed["clamp"] if part != "clamp" and i in places}
            if doubled or held:
                which, other = sorted(doubled or held)[0], part if doubled else "clamp"
                raise InvalidInput(
                    f"Intervention: {which} is in {other} and in {part}; change each coordinate "
                    "once, a clamped one not otherwise."
                )
        return Intervention(**placed)

    def held(self, x: Float[Array, "*event"]) -> Float[Array, "*event"]:
        """The state with clamped coordinates at their values."""
        return _set(x, self.clamp)

    def begun(self, x: Float[Array, "*event"]) -> Float[Array, "*event"]:
        """The state at the first time."""
        return self.held(_set(x, self.start))

    def drift(
        self, t: ScalarLike, x: Float[Array, "*event"], f: Float[Array, "*event"]
    ) -> Float[Array, "*event"]:
        """The drift at a held state, from the one without intervention."""
        for place, value in self.replace:
            f = f.at[place].set(_rate(value)(t, x))
        for place, value in self.shift:
            f = f.at[place].add(_rate(value)(t, x))
        return _set(f, tuple((place, 0.0) for place, _ in self.clamp))

    def diffusion(self, b: Array, event_shape: tuple[int, ...]) -> Array:
        """The noise, from the one without intervention: a scalar becomes a diagonal."""
        factors = self.factors(event_shape[0])
        if (factors == 1).all():
            return b
        rows = jnp.asarray(factors, b.dtype)
        if b.ndim == 0:
            b = jnp.broadcast_to(b, event_shape)
        return b * rows.reshape(-1, *(1,) * (b.ndim - 1))

    def factors(self, count: int) -> Float[np.ndarray, " count"]:
        """Of the noise of each coordinate; 0 where it is clamped."""
        found = np.ones(count)
        for place, value in self.noise:
            found[place] = value
        for place, _ in self.clamp:
            found[place] = 0.0
        return found

    def _entries_of(self, part: str) -> Entries:
        return getattr(self, part)


def _place(place: Any, names: Sequence[str]) -> int:
    if place in names:
        return list(names).index(place)
    whole = isinstance(place, int | np.integer) and not isinstance(place, bool)
    if whole and -len(names) <= place < len(names):
        return int(place) % len(names)
    known = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    raise InvalidInput(
        f"Intervention: there is no coordinate {place!r}; known: {known}, or an index from 0 to "
        f"{len(names) - 1}."
    )


def _rate(value: Any) -> Callable[[Any, Any], Array]:
    return of_time(value, "Intervention")


def _set(x: Array, entries: Entries) -> Array:
    for place, value in entries:
        x = x.at[place].set(value)
    return x
