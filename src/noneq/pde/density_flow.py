"""A PDE as density flow, d_t p + div(p v) = R, with the identity checked symbolically."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.pde.equation import PDE
from noneq.pde.quadratic_flow import rewrite_quadratic
from noneq.pde.terms import Shape, Term, space_symbol, wave_symbols, written


class LinearFlow(NamedTuple):
    """p, p v and R that are linear in phi, each a sum of operators on phi.

    Attributes:
        density: terms of p.
        gradients: terms G of the flux grad(G phi).
        drifts: terms A of the flux along the advection axis.
        sources: terms of R.
    """

    density: tuple[Term, ...]
    gradients: tuple[Term, ...]
    drifts: tuple[Term, ...]
    sources: tuple[Term, ...]


@dataclass(frozen=True)
class DensityFlow:
    """The density flow of a PDE, as text in phi.

    Attributes:
        density: p.
        flux: p v.
        source: R.
        residual: what d_t p + div(p v) - R leaves modulo the PDE, derived by SymPy; ``"0"``.
        quadratic: whether p = \\|phi\\|^2.
    """

    density: str
    flux: str
    source: str
    residual: str
    quadratic: bool


def is_quadratic(pde: PDE) -> bool:
    """Whether phi is complex, so that its density is \\|phi\\|^2.

    Raises:
        InvalidInput: complex coefficients and second order in time or mixed derivatives, or no
            term with a bare time derivative: no density is known.
    """
    leading = _leading(pde)
    real = all(abs((t.value / leading.value).imag) < 1e-12 * abs(t.value) for t in pde.terms)
    if not real and pde.order == 2:
        raise InvalidInput(
            f"{pde.text!r} is of second order in time with complex coefficients; no density is "
            "known for such PDEs: make them real, or the PDE of first order in time."
        )
    if not real and any(term.shape.time and term.space_order for term in pde.terms):
        raise InvalidInput(
            f"{pde.text!r} is complex and mixes derivatives in time and space; no density is known "
            "for such PDEs: leave out the mixed term."
        )
    return not real


@checked
@lru_cache(maxsize=64)
def rewrite(pde: PDE) -> DensityFlow:
    """The density p, flux p v and source R of a PDE.

    First order in time with real coefficients: p = phi. Second order, a phi_tt + b phi_t + ..:
    p = +-(a phi_t + b phi), the sign such that the flux runs down the gradient. Complex
    coefficients: p = \\|phi\\|^2.

    Raises:
        InvalidInput: no density is known for this PDE.
    """
    if is_quadratic(pde):
        return DensityFlow(*rewrite_quadratic(pde), quadratic=True)
    flow = linear_flow(pde)
    flux = [("grad(%s)", term) for term in flow.gradients]
    flux += [("axis*%s", term) for term in flow.drifts]
    return DensityFlow(
        written([(t.coefficient, _operator(t.shape)) for t in flow.density]),
        written([(t.coefficient, form % _operator(t.shape)) for form, t in flux]),
        written([(t.coefficient, _operator(t.shape)) for t in flow.sources]),
        str(linear_residual(pde, flow)),
        quadratic=False,
    )


@lru_cache(maxsize=64)
def linear_flow(pde: PDE) -> LinearFlow:
    """The terms of p, p v and R of a PDE with real coefficients."""
    import sympy

    leading = _leading(pde)
    factor = 1 / leading.coefficient if pde.order == 1 else sympy.Integer(_sign(pde))
    value = (1 / leading.value) if pde.order == 1 else complex(_sign(pde))
    parts: dict[str, list[Term]] = {"density": [], "gradients": [], "drifts": [], "sources": []}
    for term in pde.terms:
        kind, shape, sign = _sort(term.shape)
        scaled = Term(
            shape,
            sympy.expand(sign * factor * term.coefficient),
            sign * value * term.value,
            term.power if shape.power == term.shape.power else term.power - 2,
        )
        parts[kind].append(scaled)
    return LinearFlow(**{kind: tuple(terms) for kind, terms in parts.items()})


def linear_residual(pde: PDE, flow: LinearFlow) -> Any:
    """d_t p + div(p v) - R on a plane wave, reduced modulo the PDE (a SymPy expression)."""
    import sympy

    lam, k, q = wave_symbols()

    def on_wave(terms: tuple[Term, ...]) -> Any:
        return sum(
            (t.coefficient * lam**t.shape.time * space_symbol(t.shape) for t in terms),
            sympy.S.Zero,
        )

    left = (
        lam * on_wave(flow.density)
        - k**2 * on_wave(flow.gradients)
        + sympy.I * q * on_wave(flow.drifts)
        - on_wave(flow.sources)
    )
    symbol: Any = sympy.expand(pde.symbol)
    highest = symbol.coeff(lam, pde.order)
    multiple = sympy.expand(left).coeff(lam, pde.order) / highest
    return sympy.simplify(sympy.expand(left - multiple * symbol))


def _leading(pde: PDE) -> Term:
    for term in pde.terms:
        shape = term.shape
        if shape.time == pde.order and not (shape.laps or shape.grads or shape.power != 0):
            return term
    raise InvalidInput(
        f"the highest time derivative of {pde.text!r} has no constant coefficient; no density is "
        "known for such PDEs: add a term with u_t or u_tt."
    )


def _sort(shape: Shape) -> tuple[str, Shape, int]:
    """Where a term c O phi = 0 belongs, the operator it becomes there, and the sign it takes."""
    if shape.grads:
        return "drifts", shape._replace(grads=0), 1
    if shape.laps:
        return "gradients", shape._replace(laps=shape.laps - 1), 1
    if shape.power != 0:
        return "gradients", shape._replace(power=shape.power - 2), -1
    if shape.time:
        return "density", shape._replace(time=shape.time - 1), 1
    return "sources", shape, -1


def _sign(pde: PDE) -> int:
    """The sign of p that makes the lowest-order flux run down the gradient."""
    spatial = [t for t in pde.terms if t.shape.time == 0 and _sort(t.shape)[0] == "gradients"]
    if not spatial:
        return 1 if _leading(pde).value.real > 0 else -1
    lowest = min(spatial, key=lambda t: t.space_order)
    odd = (lowest.shape.laps % 2 == 1) == (lowest.value.real < 0)
    return 1 if odd else -1


def _operator(shape: Shape) -> str:
    text = "phi" + ("_" + "t" * shape.time if shape.time else "")
    if shape.power != 0:
        text = f"flap({text}, {shape.power})"
    for _ in range(shape.laps):
        text = f"lap({text})"
    return text
