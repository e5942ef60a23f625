"""C2: every wave decays faster than the mean, Im omega(k) < Im omega(0) for all k > 0."""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from noneq._typing import Numbers
from noneq.kinds import checked, refuse_nonfinite
from noneq.pde.dispersion import Branch, branches, directions, symbolic_rates, wavenumbers
from noneq.pde.equation import PDE
from noneq.pde.terms import wave_symbols


_ROUNDING = 1e-12


class Smoothing(NamedTuple):
    """Whether one branch smooths.

    Attributes:
        cutoff: 0 if all waves decay relative to the mean; else the largest k that does not, and
            infinity if there is none.
        formula: formula of the cut-off in the parameters; None where none was found.
    """

    cutoff: float
    formula: str | None


@checked
@lru_cache(maxsize=64)
def judged(pde: PDE) -> Branch:
    """The admissible branch; of two the one that decays more slowly, which outlives the other.

    Raises:
        InvalidInput: every branch grows without bound.
    """
    return next(branch for branch in branches(pde) if branch.admissible)


@lru_cache(maxsize=64)
def cutoff(branch: Branch) -> float:
    """The largest wavenumber that does not decay relative to the mean: 0 if none, or infinity."""
    grid = wavenumbers(branch.pde)
    fails = np.any([_fails(branch, grid, cosine) for cosine in directions(branch.pde)], axis=0)
    if not fails.any():
        return 0.0
    if fails[-1]:
        return float("inf")
    last = int(np.flatnonzero(fails)[-1])
    low, high = grid[last], grid[last + 1]
    for _ in range(60):
        middle = 0.5 * (low + high)
        bad = any(_fails(branch, np.array([middle]), c)[0] for c in directions(branch.pde))
        low, high = (middle, high) if bad else (low, middle)
    return float(low)


@lru_cache(maxsize=64)
def smoothing_of(branch: Branch) -> Smoothing:
    """The cut-off of a branch and its formula."""
    value = cutoff(branch)
    found = 0 < value < np.inf
    return Smoothing(value, _cutoff_formula(branch, value) if found else None)


@checked
def smoothing_factors(pde: PDE, k: Numbers, t: float) -> np.ndarray:
    """exp(t (Im omega(k) - Im omega(0))) of the judged branch, in the direction that decays least.

    Args:
        pde: the PDE.
        k: wavenumbers.
        t: time.
    """
    refuse_nonfinite(k, "smoothing_factors: k")
    refuse_nonfinite(t, "smoothing_factors: t")
    k, branch = np.asarray(k, float), judged(pde)
    decays = [branch.excess(k, k * cosine).real for cosine in directions(pde)]
    return np.asarray(np.exp(t * np.max(decays, axis=0)))


def _fails(branch: Branch, k: np.ndarray, cosine: float) -> np.ndarray:
    moving = branch.moving_excess(k, k * cosine)
    excess, tolerance = moving.real, _ROUNDING * abs(moving)
    fails = excess >= -tolerance
    # far below every balance of terms a decay of higher order in k is lost to rounding
    lost = (k < 100 * wavenumbers(branch.pde)[0]) & (abs(excess) <= tolerance)
    above = np.flatnonzero(~lost)
    if len(above) and not fails[above].any():
        fails[lost] = False
    return fails


def _cutoff_formula(branch: Branch, value: float) -> str | None:
    """The positive root k of lam(k) = lam(0), or of the discriminant, that lies at ``value``."""
    import sympy

    pde = branch.pde
    lam, k, q = wave_symbols()
    along = k if pde.dim == 1 else 0
    symbol = pde.symbol.subs(q, along)
    mean = symbolic_rates(pde)[branch.index].subs(q, along).subs(k, 0)
    conditions = [symbol.subs(lam, mean)]
    if pde.order == 2:
        conditions.append(sympy.discriminant(symbol, lam))
    for condition in conditions:
        for candidate in _positive_roots(condition, pde):
            inserted = {s: pde.values[s.name] for s in candidate.free_symbols}
            number = complex(candidate.evalf(subs=inserted))
            if abs(number - value) < 1e-5 * value:
                return str(candidate)
    return None


def _positive_roots(condition: Any, pde: PDE) -> list[Any]:
    """Roots k of a sum of two powers of k, or of three in arithmetic progression; else none."""
    import sympy

    k = wave_symbols()[1]
    powers: dict[Any, Any] = {}
    for part in sympy.Add.make_args(sympy.expand(condition)):
        coefficient, rest = part.as_independent(k)
        exponent = rest.as_base_exp()[1] if rest != 1 else sympy.S.Zero
        powers[exponent] = powers.get(exponent, 0) + coefficient
    powers = {e: c for e, c in powers.items() if sympy.simplify(c) != 0}
    inserted = {s: pde.values[s.name] for e in powers for s in e.free_symbols}
    exponents = sorted(powers, key=lambda e: complex(e.evalf(subs=inserted)).real)
    if len(exponents) == 2:
        low, high = exponents
        return [sympy.simplify((-powers[low] / powers[high]) ** (1 / (high - low)))]
    if len(exponents) == 3 and sympy.expand(exponents[0] + exponents[2] - 2 * exponents[1]) == 0:
        c, b, a = (powers[e] for e in exponents)
        step = exponents[1] - exponents[0]
        root = sympy.sqrt(sympy.factor(b**2 - 4 * a * c))
        return [sympy.simplify(((-b + s * root) / (2 * a)) ** (1 / step)) for s in (1, -1)]
    return []
