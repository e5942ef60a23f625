"""What works say of a free-energy difference, in units of kT; every sample has a weight.

Weights are how often a sample was drawn, so that a bootstrap is a call with other weights; they may
have a leading axis of many draws, and so do the results then. All is done on logarithms: the results
are finite for any finite works.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from noneq.estimate import log_average


_ROUNDS = 200
_TOLERANCE = 1e-10
_LEAST_SLOPE = 0.05

Vector = Float[np.ndarray, " n"]
Weights = Float[np.ndarray, "*draws n"]
Values = Float[np.ndarray, "*draws"]


class Works(NamedTuple):
    """Works over kT with weights; backward ones are those done on the system on the way back.

    Args:
        forward, backward: works; ``backward`` is empty if there are none.
        ahead, back: weights of both.
    """

    forward: Vector
    backward: Vector
    ahead: Weights
    back: Weights

    @property
    def sizes(self) -> float:
        """M = ln(n_F/n_R), the same in every draw."""
        return float(np.log(self.forward.size / self.backward.size))


def exponential(works: Vector, weights: Weights) -> Values:
    """−ln ⟨e^{−w}⟩ (Jarzynski 1997)."""
    return np.asarray(-log_average(-works, weights))


def effective(works: Vector, weights: Weights) -> Values:
    """(Σ e^{−w})²/Σ e^{−2w}: how many works the exponential mean rests on."""
    scaled = np.exp(-(works - works.min()))
    return np.asarray((weights @ scaled) ** 2 / (weights @ scaled**2))


def one_sided_cumulants(works: Vector, weights: Weights) -> Values:
    """⟨w⟩ − Var w/2, exact for Gaussian work."""
    mean, variance = _moments(works, weights)
    return np.asarray(mean - variance / 2)


def two_sided_cumulants(works: Works) -> Values:
    """(⟨w_F⟩ − ⟨w_R⟩)/2 − (Var w_F − Var w_R)/12 (Hummer 2001)."""
    ahead, back = _moments(works.forward, works.ahead), _moments(works.backward, works.back)
    return np.asarray((ahead[0] - back[0]) / 2 - (ahead[1] - back[1]) / 12)


def acceptance_ratio(works: Works, start: float | None = None) -> Values:
    """Bennett's root of Σ 1/(1 + e^{M + w_F − F}) = Σ 1/(1 + e^{−M + w_R + F}).

    The difference of the logarithms of both sides rises with F from −∞ to ∞, also where the sums
    themselves are too small for a number: the root exists and is found within a bracket.
    """
    sizes = works.sizes
    ahead, back = _moments(works.forward, works.ahead), _moments(works.backward, works.back)
    f = (
        np.asarray((ahead[0] - back[0]) / 2)
        if start is None
        else np.full(np.shape(ahead[0]), start)
    )
    low, high = np.full(np.shape(f), -np.inf), np.full(np.shape(f), np.inf)
    for _ in range(_ROUNDS):
        left, left_slope = _log_fermi(sizes + works.forward - f[..., None], works.ahead)
        right, right_slope = _log_fermi(f[..., None] - sizes + works.backward, works.back)
        gap = left - right
        done = np.abs(gap) < _TOLERANCE
        if done.all():
            break
        low, high = np.where(gap < 0, f, low), np.where(gap < 0, high, f)
        onward = f - gap / np.maximum(left_slope + right_slope, 1e-6)
        inside = (low < onward) & (onward < high) | ~np.isfinite(low + high)
        with np.errstate(invalid="ignore"):
            halved = (low + high) / 2
        onward = np.where(done, f, np.where(inside, onward, halved))
        if (onward == f).all():
            break
        f = onward
    return np.asarray(f)


def crossing(works: Works, start: float | None = None) -> tuple[Values, Values]:
    """Where the densities of w_F and −w_R cross, and the slope of their log ratio there.

    **Equation**: ln p_F(w)/p_R(−w) = slope (w − F), fitted as a logistic regression of the direction
    on the work. The theorem says slope = 1. A Gaussian prior of width 1 on the slope around 1, which
    weighs as one work, keeps it finite where the works do not overlap.
    """
    centre = acceptance_ratio(works, start)
    u = np.concatenate([works.forward, -works.backward]) - centre[..., None]
    ahead = np.concatenate([np.ones(works.forward.size), np.zeros(works.backward.size)])
    weight = np.concatenate([works.ahead, works.back], -1)
    shift, slope = np.zeros(centre.shape), np.ones(centre.shape)
    reach = 1 + np.abs(u).mean(-1)
    for _ in range(50):
        p = _logistic(works.sizes + shift[..., None] + slope[..., None] * u)
        miss, spread = weight * (ahead - p), weight * p * (1 - p)
        a, b, c = spread.sum(-1) + 1e-9, np.sum(spread * u, -1), np.sum(spread * u**2, -1) + 1
        first, second = miss.sum(-1), np.sum(miss * u, -1) - (slope - 1)
        inverse = 1 / np.maximum(a * c - b**2, 1e-300)
        step, turn = (c * first - b * second) * inverse, (a * second - b * first) * inverse
        # Far steps overshoot where the logistic function is flat.
        size = np.maximum(np.abs(turn), np.abs(step) / reach)
        short = 1 / np.maximum(size, 1.0)
        shift, slope = shift + short * step, slope + short * turn
        if size.max() < 1e-9:
            break
    slope = np.maximum(slope, _LEAST_SLOPE)
    return np.asarray(centre - shift / slope), np.asarray(slope)


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
    inverse = 1 / works.forward.size + 1 / works.backward.size
    return float(np.clip(np.sum(p * (1 - p)) * inverse, 0.0, 1.0))


def _moments(works: Vector, weights: Weights) -> tuple[np.ndarray, np.ndarray]:
    """Mean and unbiased variance."""
    count, around = works.size, works - works.mean()
    shift = weights @ around / count
    variance = (weights @ around**2 - count * shift**2) / max(count - 1, 1)
    return np.asarray(works.mean() + shift), np.asarray(np.maximum(variance, 0.0))


def _log_fermi(x: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ln Σ 1/(1 + e^x), and minus its slope along x."""
    logs = -np.logaddexp(0.0, x)
    total = log_average(logs, weights) + np.log(logs.shape[-1])
    shares = weights * np.exp(logs - total[..., None])
    return np.asarray(total), np.asarray(np.sum(shares * _logistic(x), -1))


def _logistic(x: np.ndarray) -> np.ndarray:
    from scipy.special import expit

    return expit(x)
