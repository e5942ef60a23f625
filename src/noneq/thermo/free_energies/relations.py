"""What works say of a free-energy difference, in units of kT; every sample has a weight.

Weights are how often a sample was drawn, so that a bootstrap is a call with other weights. All is done
on logarithms: the results are finite for any finite works.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float


_ROUNDS = 200
_TOLERANCE = 1e-10
_LEAST_SLOPE = 0.05

Vector = Float[np.ndarray, " n"]


class Works(NamedTuple):
    """Works over kT with weights; backward ones are those done on the system on the way back.

    Args:
        forward, backward: works; ``backward`` is empty if there are none.
        ahead, back: weights of both.
    """

    forward: Vector
    backward: Vector
    ahead: Vector
    back: Vector

    @property
    def sizes(self) -> float:
        """M = ln(n_F/n_R)."""
        return float(np.log(self.ahead.sum() / self.back.sum()))


def exponential(works: Vector, weights: Vector) -> float:
    """−ln ⟨e^{−w}⟩ (Jarzynski 1997)."""
    low = works[weights > 0].min()
    return float(low - np.log(np.average(np.exp(np.minimum(low - works, 0.0)), weights=weights)))


def effective(works: Vector, weights: Vector) -> float:
    """(Σ e^{−w})²/Σ e^{−2w}: how many works the exponential mean rests on."""
    scaled = np.exp(-(works - works.min()))
    return float(np.sum(weights * scaled) ** 2 / np.sum(weights * scaled**2))


def one_sided_cumulants(works: Vector, weights: Vector) -> float:
    """⟨w⟩ − Var w/2, exact for Gaussian work."""
    mean, variance = _moments(works, weights)
    return mean - variance / 2


def two_sided_cumulants(works: Works) -> float:
    """(⟨w_F⟩ − ⟨w_R⟩)/2 − (Var w_F − Var w_R)/12 (Hummer 2001)."""
    ahead, back = _moments(works.forward, works.ahead), _moments(works.backward, works.back)
    return (ahead[0] - back[0]) / 2 - (ahead[1] - back[1]) / 12


def acceptance_ratio(works: Works, start: float | None = None) -> float:
    """Bennett's root of Σ 1/(1 + e^{M + w_F − F}) = Σ 1/(1 + e^{−M + w_R + F}).

    The difference of the logarithms of both sides rises with F from −∞ to ∞, also where the sums
    themselves are too small for a number: the root exists and is found within a bracket.
    """
    sizes = works.sizes
    if start is None:
        ahead, back = _moments(works.forward, works.ahead), _moments(works.backward, works.back)
        start = (ahead[0] - back[0]) / 2

    def gap(f: float) -> tuple[float, float]:
        left, left_slope = _log_fermi(sizes + works.forward - f, works.ahead)
        right, right_slope = _log_fermi(f - sizes + works.backward, works.back)
        return left - right, left_slope + right_slope

    low, high, f = -np.inf, np.inf, start
    for _ in range(_ROUNDS):
        value, slope = gap(f)
        if abs(value) < _TOLERANCE:
            break
        low, high = (f, high) if value < 0 else (low, f)
        onward = f - value / max(slope, 1e-6)
        if not low < onward < high and np.isfinite(low + high):
            onward = (low + high) / 2
        if onward == f:
            break
        f = onward
    return f


def crossing(works: Works, start: float | None = None) -> tuple[float, float]:
    """Where the densities of w_F and −w_R cross, and the slope of their log ratio there.

    **Equation**: ln p_F(w)/p_R(−w) = slope (w − F), fitted as a logistic regression of the direction
    on the work. The theorem says slope = 1. A Gaussian prior of width 1 on the slope around 1, which
    weighs as one work, keeps it finite where the works do not overlap.
    """
    centre = acceptance_ratio(works, start)
    u = np.concatenate([works.forward, -works.backward]) - centre
    ahead = np.concatenate([np.ones(works.forward.size), np.zeros(works.backward.size)])
    weight = np.concatenate([works.ahead, works.back])
    shift, slope = 0.0, 1.0
    for _ in range(50):
        p = _logistic(works.sizes + shift + slope * u)
        miss, spread = weight * (ahead - p), weight * p * (1 - p)
        gradient = np.array([miss.sum(), np.sum(miss * u) - (slope - 1)])
        curvature = np.array(
            [
                [spread.sum() + 1e-9, np.sum(spread * u)],
                [np.sum(spread * u), np.sum(spread * u**2) + 1],
            ]
        )
        step = np.linalg.solve(curvature, gradient)
        # Far steps overshoot where the logistic function is flat.
        step *= min(1.0, 1.0 / max(abs(step[1]), abs(step[0]) / (1 + np.abs(u).mean()), 1e-300))
        shift, slope = shift + step[0], slope + step[1]
        if np.abs(step).max() < 1e-9:
            break
    slope = max(float(slope), _LEAST_SLOPE)
    return centre - shift / slope, slope


def shares(works: Works, f: float) -> Vector:
    """P(forward | w) of every work, forward ones first, by Crooks' theorem at a ΔF."""
    both = np.concatenate([works.forward, -works.backward])
    return _logistic(works.sizes + both - f)


def overlap(works: Works, f: float) -> float:
    """1 where works of both directions look alike, 0 where they never meet.

    **Equation**: Σ p (1 − p) (1/n_F + 1/n_R), p = P(forward | w): one minus the second eigenvalue of
    the overlap matrix of two states (Klimovich, Shirts and Mobley 2015).
    """
    p = shares(works, f)
    weight = np.concatenate([works.ahead, works.back])
    inverse = 1 / works.ahead.sum() + 1 / works.back.sum()
    return float(np.clip(np.sum(weight * p * (1 - p)) * inverse, 0.0, 1.0))


def _moments(works: Vector, weights: Vector) -> tuple[float, float]:
    """Mean and unbiased variance."""
    count = weights.sum()
    mean = float(np.sum(weights * works) / count)
    return mean, float(np.sum(weights * (works - mean) ** 2) / max(count - 1, 1))


def _log_fermi(x: Vector, weights: Vector) -> tuple[float, float]:
    """ln Σ 1/(1 + e^x), and minus its slope along x."""
    logs = -np.logaddexp(0.0, x)
    top = logs[weights > 0].max()
    terms = weights * np.exp(np.minimum(logs - top, 0.0))
    total = terms.sum()
    return float(top + np.log(total)), float(np.sum(terms * _logistic(x)) / total)


def _logistic(x: np.ndarray) -> np.ndarray:
    from scipy.special import expit

    return expit(x)
