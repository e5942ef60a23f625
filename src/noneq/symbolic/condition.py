"""Sets of states given as text: inequalities joined by "and", "or" and "not"."""

import ast
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from noneq._typing import Scalar
from noneq.errors import InvalidInput
from noneq.symbolic.expression import Expression
from noneq.symbolic.syntax import parse, shown


_ABOVE, _BELOW = (ast.Gt, ast.GtE), (ast.Lt, ast.LtE)


class Condition(eqx.Module):
    """The states where inequalities of the coordinates hold, as ``"x < -0.9 and y > 0"``.

    **Equation**: the level g of a > b is a − b, of "and" the smallest, of "or" the largest of its
    parts; g > 0 inside, g < 0 outside, g = 0 on the boundary.

    Args:
        text: inequalities (<, <=, >, >=, also 0 < x < 1) of two `Expression`, joined by "and", "or",
            "not" and brackets.
        names: of the coordinates, in order; those that are no identifiers are called x0, x1, ….

    Raises:
        InvalidInput: text that is no such condition, or a name that is no coordinate.
    """

    text: str
    names: tuple[str, ...]

    def __check_init__(self) -> None:
        self._sides(self._tree)

    @property
    def places(self) -> tuple[int, ...]:
        """Numbers of the coordinates that the text speaks of."""
        used = _words(self._tree)
        return tuple(i for i, name in enumerate(self.names) if name in used)

    def level(self, x: Float[Array, " dim"]) -> Scalar:
        """g at one flattened state."""
        return self._level(self._tree, x)

    def contains(self, x: Float[Array, " dim"]) -> Bool[Array, ""]:
        """Whether one flattened state lies inside; <= and >= hold on the boundary too."""
        return self._inside(self._tree, x)

    @property
    def _tree(self) -> ast.expr:
        return parse(self.text, what="condition", example="'x < -0.9 and y > 0'")

    def _level(self, node: ast.expr, x: Array) -> Array:
        match node:
            case ast.BoolOp(op=op, values=parts):
                join = jnp.minimum if isinstance(op, ast.And) else jnp.maximum
                return _joined(join, [self._level(part, x) for part in parts])
            case ast.UnaryOp(op=ast.Not(), operand=inside):
                return -self._level(inside, x)
        sides = [side(x) for side in self._sides(node)]
        signs = [1.0 if isinstance(op, _ABOVE) else -1.0 for op in _compared(node).ops]
        gaps = [s * (a - b) for s, a, b in zip(signs, sides, sides[1:], strict=False)]
        return _joined(jnp.minimum, gaps)

    def _inside(self, node: ast.expr, x: Array) -> Array:
        match node:
            case ast.BoolOp(op=op, values=parts):
                join = jnp.logical_and if isinstance(op, ast.And) else jnp.logical_or
                return _joined(join, [self._inside(part, x) for part in parts])
            case ast.UnaryOp(op=ast.Not(), operand=inside):
                return ~self._inside(inside, x)
        sides = [side(x) for side in self._sides(node)]
        pairs = zip(_compared(node).ops, sides, sides[1:], strict=False)
        return _joined(jnp.logical_and, [_COMPARE[type(op)](a, b) for op, a, b in pairs])

    def _sides(self, node: ast.expr) -> list[Any]:
        """The compared expressions of an inequality, or all of those of its parts."""
        match node:
            case ast.BoolOp(values=parts):
                return [side for part in parts for side in self._sides(part)]
            case ast.UnaryOp(op=ast.Not(), operand=inside):
                return self._sides(inside)
            case ast.Compare(ops=ops) if all(type(op) in _COMPARE for op in ops):
                pass
            case _:
                raise InvalidInput(f"{shown(self.text)}: {shown(node)} is no inequality; {_WRITE}")
        parts = [node.left, *node.comparators]
        if not any(map(_words, parts)):
            raise InvalidInput(f"{shown(self.text)}: {shown(node)} holds no coordinate; {_WRITE}")
        return [_side(part, self.names) for part in parts]


_WRITE = "write x > 0.5, several joined by and, or."
_COMPARE: dict[type, Any] = {
    ast.Gt: jnp.greater,
    ast.GtE: jnp.greater_equal,
    ast.Lt: jnp.less,
    ast.LtE: jnp.less_equal,
}


def identifiers(names: tuple[str, ...], count: int) -> tuple[str, ...]:
    """Names that can stand in a condition: those given, or x0, x1, … if some are no identifiers."""
    if len(names) == count and all(name.isidentifier() for name in names):
        return names
    return tuple(f"x{i}" for i in range(count))


def _words(node: ast.expr) -> set[str]:
    """Names in an expression, those of functions and pi left out."""
    functions = {id(n.func) for n in ast.walk(node) if isinstance(n, ast.Call)}
    names = (n for n in ast.walk(node) if isinstance(n, ast.Name) and id(n) not in functions)
    return {name.id for name in names} - {"pi"}


def _side(node: ast.expr, names: tuple[str, ...]) -> Any:
    """A side of an inequality as a function of the state; a number is one too."""
    text = ast.unparse(node)
    if _words(node):
        return Expression(text, names)
    # A side without coordinates is read by the same whitelist.
    both = Expression(f"({text}) + 0 * {names[0]}", names)
    return lambda x: both(jnp.zeros_like(x))


def _compared(node: ast.expr) -> ast.Compare:
    assert isinstance(node, ast.Compare)  # `_sides` has refused all else
    return node


def _joined(join: Any, parts: list[Array]) -> Array:
    whole = parts[0]
    for part in parts[1:]:
        whole = join(whole, part)
    return whole
