"""A PDE written as text: a formula whose parts hold u once, or not at all."""

import ast
import re
from collections.abc import Callable
from typing import Any

from noneq.errors import InvalidInput
from noneq.pde.terms import Shape
from noneq.spec import unknown
from noneq.symbolic.syntax import LARGEST_EXPONENT, AbstractAlgebra, Read, meaning, parse, shown


_COORDINATES = frozenset({"x", "y", "z", "t"})
RESERVED = frozenset({"k", "q", "lam"})
"""Names of wave symbols, which no parameter may take."""
_FUNCTIONS = ("lap", "flap", "grad", "sqrt")
_DERIVATIVE = re.compile(r"u_([txyz]+)\Z")

Linear = dict[Shape, Any]
"""A sum of terms that each hold u once."""


def read_text(text: str, *, dim: int, parameter: Callable[[str], Any]) -> Linear:
    """The terms of a PDE given as text, all moved to one side.

    Args:
        text: for example ``"u_tt + lap(u) - m**2*u"``; ``lhs = rhs`` is allowed.
        dim: number of space dimensions; ``u_x`` is understood for 1 only.
        parameter: gives the SymPy symbol of a parameter's name, or refuses it.

    Raises:
        InvalidInput: not a linear, homogeneous PDE with constant coefficients, or not one at all.
    """
    algebra = _Terms(dim, parameter)
    try:
        sides = [meaning(tree, algebra) for tree in _trees(text)]
    except (OverflowError, ZeroDivisionError) as error:
        raise InvalidInput(
            "a coefficient divides by zero or overflows; give finite ones."
        ) from error
    total: Linear = {}
    for sign, side in zip((1, -1), sides, strict=False):
        if not isinstance(side, dict):
            if side != 0:
                raise _inhomogeneous(side)
            continue
        total = _sum(total, side, sign)
    return total


def _trees(text: str) -> list[ast.expr]:
    sides = [side.strip() for side in text.replace("==", "=").split("=")]
    if len(sides) > 2 or not all(sides):
        raise InvalidInput(
            f"cannot read the PDE {shown(text)}; write one equation, as 'u_t = lap(u)'."
        )
    example = "sums of terms, 'u_tt + lap(u) - m**2*u'"
    return [parse(side, what="PDE", example=example) for side in sides]


class _Terms(AbstractAlgebra):
    """A formula is a `Linear` (holds u) or a SymPy constant."""

    what, smallest = "PDE", 1e-15

    def __init__(self, dim: int, parameter: Callable[[str], Any]):
        import sympy

        self.dim = dim
        self.parameter = parameter
        self.sympy: Any = sympy

    def number(self, value: int | float | complex) -> Any:
        if isinstance(value, complex):
            return self.sympy.I * self.sympy.Rational(str(value.imag))
        return self.sympy.Rational(str(value))

    def name(self, name: str) -> Any:
        if name == "u":
            return {Shape(0, 0, self.sympy.S.Zero, 0): self.sympy.S.One}
        if name in ("i", "I"):
            return self.sympy.I
        if name == "pi":
            return self.sympy.pi
        if derivative := _DERIVATIVE.match(name):
            return self._derivative(name, derivative[1])
        if name in _COORDINATES:
            raise InvalidInput(
                f"a coefficient depends on {name}; only constant coefficients are judged: replace "
                f"{name} by a parameter."
            )
        if name in _FUNCTIONS:
            raise InvalidInput(f"{name} needs an argument; write {name}(u).")
        if name.startswith("_"):
            raise InvalidInput(f"{name} cannot name a parameter here; rename it.")
        return self.parameter(name)

    def _derivative(self, name: str, along: str) -> Linear:
        time, space = along.count("t"), len(along) - along.count("t")
        if space and (self.dim != 1 or set(along) - {"t", "x"}):
            raise InvalidInput(
                f"{name} is 1-D notation and dim is {self.dim}; write lap(u) for second derivatives "
                "and grad(u) for the derivative along the advection axis."
            )
        return {Shape(time, 0, self.sympy.S.Zero, space): self.sympy.S.One}

    def negative(self, value: Any) -> Any:
        return _scaled(value, -1)

    def operation(self, node: ast.BinOp, left: Any, right: Any) -> Any:
        if isinstance(node.op, ast.Add | ast.Sub):
            sign = 1 if isinstance(node.op, ast.Add) else -1
            if isinstance(left, dict) and isinstance(right, dict):
                return _sum(left, right, sign)
            if not isinstance(left, dict) and not isinstance(right, dict):
                return left + sign * right
            if not isinstance(left, dict) and left == 0:
                return _scaled(right, sign)
            if not isinstance(right, dict) and right == 0:
                return left
            raise _inhomogeneous(right if isinstance(left, dict) else left)
        if isinstance(node.op, ast.Mult):
            if isinstance(left, dict) and isinstance(right, dict):
                raise _nonlinear(node)
            return _scaled(right, left) if isinstance(right, dict) else _scaled(left, right)
        if isinstance(right, dict):
            raise _nonlinear(node)
        if right == 0:
            raise ZeroDivisionError
        return _scaled(left, 1 / right)

    def power(self, node: ast.BinOp, read: Read) -> Any:
        # Exact rationals grow with every power of a power.
        if _powers(node) > 2:
            raise InvalidInput("powers of powers of powers are not read; simplify the coefficient.")
        base, exponent = read(node.left), read(node.right)
        if isinstance(base, dict) and exponent == 1:
            return base
        if isinstance(base, dict) or isinstance(exponent, dict):
            raise _nonlinear(node)
        if not exponent.is_Rational or abs(exponent) > LARGEST_EXPONENT:
            raise InvalidInput(
                f"the exponent in {shown(node)} must be a number between "
                f"-{LARGEST_EXPONENT} and {LARGEST_EXPONENT}; simplify the coefficient."
            )
        if base == 0 and exponent < 0:
            raise ZeroDivisionError
        return base**exponent

    def call(self, name: str, node: ast.Call, read: Read) -> Any:
        if name == "u":
            raise InvalidInput("write u, not u(...); the text form knows its arguments.")
        if name not in _FUNCTIONS:
            raise unknown("function", name, _FUNCTIONS)
        wanted = 2 if name == "flap" else 1
        if len(node.args) != wanted or node.keywords:
            form = "flap(u, a)" if name == "flap" else f"{name}(...) with one argument"
            raise InvalidInput(f"cannot read {shown(node)}; write {form}.")
        inside, *rest = [read(argument) for argument in node.args]
        if name == "sqrt":
            if isinstance(inside, dict):
                raise _nonlinear(node)
            return self.sympy.sqrt(inside)
        if not isinstance(inside, dict):
            raise InvalidInput(f"{name} acts on u; {shown(node)} has none inside.")
        if name == "lap":
            return {s._replace(laps=s.laps + 1): c for s, c in inside.items()}
        if name == "grad":
            return {s._replace(grads=s.grads + 1): c for s, c in inside.items()}
        if isinstance(rest[0], dict):
            raise _nonlinear(node)
        return {s._replace(power=s.power + rest[0]): c for s, c in inside.items()}

    def refusal(self, node: ast.expr) -> InvalidInput:
        if isinstance(node, ast.Call):
            return InvalidInput(
                f"a PDE has no {shown(node)}; the functions are lap(u), flap(u, a), grad(u) and "
                "sqrt(parameter)."
            )
        return InvalidInput(
            f"a PDE has no {shown(node)} ({type(node).__name__}); use u, u_t, u_tt, lap, flap, "
            "grad, sqrt, numbers and parameters, and + - * / **."
        )


def _powers(node: ast.AST) -> int:
    """How many powers stand inside each other."""
    below = max((_powers(part) for part in ast.iter_child_nodes(node)), default=0)
    return below + (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow))


def _sum(left: Linear, right: Linear, sign: int) -> Linear:
    total = dict(left)
    for shape, coefficient in right.items():
        total[shape] = total.get(shape, 0) + sign * coefficient
    return total


def _scaled(side: Any, factor: Any) -> Any:
    if isinstance(side, dict):
        return {shape: coefficient * factor for shape, coefficient in side.items()}
    return side * factor


def _nonlinear(node: ast.expr) -> InvalidInput:
    return InvalidInput(
        f"{shown(node)} is nonlinear in u; only linear PDEs have a dispersion "
        "relation: linearise it, as r*u."
    )


def _inhomogeneous(part: Any) -> InvalidInput:
    return InvalidInput(
        f"the term {shown(str(part))} does not hold u; only homogeneous PDEs are judged: drop it "
        "or multiply it by u."
    )
