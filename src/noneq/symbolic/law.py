"""Laws of motion as text, as SymPy expressions and in LaTeX, with intervals."""

import ast
import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from noneq.errors import InvalidInput
from noneq.symbolic.syntax import AbstractAlgebra, Read, meaning, parse, shown


_NORMAL = 1.959964
"""Half width of a 95 % interval in standard errors."""
_EXPONENTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Term:
    """One term of a sum.

    Attributes:
        code: the function in the notation of Python, as ``"x**2*y"``; ``"1"`` for a constant.
        value, stderr: of its coefficient.
    """

    code: str
    value: float
    stderr: float

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the coefficient."""
        half = _NORMAL * self.stderr
        return self.value - half, self.value + half


@dataclass(frozen=True)
class Law:
    """dx_j/dt = known_j + Σ_k value_jk code_k(x), with noise of the diffusivity D.

    Attributes:
        names: of the coordinates.
        moving: of the coordinates that have an equation.
        terms: of each equation.
        known: what was known of each equation beforehand, "" for nothing.
        diffusivity: D, ``(moving, moving)``.
    """

    names: tuple[str, ...]
    moving: tuple[str, ...]
    terms: tuple[tuple[Term, ...], ...]
    known: tuple[str, ...]
    diffusivity: Float[np.ndarray, "moving moving"]

    @property
    def lines(self) -> list[str]:
        """``"dx/dt = (1.02 ± 0.05) x − (0.98 ± 0.04) x³"`` and so on, ± half a 95 % interval."""
        lines = [
            f"d{name}/dt = {_sum(terms, known)}"
            for name, terms, known in zip(self.moving, self.terms, self.known, strict=True)
        ]
        return [*lines, f"D = {_matrix(self.diffusivity)}"]

    @property
    def text(self) -> str:
        """The lines, one below the other."""
        return "\n".join(self.lines)

    def sympy(self) -> dict[Any, Any]:
        """The right side of every equation as a SymPy expression, by symbol."""
        import sympy

        names = {name: sympy.Symbol(name, real=True) for name in self.names}
        read = lambda code: meaning(parse(code, what="term", example="'x**2'"), _Symbols(names))
        return {
            names[name]: sympy.Add(
                *(sympy.Float(t.value, 6) * read(t.code) for t in terms),
                *([read(known)] if known else []),
            )
            for name, terms, known in zip(self.moving, self.terms, self.known, strict=True)
        }

    def latex(self) -> str:
        """The equations in LaTeX, as lines of an ``aligned`` environment."""
        import sympy

        names = {name: sympy.Symbol(name, real=True) for name in self.names}
        read = lambda code: meaning(parse(code, what="term", example="'x**2'"), _Symbols(names))
        rows = []
        for name, terms, known in zip(self.moving, self.terms, self.known, strict=True):
            parts = [sympy.latex(read(known))] if known else []
            for term in terms:
                number, half = _rounded(term)
                factor = "" if term.code == "1" else rf"\, {sympy.latex(read(term.code))}"
                parts.append(rf"({number} \pm {half}){factor}")
            rows.append(rf"\dot{{{sympy.latex(names[name])}}} &= {' + '.join(parts) or '0'}")
        body = " \\\\\n".join(rows)
        return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"


def _sum(terms: tuple[Term, ...], known: str) -> str:
    text = known
    for term in sorted(terms, key=lambda t: -abs(t.value) / (t.stderr or 1.0)):
        number, half = _rounded(Term(term.code, abs(term.value), term.stderr))
        sign = "−" if term.value < 0 else "+" if text else ""
        text += f" {sign} " if text else sign
        text += f"({number} ± {half}) {_pretty(term.code)}".rstrip()
    return text or "0"


def _rounded(term: Term) -> tuple[str, str]:
    """Value and half interval, to two digits of the latter."""
    half = _NORMAL * term.stderr
    if not (math.isfinite(half) and math.isfinite(term.value)) or half <= 0:
        return f"{term.value:.4g}", f"{half:.2g}"
    digits = 1 - math.floor(math.log10(half))
    if -3 <= digits <= 8 and abs(term.value) < 1e6:
        places = max(digits, 0)
        return f"{term.value:.{places}f}", f"{half:.{places}f}"
    size = math.floor(math.log10(max(abs(term.value), half)))
    return f"{term.value:.{max(size + digits, 1)}e}", f"{half:.1e}"


def _pretty(code: str) -> str:
    """``"x² y"`` of a product of powers; other functions as they are, and nothing of 1."""
    if code == "1":
        return ""
    if re.fullmatch(r"[A-Za-z_]\w*(\*\*\d+)?(\*[A-Za-z_]\w*(\*\*\d+)?)*", code):
        power = lambda match: match[1].translate(_EXPONENTS)
        return re.sub(r"\*\*(\d+)", power, code).replace("*", " ")
    return code


def _matrix(matrix: np.ndarray) -> str:
    size = np.abs(np.diag(matrix)).max()
    if len(matrix) == 1:
        return f"{matrix[0, 0]:.4g}"
    if np.abs(matrix - np.diag(np.diag(matrix))).max() <= 0.02 * size:
        return f"diag({', '.join(f'{v:.4g}' for v in np.diag(matrix))})"
    return "[" + "; ".join(", ".join(f"{v:.4g}" for v in row) for row in matrix) + "]"


class _Symbols(AbstractAlgebra):
    """SymPy expressions of the names."""

    what, smallest = "term", 0.0

    def __init__(self, names: dict[str, Any]):
        self.names = names

    def number(self, value: int | float | complex) -> Any:
        import sympy

        return sympy.sympify(value)

    def name(self, name: str) -> Any:
        import sympy

        return self.names.get(name, sympy.pi if name == "pi" else sympy.Symbol(name))

    def negative(self, value: Any) -> Any:
        return -value

    def operation(self, node: ast.BinOp, left: Any, right: Any) -> Any:
        match node.op:
            case ast.Add():
                return left + right
            case ast.Sub():
                return left - right
            case ast.Mult():
                return left * right
            case _:
                return left / right

    def power(self, node: ast.BinOp, read: Read) -> Any:
        return read(node.left) ** read(node.right)

    def call(self, name: str, node: ast.Call, read: Read) -> Any:
        import sympy

        known = {
            "sqrt": sympy.sqrt, "exp": sympy.exp, "log": sympy.log,
            "sin": sympy.sin, "cos": sympy.cos, "tanh": sympy.tanh,
        }  # fmt: skip
        if name not in known:
            raise InvalidInput(f"no function {name} in a law; known: {', '.join(known)}.")
        return known[name](read(node.args[0]))

    def refusal(self, node: ast.expr) -> InvalidInput:
        return InvalidInput(f"{shown(node)} cannot stand in a law of motion.")
