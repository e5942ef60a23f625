"""Dispersion relations: the branches omega(k) of a PDE, in numbers and as formulas."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.pde.equation import PDE
from noneq.pde.terms import space_symbol


_DECADES, _POINTS = 4, 801
_FAR, _FARTHER = 1e3, 1e4


@dataclass(frozen=True, eq=False)
class Branch:
    """One root lam(k) = -i omega(k) of P(lam, k) = 0.

    Attributes:
        formula: omega(k) as text, parameters symbolic.
        admissible: whether its growth is bounded as k -> infinity (Hadamard).
        pde: the PDE it belongs to.
        index: 0 is the slower (larger Re lam) of two roots.
    """

    formula: str
    admissible: bool
    pde: PDE
    index: int

    def omega(self, k: Any, q: Any = None) -> NDArray[np.complex128]:
        """omega(k), complex; q is as in `PDE.coefficients`."""
        return np.asarray(1j * self.rate(k, q))

    def rate(self, k: Any, q: Any = None) -> NDArray[np.complex128]:
        """lam(k) = -i omega(k), complex."""
        return roots(self.pde, k, q)[self.index]

    def excess(self, k: Any, q: Any = None) -> NDArray[np.complex128]:
        """lam(k) - lam(0), free of the rounding of the difference.

        **Equation**: delta solves a2 delta^2 + (2 a2 lam0 + a1) delta + P(lam0, k) = 0, where
        P(lam0, k) is the sum of the terms with derivatives in space.
        """
        pde, mean = self.pde, self.rate(0.0)
        changes, leading = pde.changes(k, q), pde.coefficients(k, q)[-1]
        rest = sum(change * mean**n for n, change in enumerate(changes))
        if pde.order == 1:
            return np.asarray(-rest / leading)
        # At k = 0 the slope 2 a2 lam0 + a1 is a root of the discriminant.
        free, damping, inertia = pde.coefficients(0.0)
        slope = np.sqrt(damping**2 - 4 * inertia * free)
        turned = np.real((2 * inertia * mean + damping) * np.conj(slope)) < 0
        slope = np.where(turned, -slope, slope)
        slope = slope + 2 * changes[2] * mean + changes[1]
        root = np.sqrt(slope**2 - 4 * leading * rest)
        large = slope + np.where(np.real(root * np.conj(slope)) < 0, -root, root)
        with np.errstate(divide="ignore", invalid="ignore"):
            near, far = np.where(large == 0, 0, -2 * rest / large), -large / (2 * leading)
        about = self.rate(k, q) - mean
        return np.where(abs(near - about) <= abs(far - about), near, far)

    @property
    def drift(self) -> float:
        """Velocity c of the frame in which long waves rest: lam(k) = lam(0) - i c q + O(k^2).

        0 where waves of both roots have the mean's rate at k = 0.
        """
        pde, mean = self.pde, self.rate(0.0)
        _, *rising = pde.coefficients(0.0)
        slope = sum((n + 1) * a * mean**n for n, a in enumerate(rising))
        plain = [t for t in pde.terms if t.shape.grads and t.space_order == 1]
        pull = sum(t.value * mean**t.shape.time for t in plain)
        size = sum(abs((n + 1) * a * mean**n) for n, a in enumerate(rising))
        return float(np.real(pull / slope)) if abs(slope) > 1e-12 * size else 0.0

    def moving_excess(self, k: Any, q: Any) -> NDArray[np.complex128]:
        """lam(k) - lam(0) seen from the frame that drifts."""
        return self.excess(k, q) + 1j * self.drift * np.asarray(q, float)


def roots(pde: PDE, k: Any, q: Any = None) -> tuple[NDArray[np.complex128], ...]:
    """The roots lam of P(lam, k, q) = 0, the slower one first, free of cancellation.

    Raises:
        InvalidInput: the highest time derivative drops out at one of these wavenumbers.
    """
    *lower, leading = pde.coefficients(k, q)
    if np.any(leading == 0):
        at = np.asarray(k, float)[leading == 0].flat[0]
        raise InvalidInput(
            f"the highest time derivative of {pde.text!r} drops out at k = {at:.3g}; such PDEs are "
            "not judged: give it a constant coefficient."
        )
    monic = [coefficient / leading for coefficient in lower]
    if pde.order == 1:
        return (np.asarray(-monic[0]),)
    half = monic[1] / 2
    root = np.sqrt(half**2 - monic[0])
    slow, fast = -half + root, -half - root
    with np.errstate(divide="ignore", invalid="ignore"):
        slow_again, fast_again = monic[0] / fast, monic[0] / slow
    cancels = abs(slow) < abs(fast)
    return (
        np.where(cancels & (fast != 0), slow_again, slow),
        np.where(~cancels & (slow != 0), fast_again, fast),
    )


@checked
@lru_cache(maxsize=64)
def branches(pde: PDE) -> tuple[Branch, ...]:
    """All branches omega(k), one for each order in time.

    Raises:
        InvalidInput: every branch grows without bound as k -> infinity.
    """
    grid = wavenumbers(pde)
    _refuse_singular(pde, grid)
    formulas = _formulas(pde)
    admissible = [_bounded(pde, index, grid[-1] / 10**_DECADES) for index in range(pde.order)]
    if not any(admissible):
        raise InvalidInput(
            f"C2 fails for {pde.text!r}: every branch grows without bound as k -> infinity, "
            "omega(k) = " + ", ".join(formulas) + "; short waves must decay: turn the sign of the "
            "term of highest order in space."
        )
    return tuple(
        Branch(formula, ok, pde, index)
        for index, (formula, ok) in enumerate(zip(formulas, admissible, strict=True))
    )


def wavenumbers(pde: PDE) -> np.ndarray:
    """A wide logarithmic grid of k around the wavenumbers at which terms balance."""
    terms = [(abs(term.value), term.space_order) for term in pde.terms]
    balances = [(a / b) ** (1 / (m - n)) for a, n in terms for b, m in terms if m - n > 0.05] or [
        1.0
    ]
    low, high = min(balances), max(balances)
    if not (low > 1e-30 and high < 1e30):
        raise InvalidInput(
            f"the terms of {pde.text!r} balance at wavenumbers {low:.1e} .. {high:.1e}; choose units "
            "in which they are nearer 1."
        )
    return np.geomspace(low * 10.0**-_DECADES, high * 10.0**_DECADES, _POINTS)


def directions(pde: PDE) -> tuple[float, ...]:
    """Cosines of the angle between k and the advection axis that are looked at."""
    if not any(term.shape.grads for term in pde.terms):
        return (0.0,)
    return (-1.0, 1.0) if pde.dim == 1 else tuple(np.linspace(-1.0, 1.0, 17).tolist())


def _bounded(pde: PDE, index: int, scale: float) -> bool:
    for cosine in directions(pde):
        far, farther = (
            roots(pde, np.array(scale * reach), scale * reach * cosine)[index].real.item()
            for reach in (_FAR, _FARTHER)
        )
        size = abs(roots(pde, np.array(scale * _FARTHER), scale * _FARTHER * cosine)[index]).item()
        if farther > 1.02 * max(far, 0.0) + 1e-12 * size:
            return False
    return True


def _refuse_singular(pde: PDE, grid: np.ndarray) -> None:
    for cosine in directions(pde):
        leading = pde.coefficients(grid, grid * cosine)[-1]
        if np.any(leading.imag != 0) or np.ptp(np.sign(leading.real)) == 0:
            continue
        at = grid[1:][np.diff(np.sign(leading.real)) != 0][0]
        raise InvalidInput(
            f"the highest time derivative of {pde.text!r} drops out near k = {at:.3g}; such PDEs "
            "are not judged: give it a constant coefficient."
        )


def symbolic_rates(pde: PDE) -> tuple[Any, ...]:
    """The roots lam(k, q) as SymPy expressions, in the order of `roots`."""
    import sympy

    sums = [sympy.S.Zero for _ in range(pde.order + 1)]
    for term in pde.terms:
        sums[term.shape.time] += term.coefficient * space_symbol(term.shape)
    monic = [sympy.expand(coefficient / sums[-1]) for coefficient in sums[:-1]]
    if pde.order == 1:
        return (-monic[0],)
    half = monic[1] / 2
    under = sympy.expand(half**2 - monic[0])
    root = sympy.I * sympy.sqrt(-under) if under.is_negative else sympy.sqrt(under)
    return -half + root, -half - root


def _formulas(pde: PDE) -> list[str]:
    import sympy

    formulas = []
    for rate in symbolic_rates(pde):
        flat = sympy.expand(sympy.I * rate)
        forms = [str(flat), str(sympy.factor_terms(flat)), str(sympy.factor(flat))]
        formulas.append(min(forms, key=len))
    return formulas
