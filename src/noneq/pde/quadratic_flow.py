"""Density flow of complex first-order PDEs: p = |phi|^2."""

from typing import Any, NamedTuple

from noneq.pde.equation import PDE
from noneq.pde.terms import Shape, Term, written


class QuadraticFlow(NamedTuple):
    """Coefficients of the flux and source of p = |phi|^2 for phi_t = A lap phi + B phi + ...

    Attributes:
        current: coefficient of Im(conj(phi) grad(phi)) in the flux, 2 Im A.
        spreading: coefficient of grad(|phi|^2) in the flux, -Re A.
        drift: coefficient of |phi|^2 in the flux along the advection axis.
        dissipation: coefficient of |grad(phi)|^2 in R, -2 Re A.
        growth: coefficient of |phi|^2 in R, 2 Re B.
        others: (c, operator) for 2 Re(c conj(phi) O phi) in R.
    """

    current: Any
    spreading: Any
    drift: Any
    dissipation: Any
    growth: Any
    others: tuple[tuple[Any, Any], ...]


def quadratic_flow(pde: PDE) -> QuadraticFlow:
    """The coefficients of the density flow of \\|phi\\|^2, as formulas."""
    import sympy

    rates = _rates(pde)
    zero = sympy.S.Zero
    laplacian = rates.pop(Shape(0, 1, zero, 0), zero)
    constant = rates.pop(Shape(0, 0, zero, 0), zero)
    real, imaginary = _parts(laplacian)
    drift, others = zero, []
    for shape, rate in rates.items():
        if shape == Shape(0, 0, zero, 1):
            along, across = _parts(rate)
            drift = -along
            if across != 0:
                others.append((sympy.I * across, shape))
        else:
            others.append((rate, shape))
    growth = 2 * _parts(constant)[0]
    return QuadraticFlow(2 * imaginary, -real, drift, -2 * real, growth, tuple(others))


def quadratic_numbers(pde: PDE) -> QuadraticFlow:
    """The same coefficients as numbers; the operators of ``others`` are `Term`."""
    leading = _leading(pde)
    laplacian, constant, drift, others = 0j, 0j, 0.0, []
    for term in pde.terms:
        if term.shape.time:
            continue
        rate, shape = -term.value / leading.value, term.shape
        if shape.power != 0 or shape.laps > 1 or (shape.grads and shape.laps):
            others.append((rate, term))
        elif shape.laps:
            laplacian += rate
        elif shape.grads:
            drift -= rate.real
            if rate.imag != 0:
                others.append((1j * rate.imag, term))
        else:
            constant += rate
    return QuadraticFlow(
        2 * laplacian.imag,
        -laplacian.real,
        drift,
        -2 * laplacian.real,
        2 * constant.real,
        tuple(others),
    )


def rewrite_quadratic(pde: PDE) -> tuple[str, str, str, str]:
    """Texts of p, p v, R and of the residual of the identity."""
    flow = quadratic_flow(pde)
    flux = [
        (flow.current, "Im(conj(phi)*grad(phi))"),
        (flow.spreading, "grad(|phi|^2)"),
        (flow.drift, "axis*|phi|^2"),
    ]
    source = [(flow.dissipation, "|grad(phi)|^2"), (flow.growth, "|phi|^2")]
    text = written(source)
    for coefficient, shape in flow.others:
        part = f"2*Re(({coefficient})*conj(phi)*{_operator(shape)})"
        text = part if text == "0" else f"{text} + {part}"
    return "|phi|^2", written(flux), text, str(quadratic_residual(pde, flow))


def quadratic_residual(pde: PDE, flow: QuadraticFlow) -> Any:
    """d_t p + div(p v) - R as a bilinear form in two plane waves (a SymPy expression).

    phi = exp(i a.x) and conj(phi) = exp(-i b.x) with independent vectors a and b; a bilinear
    identity holds for all phi if and only if it holds for these.
    """
    import sympy

    a, a2, b, b2 = sympy.symbols("a a2 b b2", real=True)
    i, square_a, square_b, dot = sympy.I, a**2 + a2**2, b**2 + b2**2, a * b + a2 * b2

    def pair(coefficient: Any, shape: Shape) -> Any:
        first = _on_wave(shape, square_a, a)
        second = sympy.conjugate(_on_wave(shape, square_b, b))
        return coefficient * first + sympy.conjugate(coefficient) * second

    change = sum((pair(rate, shape) for shape, rate in _rates(pde).items()), sympy.S.Zero)
    apart = square_a - 2 * dot + square_b
    current = i * (square_a - square_b)  # div of Im(conj(phi) grad(phi)) is half of this
    left: Any = (
        change
        + flow.current * current / 2
        - flow.spreading * apart
        + flow.drift * i * (a - b)
        - flow.dissipation * dot
        - flow.growth
        - sum((pair(c, shape) for c, shape in flow.others), sympy.S.Zero)
    )
    parts = {
        s: sympy.Symbol(f"{s}_re", real=True) + i * sympy.Symbol(f"{s}_im", real=True)
        for s in left.free_symbols
        if not s.is_real
    }
    return sympy.simplify(sympy.expand(left.subs(parts).doit()))


def _leading(pde: PDE) -> Term:
    return next(t for t in pde.terms if t.shape.time and t.space_order == 0)


def _rates(pde: PDE) -> dict[Shape, Any]:
    """phi_t = sum of rate * operator."""
    import sympy

    leading = _leading(pde)
    rates: dict[Shape, Any] = {}
    for term in pde.terms:
        if term.shape.time == 0:
            rates[term.shape] = sympy.expand(-term.coefficient / leading.coefficient)
    return rates


def _on_wave(shape: Shape, square: Any, along: Any) -> Any:
    import sympy

    return (-square) ** shape.laps * square ** (shape.power / 2) * (sympy.I * along) ** shape.grads


def _parts(value: Any) -> tuple[Any, Any]:
    import sympy

    real, imaginary = sympy.expand(value).as_real_imag()
    return sympy.simplify(real), sympy.simplify(imaginary)


def _operator(shape: Shape) -> str:
    text = "phi" if shape.power == 0 else f"flap(phi, {shape.power})"
    for _ in range(shape.laps):
        text = f"lap({text})"
    return f"d_axis({text})" if shape.grads else text
