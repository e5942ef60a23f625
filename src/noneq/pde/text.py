"""A PDE written as text, read through a whitelist over Python's syntax tree (nothing is run)."""

import ast
import math
import re
import warnings
from collections.abc import Callable
from typing import Any

from noneq.errors import InvalidInput
from noneq.pde.terms import Shape
from noneq.spec import unknown


_LONGEST = 2_000
_DEEPEST = 60
_LARGEST_EXPONENT = 8
_LARGEST_NUMBER = 1e15
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
    reader = _Reader(dim, parameter)
    try:
        sides = [reader.read(tree) for tree in _trees(text)]
    except (RecursionError, MemoryError) as error:
        raise InvalidInput("the PDE is nested too deeply; write it as a sum of terms.") from error
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
    if len(text) > _LONGEST:
        raise InvalidInput(
            f"the PDE has {len(text)} characters; at most {_LONGEST} are read: shorten it."
        )
    sides = [side.strip() for side in text.replace("==", "=").replace("^", "**").split("=")]
    if len(sides) > 2 or not all(sides):
        raise InvalidInput(
            f"cannot read the PDE {_shown(text)}; write one equation, as 'u_t = lap(u)'."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trees = [ast.parse(side, mode="eval").body for side in sides]
    except (SyntaxError, ValueError) as error:
        raise InvalidInput(
            f"cannot read the PDE {_shown(text)}; write sums of terms, as 'u_tt + lap(u) - m**2*u'."
        ) from error
    return trees


class _Reader:
    """Turns a syntax tree into a `Linear` (holds u) or a SymPy constant."""

    def __init__(self, dim: int, parameter: Callable[[str], Any]):
        import sympy

        self.dim = dim
        self.parameter = parameter
        self.sympy: Any = sympy

    def read(self, node: ast.expr, depth: int = 0, powers: int = 0) -> Any:
        if depth > _DEEPEST and not isinstance(node, ast.BinOp):
            raise InvalidInput("the PDE is nested too deeply; write it as a sum of terms.")
        if isinstance(node, ast.Constant):
            return self._number(node.value)
        if isinstance(node, ast.Name):
            return self._name(node.id)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            inside = self.read(node.operand, depth + 1, powers)
            return _scaled(inside, -1) if isinstance(node.op, ast.USub) else inside
        if isinstance(node, ast.BinOp):
            return self._binary(node, depth, powers)
        if isinstance(node, ast.Call):
            return self._call(node, depth, powers)
        raise InvalidInput(
            f"a PDE has no {_shown(ast.unparse(node))} ({type(node).__name__}); use u, u_t, u_tt, "
            "lap, flap, grad, numbers, parameters and + - * / **."
        )

    def _number(self, value: object) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float | complex):
            raise InvalidInput(f"a PDE has no {_shown(value)}; write numbers and parameters.")
        size = abs(value)
        if not math.isfinite(size) or size > _LARGEST_NUMBER or 0 < size < 1 / _LARGEST_NUMBER:
            raise InvalidInput(
                f"the number {_shown(value)} is outside 1e-15 .. 1e15; choose other units."
            )
        if isinstance(value, complex):
            return self.sympy.I * self.sympy.Rational(str(value.imag))
        return self.sympy.Rational(str(value))

    def _name(self, name: str) -> Any:
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

    def _binary(self, node: ast.BinOp, depth: int, powers: int) -> Any:
        if isinstance(node.op, ast.Pow):
            return self._power(node, depth, powers)
        left = self.read(node.left, depth + 1, powers)
        right = self.read(node.right, depth + 1, powers)
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
        if isinstance(node.op, ast.Div):
            if isinstance(right, dict):
                raise _nonlinear(node)
            if right == 0:
                raise ZeroDivisionError
            return _scaled(left, 1 / right)
        raise InvalidInput(f"a PDE has no {_shown(ast.unparse(node))}; use + - * / and **.")

    def _power(self, node: ast.BinOp, depth: int, powers: int) -> Any:
        if powers >= 2:
            raise InvalidInput("powers of powers of powers are not read; simplify the coefficient.")
        base = self.read(node.left, depth + 1, powers + 1)
        exponent = self.read(node.right, depth + 1, powers + 1)
        if isinstance(base, dict) and exponent == 1:
            return base
        if isinstance(base, dict) or isinstance(exponent, dict):
            raise _nonlinear(node)
        if not exponent.is_Rational or abs(exponent) > _LARGEST_EXPONENT:
            raise InvalidInput(
                f"the exponent in {_shown(ast.unparse(node))} must be a number between "
                f"-{_LARGEST_EXPONENT} and {_LARGEST_EXPONENT}; simplify the coefficient."
            )
        if base == 0 and exponent < 0:
            raise ZeroDivisionError
        return base**exponent

    def _call(self, node: ast.Call, depth: int, powers: int) -> Any:
        if not isinstance(node.func, ast.Name):
            raise InvalidInput(
                f"a PDE has no {_shown(ast.unparse(node))}; the functions are lap(u), flap(u, a), "
                "grad(u) and sqrt(parameter)."
            )
        name = node.func.id
        if name == "u":
            raise InvalidInput("write u, not u(...); the text form knows its arguments.")
        if name not in _FUNCTIONS:
            raise unknown("function", name, _FUNCTIONS)
        wanted = 2 if name == "flap" else 1
        if len(node.args) != wanted or node.keywords:
            shown = "flap(u, a)" if name == "flap" else f"{name}(...) with one argument"
            raise InvalidInput(f"cannot read {_shown(ast.unparse(node))}; write {shown}.")
        inside, *rest = [self.read(argument, depth + 1, powers) for argument in node.args]
        if name == "sqrt":
            if isinstance(inside, dict):
                raise _nonlinear(node)
            return self.sympy.sqrt(inside)
        if not isinstance(inside, dict):
            raise InvalidInput(f"{name} acts on u; {_shown(ast.unparse(node))} has none inside.")
        if name == "lap":
            return {s._replace(laps=s.laps + 1): c for s, c in inside.items()}
        if name == "grad":
            return {s._replace(grads=s.grads + 1): c for s, c in inside.items()}
        if isinstance(rest[0], dict):
            raise _nonlinear(node)
        return {s._replace(power=s.power + rest[0]): c for s, c in inside.items()}


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
        f"{_shown(ast.unparse(node))} is nonlinear in u; only linear PDEs have a dispersion "
        "relation: linearise it, as r*u."
    )


def _inhomogeneous(part: Any) -> InvalidInput:
    return InvalidInput(
        f"the term {_shown(str(part))} does not hold u; only homogeneous PDEs are judged: drop it "
        "or multiply it by u."
    )


def _shown(text: object) -> str:
    text = text if isinstance(text, str) else repr(text)
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
