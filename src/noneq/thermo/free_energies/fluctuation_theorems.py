"""Do measured works or entropies obey the fluctuation theorems? Tests, integral and detailed."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.needs import observable
from noneq.thermo.free_energies.inputs import as_vector, as_works
from noneq.thermo.free_energies.relations import acceptance_ratio, crossing, shares


_PRECISION = 0.1
"""Relative error of ⟨e^−S⟩ that a test is asked to have before it is called weak."""
_LARGEST = 30.0


@dataclass(frozen=True)
class TheoremTest:
    """Outcome of a fluctuation theorem on data.

    Attributes:
        estimate: what the theorem says is 1, with its error.
        z: distance from 1 in standard errors that hold if the theorem does.
        p_value: probability of so large a |z| if it does.
        n: paths.
        needed: paths that the test takes to have an error of a tenth; of fewer its p-value says little.
    """

    estimate: Estimate
    z: float
    p_value: float
    n: int
    needed: float


@observable("values", number=False)
def integral_fluctuation_test(entropy: Any) -> TheoremTest:
    """Integral fluctuation theorem: ⟨e^{−S}⟩ = 1.

    **Equation**: z = (m − 1)/error, m the mean of e^{−S} over paths. With β(W − ΔF) for S it is
    Jarzynski's equality, tested against a ΔF known otherwise.

    The mean rests on the rare paths of S < 0. Where S is nearly Gaussian its variance is 2⟨S⟩, and an
    error of a tenth takes 100 (e^{2⟨S⟩} − 1) paths: 5,000 for ⟨S⟩ = 2, 10¹⁰ for 9. Take short windows.

    Args:
        entropy: ``(n,)`` total entropy production of each path in nats, boundary term included:
            ln p₀(x₀) − ln p_t(x_t) + heat/kT.

    Returns:
        `TheoremTest`, ``estimate`` the mean of e^{−S}.

    Raises:
        InvalidInput: fewer than ten paths, or NaN.

    Warns:
        UserWarning: fewer paths than an error of a tenth takes, with that number.

    Source: Seifert 2005; number of paths: Jarzynski 2006.
    """
    s = as_vector(entropy, "integral_fluctuation_test: entropy", least=10)
    mean = float(s.mean())
    needed = np.expm1(min(2 * max(mean, float(s.var()) / 2), _LARGEST)) / _PRECISION**2
    if s.size < needed:
        reach = np.sqrt(needed / s.size) * _PRECISION
        warnings.warn(
            f"integral_fluctuation_test: {s.size} paths of mean entropy {mean:.3g} determine "
            f"⟨e^−S⟩ to {reach:.2g} at best, and {_paths(needed)} would be needed for {_PRECISION:g}; take "
            "shorter windows or more paths.",
            stacklevel=3,
        )
    weights = np.exp(np.minimum(-s, 300.0))
    value, error = float(weights.mean()), float(weights.std(ddof=1) / np.sqrt(s.size))
    z = (value - 1) / max(error, 1e-12)
    estimate = Estimate(np.asarray(value), np.asarray(error), np.asarray(s.size))
    return TheoremTest(estimate, z, _two_sided(z), s.size, float(needed))


@observable("values", number=False)
def crooks_test(forward: Any, backward: Any = None, *, beta: float = 1.0) -> TheoremTest:
    """Detailed fluctuation theorem: ln p_F(w)/p_R(−w) = w − βΔF, a straight line of slope 1.

    **Equation**: given a work w = ±βW, its path was a forward one with the probability
    p = 1/(1 + e^{−M − slope (w − βΔF)}), M = ln(n_F/n_R). z is the score of that likelihood at
    slope 1, U/√I with U = Σ (w − ⟨w⟩) (y − p), y = 1 for forward paths, and the ΔF that Bennett's
    method finds: it needs no bins and no densities.

    Without backward works one set of entropies S is tested for p(S)/p(−S) = e^{slope S}: given |S|,
    the sign is positive with the probability 1/(1 + e^{−|S|}).

    Args:
        forward: ``(n,)`` works along the protocol, or entropies (then without ``backward``).
        backward: ``(m,)`` works along the protocol run backwards.
        beta: 1/kT in the inverse of the works' unit.

    Returns:
        `TheoremTest`, ``estimate`` the fitted slope.

    Raises:
        InvalidInput: fewer than ten paths, NaN, or backward works of the wrong sign.

    Warns:
        UserWarning: works that hardly overlap, with the paths that a slope within a tenth takes.

    Source: Crooks 1999; Shirts et al. 2003 for the likelihood.
    """
    works = as_works(forward, backward, beta, "crooks_test")
    n = works.forward.size + works.backward.size
    if n < 10:
        raise InvalidInput(f"crooks_test: {n} paths; give at least 10.")
    if works.backward.size:
        f = float(acceptance_ratio(works))
        u = np.concatenate([works.forward, -works.backward]) - f
        ahead = np.concatenate([np.ones(works.forward.size), np.zeros(works.backward.size)])
        p = shares(works, f)
        slope = float(crossing(works, f)[1])
        information = p * (1 - p)
        u = u - np.sum(information * u) / max(information.sum(), 1e-300)
    else:
        u, ahead = np.abs(works.forward), (works.forward > 0).astype(float)
        p = 1 / (1 + np.exp(-u))
        information = p * (1 - p)
        slope = _sign_slope(u, ahead)
    known = float(np.sum(information * u**2))
    z = float(np.sum((ahead - p) * u) / np.sqrt(max(known, 1e-300))) if known > 1e-12 else 0.0
    needed = n / max(known * _PRECISION**2, 1e-12)
    if n < needed:
        warnings.warn(
            f"crooks_test: {n} paths tell the slope to {1 / np.sqrt(max(known, 1e-12)):.2g}, and "
            f"{_paths(needed)} would be needed for {_PRECISION:g}; drive otherwise (works of both "
            "directions must overlap, and differ by about kT), or take more paths.",
            stacklevel=3,
        )
    error = 1 / np.sqrt(max(known, 1e-12))
    estimate = Estimate(np.asarray(slope), np.asarray(error), np.asarray(n))
    return TheoremTest(estimate, z, _two_sided(z), n, float(needed))


def _sign_slope(u: np.ndarray, positive: np.ndarray) -> float:
    """Likeliest slope of P(S > 0 given |S|) = 1/(1 + e^{−slope |S|}), with a prior of one path."""
    slope = 1.0
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(slope * u, -500, 500)))
        step = (np.sum((positive - p) * u) - (slope - 1)) / (np.sum(p * (1 - p) * u**2) + 1)
        slope += float(np.clip(step, -1, 1))
        if abs(step) < 1e-10:
            break
    return slope


def _two_sided(z: float) -> float:
    from scipy.special import erfc

    return float(erfc(abs(z) / np.sqrt(2)))


def _paths(needed: float) -> str:
    """A number of paths in two digits; as a power of ten from a million on."""
    return f"{needed:.2g}" if needed >= 1e6 else f"{float(f'{needed:.2g}'):,.0f}"
