"""The smallest changes to a PDE that fails, and the verdict on each."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.pde.boxes import box_threshold
from noneq.pde.density_flow import is_quadratic
from noneq.pde.dispersion import branches
from noneq.pde.equation import PDE
from noneq.pde.positivity import is_skewed
from noneq.pde.smoothing import cutoff, judged
from noneq.pde.terms import Shape, Term, written
from noneq.pde.verdict import Verdict, judge


_DOUBLINGS = 5
_WIDENING = 64.0


class Modification(NamedTuple):
    """One change of a PDE.

    Attributes:
        change: what is changed, in words and formula.
        pde: the changed PDE.
        verdict: the verdict on it.
    """

    change: str
    pde: PDE
    verdict: Verdict


@checked
def modify(pde: PDE, *, scale: float = 1.0, box: float | None = None) -> tuple[Modification, ...]:
    """Changes that may let a PDE generate, each with its own verdict; none if it does already.

    Damping for waves, imaginary time or the damping alone for complex PDEs, a box below the
    cut-off or a turned sign where long waves do not decay, a Laplacian or a lower order where
    the order in space is above 2. Those that pass come first (``verdict.passes``).

    Args:
        pde: the PDE.
        scale: std of the smallest structure in the data.
        box: side of the periodic box the data live in; None is infinite space.

    Raises:
        InvalidInput: every branch of ``pde`` grows without bound.
    """
    if judge(pde, scale=scale, box=box).passes:
        return ()
    found = [m for make in (_damped, _boxed, _turned, _lowered) for m in make(pde, scale, box)]
    if _complex(pde):
        found = list(_real(pde, scale, box))
    return tuple(sorted(found, key=lambda m: not m.verdict.passes))


def _damped(pde: PDE, scale: float, box: float | None) -> Iterator[Modification]:
    waves = pde.order == 2 and all(branch.admissible for branch in branches(pde))
    if not waves or _complex(pde):
        return
    leading = next(t for t in pde.terms if t.shape.time == 2)
    eps = _free_name(pde, "eps")
    sign = "+" if leading.value.real > 0 else "-"
    pace = abs(leading.value) * abs(judged(pde).rate(1 / scale)).item()
    for doubling in range(_DOUBLINGS):
        value = _rounded(0.5 * 2**doubling * pace)
        added = f"{sign} 2*{eps}*u_t"
        damped = PDE(f"{_text(pde.terms)} {added}", **_arguments(pde, {eps: value}))
        verdict = judge(damped, scale=scale, box=box)
        if verdict.passes or doubling == _DOUBLINGS - 1:
            yield Modification(f"add damping: {added}, {eps} = {value:g}", damped, verdict)
            return


def _boxed(pde: PDE, scale: float, box: float | None) -> Iterator[Modification]:
    limit = cutoff(judged(pde))
    if not 0 < limit < np.inf or _complex(pde) or is_skewed(pde):
        return
    ratio = box_threshold(pde)
    side = 0.95 * 2 * np.pi / limit / (ratio if np.isfinite(ratio) else 1.0)
    if box is None or box > side:
        verdict = judge(pde, scale=scale, box=side)
        yield Modification(f"a periodic box below the cut-off: box = {side:.3g}", pde, verdict)


def _turned(pde: PDE, scale: float, box: float | None) -> Iterator[Modification]:
    if not 0 < cutoff(judged(pde)) < np.inf:
        return
    highest = max(t.space_order for t in pde.terms)
    for term in pde.terms:
        if term.shape.time or term.shape.grads or term.space_order == highest:
            continue
        others = [t for t in pde.terms if t is not term]
        turned = term._replace(coefficient=-term.coefficient)
        change = f"turn the sign: {_signed(turned)}"
        yield from _tried(change, pde, [*others, turned], {}, scale, box)


def _lowered(pde: PDE, scale: float, box: float | None) -> Iterator[Modification]:
    highest = max(pde.terms, key=lambda t: t.space_order)
    if highest.space_order <= 2 or highest.shape.time or highest.shape.grads or _complex(pde):
        return
    zero = highest.shape.power * 0
    # (-lap)^{b/2} is -lap at b = 2, of the sign of (-1)^j lap^j at every order
    coefficient = -highest.coefficient * (-1) ** highest.shape.laps
    laplacian = Term(Shape(0, 1, zero, 0), coefficient, 0j, 0.0)
    others = [t for t in pde.terms if t is not highest]
    name = _operator(highest.shape)
    change = f"lower the order: {_signed(laplacian)} in place of {name}"
    yield from _tried(change, pde, [*others, laplacian], {}, scale, box)
    import sympy

    D = _free_name(pde, "D")
    value = _rounded(_WIDENING * abs(highest.value) / scale ** (highest.space_order - 2))
    sign = -1 if (highest.value.real > 0) == (highest.shape.laps % 2 == 0) else 1
    added = Term(Shape(0, 1, zero, 0), sign * sympy.Symbol(D, positive=True), 0j, 0.0)
    change = f"add a Laplacian: {_signed(added)}, {D} = {value:g}"
    yield from _tried(change, pde, [*pde.terms, added], {D: value}, scale, box)


def _real(pde: PDE, scale: float, box: float | None) -> Iterator[Modification]:
    import sympy

    if pde.order == 2:
        return
    for factor in (sympy.I, -sympy.I):
        terms = [
            t._replace(coefficient=sympy.expand(factor * t.coefficient)) if t.shape.time else t
            for t in pde.terms
        ]
        for found in _tried("imaginary time: t -> -i t", pde, terms, {}, scale, box):
            if not _complex(found.pde):
                yield found
                return
    leading = next(t for t in pde.terms if t.shape.time)
    terms = [t._replace(coefficient=sympy.S.One) if t.shape.time else t for t in pde.terms]
    for i, term in enumerate(terms):
        if not term.shape.time:
            rate = sympy.expand(term.coefficient / leading.coefficient)
            real = sympy.simplify(sympy.re(rate))
            if real.has(sympy.re, sympy.im):  # of a complex parameter: as a number
                real = sympy.Rational(f"{(term.value / leading.value).real:.12g}")
            terms[i] = term._replace(coefficient=real)
    yield from _tried("the damping alone: real parts", pde, terms, {}, scale, box)


def _tried(
    change: str, pde: PDE, terms: Any, added: dict[str, float], scale: float, box: float | None
) -> Iterator[Modification]:
    """The modification, unless what is left is no PDE that can be judged."""
    kept = [t for t in terms if t.coefficient != 0]
    if all(t.coefficient.is_negative for t in kept if t.shape.time):
        kept = [t._replace(coefficient=-t.coefficient) for t in kept]
    try:
        changed = PDE(_text(kept), **_arguments(pde, added, kept))
        yield Modification(change, changed, judge(changed, scale=scale, box=box))
    except InvalidInput:
        return


def _arguments(pde: PDE, added: dict[str, float], terms: Any = None) -> dict[str, Any]:
    kept = pde.terms if terms is None else terms
    used = {str(s) for t in kept for f in (t.coefficient, t.shape.power) for s in f.free_symbols}
    values = {name: value for name, value in pde.values.items() if name in used}
    return {"dim": pde.dim} | values | added


def _text(terms: Any) -> str:
    return written([(t.coefficient, _operator(t.shape)) for t in terms])


def _signed(term: Term) -> str:
    text = _text([term])
    return f"- {text[1:]}" if text.startswith("-") else f"+ {text}"


def _operator(shape: Shape) -> str:
    text = "u" + ("_" + "t" * shape.time if shape.time else "")
    if shape.power != 0:
        text = f"flap({text}, {shape.power})"
    for name in ["lap"] * shape.laps + ["grad"] * shape.grads:
        text = f"{name}({text})"
    return text


def _complex(pde: PDE) -> bool:
    try:
        return is_quadratic(pde)
    except InvalidInput:
        return True


def _free_name(pde: PDE, name: str) -> str:
    while name in pde.values:
        name += "1"
    return name


def _rounded(value: float) -> float:
    return float(f"{value:.2g}")
