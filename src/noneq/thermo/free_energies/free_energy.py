"""Free-energy differences from work, with an error, a warning where they are biased, and a bound."""

import warnings
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np

from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.needs import observable
from noneq.thermo.free_energies import relations
from noneq.thermo.free_energies.bootstrap import resampled
from noneq.thermo.free_energies.inputs import as_works
from noneq.thermo.free_energies.rare_works import rare_works
from noneq.thermo.free_energies.relations import Works


Method: TypeAlias = Literal["jarzynski", "cumulants", "bar", "crossing"]

_FEW = 20.0
"""Effective works below which an exponential mean is not to be trusted."""
_INFINITE, _HEAVY = 0.5, 0.7
"""Index of the tail of e^{−w} above which its variance is infinite, and above which no number of works
helps (Vehtari et al. 2024)."""
_LITTLE = 0.06
"""Overlap below which errors are not: 0.03 for each direction (Klimovich, Shirts and Mobley 2015)."""


@observable("values")
def free_energy(
    forward: Any,
    backward: Any = None,
    *,
    method: Method | None = None,
    beta: float = 1.0,
    unit: str = "",
    bootstraps: int = 200,
    seed: int = 0,
) -> Estimate:
    """Free-energy difference ΔF = F(λ_end) − F(λ_start) from work along one protocol.

    **Equation**, w = βW:

    - ``jarzynski``: e^{−βΔF} = ⟨e^{−w}⟩, forward works alone; its bias (1/n_eff − 1/n)/2 is
      taken off. Its error counts works lower than any that was drawn, by a Pareto law fitted to the
      lowest ones (`noneq.thermo.free_energies.rare_works`).
    - ``cumulants``: βΔF = ⟨w⟩ − Var w/2, exact for Gaussian work; with backward works
      (⟨w_F⟩ − ⟨w_R⟩)/2 − (Var w_F − Var w_R)/12.
    - ``bar``: Σ_F 1/(1 + e^{M + w − βΔF}) = Σ_R 1/(1 + e^{−M + w + βΔF}), M = ln(n_F/n_R): the
      likeliest ΔF by Crooks' theorem.
    - ``crossing``: where the densities of W_F and −W_R cross (Crooks), their log ratio fitted as a
      straight line of free slope; less precise than ``bar``, which knows the slope.

    All but the cumulants hold however fast the protocol, if each process starts in equilibrium and ends
    anywhere. Where the works of both directions do not meet at all, no method knows ΔF: the exponential
    mean is then given as the upper bound that it is in expectation, and the lower one is in the notes.

    Args:
        forward: ``(n,)`` works done on the system along the protocol, see `noneq.thermo.work`.
        backward: ``(m,)`` works done on it along the protocol run backwards, started in the equilibrium
            of its end, **not** their negatives; None if there are none.
        method: None is ``bar`` with backward works, else ``jarzynski``.
        beta: 1/kT in the inverse of the works' unit; 1 for works over kT.
        unit: of the works, kept by the result.
        bootstraps: of the standard error, at least 20.
        seed: of the bootstraps.

    Returns:
        In the unit of the works; ``bound`` is ``upper`` where only that is known.
        Method, effective
        number of works, overlap and dissipation are in ``notes``, and in numbers in `work_diagnostics`.

    Raises:
        InvalidInput: fewer than two works, NaN, backward works missing for the method or of the wrong
            sign, or beta not positive.

    Warns:
        UserWarning: fewer than 20 effective works, weights with too heavy a tail, works that are far
            from Gaussian for ``cumulants``, little overlap, or none.

    Source: Jarzynski 1997; Crooks 1999; Bennett 1976; Shirts et al. 2003; Hummer 2001.
    """
    works = as_works(forward, backward, beta, "free_energy")
    both = works.backward.size > 0
    chosen = method or ("bar" if both else "jarzynski")
    if chosen in ("bar", "crossing") and not both:
        raise InvalidInput(
            f"free_energy: method {chosen!r} needs backward works; run the protocol backwards (in "
            "Python protocol.backward()) from the equilibrium of its end, or take 'jarzynski'."
        )
    if bootstraps < 20:
        raise InvalidInput(f"free_energy: bootstraps = {bootstraps}; give at least 20.")
    if seed < 0:
        raise InvalidInput(f"free_energy: seed = {seed}; give a whole number from 0.")
    if chosen in ("bar", "crossing") and _apart(works):
        found = _bounded(works, chosen, bootstraps, seed)
    else:
        found = _estimated(works, chosen, bootstraps, seed)
    value, stderr, bias, bound, notes = found
    scale = lambda x: None if x is None else np.asarray(x / beta)
    return Estimate(
        np.asarray(value / beta),
        np.asarray(stderr / beta),
        np.asarray(works.forward.size + works.backward.size),
        bound=bound,
        unit=unit,
        method=chosen,
        bias=scale(bias),
        notes=notes,
    )


_Found: TypeAlias = tuple[float, float, float | None, Literal["none", "upper"], tuple[str, ...]]
"""Value, error, bias taken off, bound and notes, over kT."""


def _estimated(works: Works, method: str, bootstraps: int, seed: int) -> _Found:
    notes = [_dissipation(works, method)]
    bias: float | None = None
    bound: Literal["none", "upper"] = "none"
    if method == "jarzynski":
        if _few(works):
            bound = "upper"
        else:
            bias = _exponential_bias(works)
        notes.append(_exponential_note(works))
        formula: Callable[[Works], relations.Values] = lambda w: relations.exponential(
            w.forward, w.ahead
        )
    elif method == "cumulants":
        formula = _cumulants
        notes.append(_shape_note(works))
    else:
        start = float(relations.acceptance_ratio(works))
        if method == "bar":
            formula = lambda w: relations.acceptance_ratio(w, start)
        else:
            formula = lambda w: relations.crossing(w, start)[0]
        notes.append(_overlap_note(works, start))
    value = float(formula(works)) - (bias or 0.0)
    stderr = float(resampled(works, formula, bootstraps, seed).std(ddof=1))
    if method == "jarzynski":
        rare, note = _error_of_rare(works, bootstraps, seed)
        stderr = max(stderr, rare)
        notes.append(note)
    return value, stderr, bias, bound, tuple(note for note in notes if note)


def _error_of_rare(works: Works, bootstraps: int, seed: int) -> tuple[float, str]:
    """With the works that are too rare to have been drawn, and what to know of it; a warning where
    they decide."""
    drawn, k = rare_works(works.forward, bootstraps, seed)
    note = ""
    if k > _INFINITE:
        note = (
            f"the works drawn give the weights e^(−βW) a tail of index {k:.2g}; above {_INFINITE} the "
            "variance is infinite, and intervals of two standard errors hold the truth less often than "
            "in 95 of 100 cases."
        )
    if k > _HEAVY:
        warnings.warn(
            f"free_energy: the weights e^(−βW) have a tail of index {k:.2g} (above {_HEAVY} no number of "
            "works makes their mean certain), so that the error may still be too small. Take backward "
            "works and method='bar', or drive more slowly.",
            stacklevel=5,
        )
    return float(drawn.std(ddof=1)), note


def _bounded(works: Works, method: str, bootstraps: int, seed: int) -> _Found:
    """The upper bound, where no backward work comes near a forward one."""
    formula = lambda w: relations.exponential(w.forward, w.ahead)
    high = float(formula(works))
    low = -float(relations.exponential(works.backward, works.back))
    text = (
        f"forward and backward works do not overlap (the least forward work is "
        f"{works.forward.min():.4g} kT, the largest reversed backward one "
        f"{-works.backward.min():.4g} kT), so that {method} has no answer: ΔF lies between "
        f"{low:.4g} and {high:.4g} kT"
    )
    warnings.warn(
        f"free_energy: {text}. Drive more slowly, in stages, or take many more paths.", stacklevel=4
    )
    stderr = float(resampled(works, formula, bootstraps, seed).std(ddof=1))
    return high, stderr, None, "upper", (text + ".", _dissipation(works, method))


def _apart(works: Works) -> bool:
    """Whether the works do not meet, by more than the little that a few paths leave between them."""
    gap = works.forward.min() + works.backward.min()
    shared = relations.overlap(works, float(relations.acceptance_ratio(works)))
    return bool(gap >= 0 and shared < _LITTLE)


def _cumulants(works: Works) -> relations.Values:
    if works.backward.size:
        return relations.two_sided_cumulants(works)
    return relations.one_sided_cumulants(works.forward, works.ahead)


def _exponential_bias(works: Works) -> float:
    """(1/n_eff − 1/n)/2: half the squared error of the mean, by which E ln < ln E."""
    count = float(relations.effective(works.forward, works.ahead))
    return (1 / count - 1 / works.forward.size) / 2


def _few(works: Works) -> bool:
    """Whether the exponential mean rests on too few works, of which a warning tells."""
    count = float(relations.effective(works.forward, works.ahead))
    if count >= min(_FEW, works.forward.size / 2):
        return False
    warnings.warn(
        f"free_energy: the exponential mean rests on {count:.3g} effective of {works.forward.size} "
        "works, and is in expectation an upper bound only. Take backward works and method='bar', "
        "drive more slowly, or take many more paths.",
        stacklevel=5,
    )
    return True


def _exponential_note(works: Works) -> str:
    count = float(relations.effective(works.forward, works.ahead))
    return f"the exponential mean rests on {count:.3g} effective of {works.forward.size} works."


def _shape_note(works: Works) -> str:
    centred = works.forward - works.forward.mean()
    spread = max(float(centred.std()), 1e-300)
    skewness, error = float(np.mean((centred / spread) ** 3)), np.sqrt(6 / centred.size)
    rest = abs(skewness) * spread**3 / 6
    text = f"the skewness of the works is {skewness:.2g} ± {error:.2g}"
    if abs(skewness) > 4 * error and not works.backward.size:
        warnings.warn(
            f"free_energy: {text}, so that they are not Gaussian and two cumulants leave out about "
            f"{rest:.2g} kT; take backward works and method='bar', or 'jarzynski'.",
            stacklevel=5,
        )
    return text + "."


def _overlap_note(works: Works, f: float) -> str:
    shared = relations.overlap(works, f)
    text = f"the overlap of forward and backward works is {shared:.2g} of 1"
    if shared < _LITTLE:
        warnings.warn(
            f"free_energy: {text}, below {_LITTLE}; the error is too small. Drive more slowly, in "
            "stages, or take many more paths.",
            stacklevel=5,
        )
    return text + "."


def _dissipation(works: Works, method: str) -> str:
    if works.backward.size:
        loss = works.forward.mean() + works.backward.mean()
        return f"forward and backward process together dissipate {loss:.3g} kT."
    if method == "cumulants":
        return ""
    f = float(relations.exponential(works.forward, works.ahead))
    return f"the process dissipates {works.forward.mean() - f:.3g} kT."
