"""Functions of the coordinates given as text, read through a whitelist (nothing is run)."""

import ast
import math
import operator
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Scalar
from noneq.errors import InvalidInput
from noneq.frames.frame import Frame
from noneq.spec import unknown


_LONGEST, _DEEPEST = 2_000, 60
_OPERATORS: dict[type, Any] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_FUNCTIONS = {
    "sqrt": jnp.sqrt,
    "exp": jnp.exp,
    "log": jnp.log,
    "sin": jnp.sin,
    "cos": jnp.cos,
    "tanh": jnp.tanh,
}


class Expression(eqx.Module):
    """A number made of the coordinates of a state, as ``"x**2 + y**2"``.

    Args:
        text: sums, products, quotients, powers with a number as exponent, and sqrt, exp, log, sin,
            cos, tanh of the names.
        names: of the coordinates, in order; those that are no identifiers are called x0, x1, ….

    Raises:
        InvalidInput: text that is no such expression, a name that is no coordinate, or no
            coordinate at all.
    """

    text: str
    names: tuple[str, ...]

    def __check_init__(self) -> None:
        if len(self.text) > _LONGEST:
            raise InvalidInput(
                f"the expression has {len(self.text)} characters; expected at most {_LONGEST}."
            )
        tree = self._tree
        self._check(tree, 0)
        if not any(isinstance(n, ast.Name) and n.id in self.names for n in ast.walk(tree)):
            raise InvalidInput(
                f"{self.text!r} holds no coordinate; expected some of {', '.join(self.names)}."
            )

    def __call__(self, x: Float[Array, " dim"]) -> Scalar:
        """Its value at one flattened state."""
        return jnp.asarray(_value(self._tree, dict(zip(self.names, x, strict=True))))

    @property
    def _tree(self) -> ast.expr:
        try:
            return ast.parse(self.text.strip().replace("^", "**"), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise InvalidInput(
                f"cannot read {self.text[:60]!r}; write an expression as 'x**2 + y**2'."
            ) from error

    def _check(self, node: ast.expr, depth: int) -> None:
        if depth > _DEEPEST:
            raise InvalidInput(f"{self.text[:60]!r} is nested too deeply; simplify it.")
        below: list[ast.expr]
        match node:
            case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
                below = []
                if not abs(value) <= 1e15:
                    raise InvalidInput(f"the number {value:g} is too large; choose other units.")
            case ast.Name(id=name):
                below = []
                if name not in self.names and name != "pi":
                    raise unknown("coordinate", name, self.names)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=inside):
                below = [inside]
            case ast.BinOp(left=base, op=ast.Pow(), right=exponent):
                below = [base]
                if _exponent(exponent) is None:
                    raise InvalidInput(
                        f"the exponent of {ast.unparse(node)[:60]!r} must be a number from -8 to 8."
                    )
            case ast.BinOp(
                left=left, op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div(), right=right
            ):
                below = [left, right]
            case ast.Call(func=ast.Name(id=name), args=[inside], keywords=[]):
                below = [inside]
                if name not in _FUNCTIONS:
                    raise unknown("function", name, _FUNCTIONS)
            case _:
                raise InvalidInput(
                    f"{ast.unparse(node)[:60]!r} cannot stand in an expression; use numbers, "
                    f"{', '.join(self.names[:6])}, + - * / ** and {', '.join(_FUNCTIONS)}."
                )
        for part in below:
            self._check(part, depth + 1)


def coordinate_names(frame: Frame) -> tuple[str, ...]:
    """One name per number of a state: those of the data where they are identifiers.

    Components of fields and particles are x0, x1, … in the order of the flattened state.
    """
    names = frame.labels[0]
    if len(names) == frame.dim and all(name.isidentifier() for name in names):
        return names
    return tuple(f"x{i}" for i in range(frame.dim))


def _exponent(node: ast.expr) -> float | int | None:
    sign = 1
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        sign, node = -1, node.operand
    good = isinstance(node, ast.Constant) and type(node.value) in (int, float)
    if not good or abs(node.value) > 8:  # pyright: ignore[reportAttributeAccessIssue, reportArgumentType]
        return None
    return sign * node.value  # pyright: ignore[reportAttributeAccessIssue, reportReturnType, reportOperatorIssue]


def _value(node: ast.expr, known: dict[str, Any]) -> Any:
    """Of a tree that has been checked."""
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return known.get(name, math.pi)
        case ast.UnaryOp(op=op, operand=inside):
            value = _value(inside, known)
            return -value if isinstance(op, ast.USub) else value
        case ast.BinOp(left=base, op=ast.Pow(), right=exponent):
            power = _exponent(exponent)
            assert power is not None
            return jnp.asarray(_value(base, known)) ** power
        case ast.BinOp(left=left, op=op, right=right):
            over = _value(left, known), _value(right, known)
            return _OPERATORS[type(op)](*(jnp.asarray(side) for side in over))
        case ast.Call(func=ast.Name(id=name), args=[inside]):
            return _FUNCTIONS[name](_value(inside, known))
        case _:
            raise AssertionError(ast.dump(node))
