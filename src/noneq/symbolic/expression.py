"""Functions of the coordinates given as text."""

import ast
import math
import operator
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Scalar
from noneq.errors import InvalidInput
from noneq.frames.frame import Frame
from noneq.spec import unknown
from noneq.symbolic.syntax import LARGEST_EXPONENT, AbstractAlgebra, Read, meaning, parse, shown


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
    "abs": jnp.abs,
    "hypot": jnp.hypot,
}


class Expression(eqx.Module):
    """A number made of the coordinates of a state, as ``"x**2 + y**2"``.

    Args:
        text: sums, products, quotients, powers with a number as exponent, and sqrt, exp, log, sin,
            cos, tanh, abs and hypot(a, b) of the names.
        names: of the coordinates, in order; those that are no identifiers are called x0, x1, ….

    Raises:
        InvalidInput: text that is no such expression, a name that is no coordinate, or no
            coordinate at all.
    """

    text: str
    names: tuple[str, ...]

    def __check_init__(self) -> None:
        tree = self._tree
        jax.eval_shape(self, jax.ShapeDtypeStruct((len(self.names),), float))
        if not any(isinstance(n, ast.Name) and n.id in self.names for n in ast.walk(tree)):
            raise InvalidInput(
                f"{self.text!r} holds no coordinate; expected some of {', '.join(self.names)}."
            )

    def __call__(self, x: Float[Array, " dim"]) -> Scalar:
        """Its value at one flattened state."""
        known = dict(zip(self.names, x, strict=True))
        return jnp.asarray(meaning(self._tree, _Numbers(known)))

    @property
    def _tree(self) -> ast.expr:
        return parse(self.text, what="expression", example="'x**2 + y**2'")


def coordinate_names(frame: Frame) -> tuple[str, ...]:
    """One name per number of a state: those of the data where they are identifiers.

    Components of fields and particles are x0, x1, … in the order of the flattened state.
    """
    names = frame.labels[0]
    if len(names) == frame.dim and all(name.isidentifier() for name in names):
        return names
    return tuple(f"x{i}" for i in range(frame.dim))


class _Numbers(AbstractAlgebra):
    """Values of the names, and what follows from them."""

    what, smallest = "expression", 0.0

    def __init__(self, known: Mapping[str, Any]):
        self.known = known

    def number(self, value: int | float | complex) -> Any:
        if isinstance(value, complex):
            raise InvalidInput(f"an expression has no {shown(value)}; write real numbers.")
        return float(value)

    def name(self, name: str) -> Any:
        if name not in self.known and name != "pi":
            raise unknown("coordinate", name, self.known)
        return self.known.get(name, math.pi)

    def negative(self, value: Any) -> Any:
        return -value

    def operation(self, node: ast.BinOp, left: Any, right: Any) -> Any:
        return _OPERATORS[type(node.op)](jnp.asarray(left), jnp.asarray(right))

    def power(self, node: ast.BinOp, read: Read) -> Any:
        match node.right:
            case ast.Constant(value=int() | float() as exponent):
                pass
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as size)):
                exponent = -size
            case _:
                exponent = math.inf
        if not abs(exponent) <= LARGEST_EXPONENT:
            raise InvalidInput(
                f"the exponent of {shown(node)} must be a number from -{LARGEST_EXPONENT} to "
                f"{LARGEST_EXPONENT}."
            )
        return jnp.asarray(read(node.left)) ** exponent

    def call(self, name: str, node: ast.Call, read: Read) -> Any:
        if name not in _FUNCTIONS:
            raise unknown("function", name, _FUNCTIONS)
        count = 2 if name == "hypot" else 1
        if len(node.args) != count or node.keywords:
            wanted = "two arguments" if count == 2 else "one argument"
            raise InvalidInput(f"cannot read {shown(node)}; write {name}(...) with {wanted}.")
        return _FUNCTIONS[name](*(jnp.asarray(read(part), float) for part in node.args))

    def refusal(self, node: ast.expr) -> InvalidInput:
        return InvalidInput(
            f"{shown(node)} cannot stand in an expression; use numbers, "
            f"{', '.join(list(self.known)[:6])}, + - * / ** and {', '.join(_FUNCTIONS)}."
        )
