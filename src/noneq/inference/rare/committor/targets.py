"""Sets of states that paths start from or go to, with how deep inside a state lies."""

import ast
from collections.abc import Callable
from typing import Any, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from noneq._typing import Scalar
from noneq.errors import InvalidInput, WrongType
from noneq.kinds import shown
from noneq.symbolic.expression import Expression
from noneq.symbolic.syntax import parse


SetOf: TypeAlias = str | Callable[[Any], Any]
"""Inequalities as ``"x < -0.9 and y > 0"``, or a function of one state that is > 0 (or true) inside."""

_EXAMPLE = "'x < -0.9' or 'x > 0.9 and y > 0'"


class StateSet(eqx.Module):
    """A set of states, g(x) > 0.

    Attributes:
        label: how it was given.
    """

    label: str = eqx.field(static=True)
    _level: Callable[[Array], Any]

    def level(self, x: Array) -> Scalar:
        """g at one state."""
        return jnp.asarray(self._level(x), x.dtype)

    def contains(self, x: Array) -> Array:
        """Whether one state lies inside."""
        return self.level(x) > 0


def members(one: StateSet, states: Any) -> np.ndarray:
    """Truth values of states ``(n, *event_shape)``."""
    return np.asarray(_inside(one, jnp.asarray(states, jnp.zeros(()).dtype)))


@eqx.filter_jit
def _inside(one: StateSet, states: Array) -> Array:
    return jax.vmap(one.contains)(states)


class Least(eqx.Module):
    """Depth of an intersection."""

    parts: tuple[Any, ...]

    def __call__(self, x: Array) -> Scalar:
        return jnp.min(jnp.stack([part(x) for part in self.parts]))


class Most(eqx.Module):
    """Depth of a union."""

    parts: tuple[Any, ...]

    def __call__(self, x: Array) -> Scalar:
        return jnp.max(jnp.stack([part(x) for part in self.parts]))


class Excess(eqx.Module):
    """Value of an expression at one state of any shape."""

    expression: Expression

    def __call__(self, x: Array) -> Scalar:
        return self.expression(x.reshape(-1))


def state_set(given: SetOf, names: tuple[str, ...], shape: tuple[int, ...]) -> StateSet:
    """A set from text or from a function of one state.

    Args:
        names: of the coordinates; those that are no identifiers are called x0, x1, ….
        shape: of a state.

    Raises:
        InvalidInput: text that is no inequality, an unknown name, or a function whose result is not
            one number.
        WrongType: neither text nor a function.
    """
    if isinstance(given, str):
        size = int(np.prod(shape))
        plain = len(names) == size and all(name.isidentifier() for name in names)
        known = names if plain else tuple(f"x{i}" for i in range(size))
        return StateSet(given, _depth(parse(given, what="set", example=_EXAMPLE), known))
    if not callable(given):
        raise WrongType(
            f"a set is {shown(given)}; expected text such as {_EXAMPLE}, or a function."
        )
    found = jax.eval_shape(given, jax.ShapeDtypeStruct(shape, jnp.zeros(()).dtype))
    if getattr(found, "shape", None) != ():
        raise InvalidInput(
            f"the set {shown(given)} gives {shown(found)} for one state of shape {shape}; expected one "
            "number, > 0 inside, or one truth value."
        )
    return StateSet("a function", given)


def _depth(node: ast.expr, names: tuple[str, ...]) -> Callable[[Array], Scalar]:
    match node:
        case ast.BoolOp(op=ast.And(), values=parts):
            return Least(tuple(_depth(part, names) for part in parts))
        case ast.BoolOp(op=ast.Or(), values=parts):
            return Most(tuple(_depth(part, names) for part in parts))
        case ast.Compare(left=left, ops=signs, comparators=others):
            pairs = zip([left, *others[:-1]], signs, others, strict=True)
            return Least(tuple(_excess(*pair, names) for pair in pairs))
        case _:
            raise InvalidInput(f"{ast.unparse(node)!r} is no inequality; write {_EXAMPLE}.")


def _excess(left: ast.expr, sign: ast.cmpop, right: ast.expr, names: tuple[str, ...]) -> Excess:
    if isinstance(sign, ast.Lt | ast.LtE):
        left, right = right, left
    elif not isinstance(sign, ast.Gt | ast.GtE):
        raise InvalidInput(f"a set is given by < and >, not by {ast.unparse(left)!r} = …")
    return Excess(Expression(f"({ast.unparse(left)}) - ({ast.unparse(right)})", names))
