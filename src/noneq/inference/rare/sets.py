"""Sets of states that rare events start from, aim at and avoid; and the checks that they make sense."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from noneq._typing import Scalar
from noneq.domains import AbstractDomain
from noneq.errors import InvalidInput
from noneq.symbolic.condition import Condition, identifiers
from noneq.symbolic.expression import Expression


SetOf: TypeAlias = str | Callable[[Any], Any]
"""Inequalities as text, or a function of one state that is positive inside and negative outside."""

_POINTS, _BEST, _ROUNDS = 4096, 64, 40


class StateSet(eqx.Module):
    """A set of states, g(x) > 0.

    Attributes:
        label: how it was given.
        names: of the coordinates.
        places: numbers of the flattened coordinates that decide; all of them for a function.
    """

    label: str
    names: tuple[str, ...]
    places: tuple[int, ...]
    _level: Any

    def level(self, x: Float[Array, "*event"]) -> Scalar:
        """g at one state."""
        if isinstance(self._level, Condition):
            return self._level.level(x.reshape(-1))
        return jnp.asarray(self._level(x), x.dtype).reshape(())

    def contains(self, x: Float[Array, "*event"]) -> Bool[Array, ""]:
        """Whether one state lies inside."""
        if isinstance(self._level, Condition):
            return self._level.contains(x.reshape(-1))
        return self.level(x) > 0


def state_set(given: SetOf, names: Sequence[str], size: int, what: str) -> StateSet:
    """The set that a text or a function stands for.

    Args:
        given: as `SetOf`.
        names: of the coordinates.
        size: numbers of a state.
        what: its part, for errors.

    Raises:
        InvalidInput: text that is no condition, a name that is no coordinate.
    """
    known = identifiers(tuple(names), size)
    if isinstance(given, str):
        try:
            condition = Condition(given, known)
        except InvalidInput as error:
            raise InvalidInput(f"{what}: {error}") from error
        return StateSet(given, known, condition.places, condition)
    label = getattr(given, "__name__", type(given).__name__)
    return StateSet(label, known, tuple(range(size)), given)


def score_of(given: SetOf | None, target: StateSet, size: int) -> Callable[[Any], Any]:
    """The function of one state that a splitting climbs; None takes the level of the target.

    Raises:
        InvalidInput: text that is no expression of the coordinates.
    """
    if given is None:
        return target.level
    return quantity_of(given, target.names, size, "score")


def quantity_of(
    given: SetOf, names: Sequence[str], size: int, what: str = "quantity"
) -> Callable[[Any], Any]:
    """The function of one state that an expression or a function stands for.

    Raises:
        InvalidInput: text that is no expression of the coordinates.
    """
    if isinstance(given, str):
        try:
            expression = Expression(given, identifiers(tuple(names), size))
        except InvalidInput as error:
            raise InvalidInput(f"{what}: {error}") from error
        return lambda x: expression(x.reshape(-1))
    return lambda x: jnp.asarray(given(x), x.dtype).reshape(())


def refuse_impossible(
    target: StateSet,
    avoid: StateSet | None,
    states: np.ndarray,
    domain: AbstractDomain,
    words: tuple[str, str] = ("target", "avoid"),
) -> None:
    """Refuse a target without states, and sets that overlap, as far as a random search finds out.

    Args:
        target, avoid: the sets.
        states: ``(m, *event_shape)``, starts of paths, where the search begins.
        domain: where states live.
        words: what the two are called.

    Raises:
        InvalidInput: naming a common state, or that none was found inside.
    """
    for one, word in ((target, words[0]), (avoid, words[1])):
        if one is not None and _highest(one.level, one.places, states, domain)[0] < 0:
            raise InvalidInput(
                f"{word}: no state was found where {one.label} holds; check its inequalities and the "
                "domain of the system."
            )
    if avoid is None:
        return
    places = tuple(sorted({*target.places, *avoid.places}))
    both = lambda x: jnp.minimum(target.level(x), avoid.level(x))
    level, state = _highest(both, places, states, domain)
    if level > 0:
        shown = ", ".join(f"{target.names[i]} = {state.reshape(-1)[i]:.3g}" for i in places[:4])
        raise InvalidInput(
            f"{words[0]} and {words[1]}: the sets {target.label} and {avoid.label} overlap, at {shown} "
            "for instance; separate them."
        )


def _highest(
    level: Callable[[Any], Any], places: tuple[int, ...], states: np.ndarray, domain: AbstractDomain
) -> tuple[float, np.ndarray]:
    """The largest level found, and where; the coordinates in ``places`` are varied."""
    rng = np.random.default_rng(0)
    at = list(places)
    values = jax.jit(jax.vmap(lambda x: (level(y := domain.project(x)), y)))
    base = states[rng.integers(len(states), size=_POINTS)].astype(np.float32)
    scale = 1.0 + np.abs(base.reshape(len(base), -1)[:, at]).max()
    spread = scale * 10.0 ** rng.uniform(-2, 1, (_POINTS, 1))
    best, where = -np.inf, base[0]
    for _ in range(_ROUNDS):
        tried = base.reshape(_POINTS, -1).copy()
        tried[:, at] += spread * rng.normal(size=(_POINTS, len(at)))
        found, held = map(np.asarray, values(jnp.asarray(tried.reshape(base.shape))))
        found = np.where(np.isfinite(found), found, -np.inf)
        order = np.argsort(-found)[:_BEST]
        if found[order[0]] > best:
            best, where = float(found[order[0]]), held[order[0]]
        if best > 0:
            break
        base = np.repeat(held[order], _POINTS // _BEST, axis=0)
        spread = 0.8 * spread
    return best, where
