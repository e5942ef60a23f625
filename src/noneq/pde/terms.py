"""A linear constant-coefficient PDE as a sum of terms c d_t^n lap^j (-lap)^{b/2} d_x^g u."""

from typing import Any, NamedTuple


class Shape(NamedTuple):
    """The operator of one term.

    Attributes:
        time: order n of the time derivative.
        laps: power j of the Laplacian.
        power: exponent b of the fractional Laplacian (-lap)^{b/2}, a SymPy expression; 0 if none.
        grads: order g of the derivative along the advection axis.
    """

    time: int
    laps: int
    power: Any
    grads: int


class Term(NamedTuple):
    """One term: an operator and its coefficient, as a formula and as a number.

    Attributes:
        shape: the operator; its `power` is symbolic.
        coefficient: formula in the parameters.
        value: the coefficient with the parameters inserted.
        power: the exponent b with the parameters inserted.
    """

    shape: Shape
    coefficient: Any
    value: complex
    power: float

    @property
    def space_order(self) -> float:
        """Order of the spatial derivatives, 2 j + b + g."""
        return 2 * self.shape.laps + self.power + self.shape.grads


def wave_symbols() -> tuple[Any, Any, Any]:
    """The symbols lam, k > 0 and q of u = exp(lam t + i k.x)."""
    import sympy

    return sympy.Symbol("lam"), sympy.Symbol("k", positive=True), sympy.Symbol("q", real=True)


def space_symbol(shape: Shape) -> Any:
    """Symbol (-k^2)^j k^b (i q)^g of the spatial part of an operator."""
    import sympy

    _, k, q = wave_symbols()
    return (-(k**2)) ** shape.laps * k**shape.power * (sympy.I * q) ** shape.grads


def symbol_of(terms: tuple[Term, ...]) -> Any:
    """P(lam, k, q): what the PDE becomes on u = exp(lam t + i k.x)."""
    import sympy

    lam = wave_symbols()[0]
    parts = (t.coefficient * lam**t.shape.time * space_symbol(t.shape) for t in terms)
    return sympy.Add(*parts)


def merged(shape: Shape, coefficient: Any, dim: int) -> tuple[Shape, Any]:
    """The same term with (-lap)^{b/2}, b = 2, 4, .. and, in 1-D, d_x^2 written as Laplacians."""
    time, laps, power, grads = shape
    if power.is_Integer and int(power) % 2 == 0:
        coefficient = coefficient * (-1) ** (int(power) // 2)
        laps, power = laps + int(power) // 2, power * 0
    if dim == 1:
        laps, grads = laps + grads // 2, grads % 2
    return Shape(time, laps, power, grads), coefficient


def written(terms: list[tuple[Any, str]]) -> str:
    """A sum of coefficient * factor as text; ``"0"`` if there is none."""
    text = ""
    for coefficient, body in terms:
        if coefficient == 0:
            continue
        minus = coefficient.could_extract_minus_sign()
        size = -coefficient if minus else coefficient
        shown = f"({size})" if size.is_Add else str(size)
        part = body if size == 1 else f"{shown}*{body}"
        text += ((" - " if minus else " + ") if text else ("-" if minus else "")) + part
    return text or "0"
