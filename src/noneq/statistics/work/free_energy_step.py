"""The least mean work on a line: one step of the free energy's gradient flow (Jordan, Kinderlehrer, Otto)."""

from collections.abc import Callable

import numpy as np

from noneq.errors import SolveFailed
from noneq.statistics.work.line_laws import LineLaw, monotone_map


_STEPS = 200


def best_map(
    start: LineLaw,
    end: LineLaw,
    curve: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]],
    duration: float,
    beta: float,
) -> tuple[np.ndarray, float]:
    """The rising map that the least work makes of the initial law, and F + W₂²/τ of its image.

    **Equation**: min over rising T of E V(Tx) − (1/beta) E ln T'(x) + E|Tx − x|²/τ, on nodes y_i = T(x_i)
    with weights w_i, and T' by differences between them. By Newton's method with steps that keep the
    order, from the identity (exact for τ → 0) and from the map to equilibrium (τ → ∞); the lower
    one counts. The error falls as the square of the spacing.

    Args:
        start: initial law, with its nodes x.
        end: equilibrium of the final potential.
        curve: V, V' and V'' of the final potential at many points.
        duration: τ at mobility 1.
        beta: inverse temperature.

    Returns:
        T at the nodes, and E V(Tx) − E ln T'/beta + E|Tx − x|²/τ.

    Raises:
        SolveFailed: no minimum was found.

    Source: Jordan, Kinderlehrer and Otto 1998; Aurell et al. 2011.
    """
    found = [
        _descend(start, y, curve, duration, beta)
        for y in (start.x.copy(), _strictly(monotone_map(start, end)))
    ]
    y, value = min(found, key=lambda one: one[1])
    if not np.isfinite(value):
        raise SolveFailed("least work: no finite work was found; is the final potential finite?")
    return y, value


def _strictly(y: np.ndarray) -> np.ndarray:
    """A map that rises by something everywhere."""
    gap = 1e-9 * (y[-1] - y[0])
    return np.maximum.accumulate(y - gap * np.arange(y.size)) + gap * np.arange(y.size)


def _descend(
    start: LineLaw,
    y: np.ndarray,
    curve: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]],
    duration: float,
    beta: float,
) -> tuple[np.ndarray, float]:
    """Damped Newton steps on a tridiagonal system."""
    from scipy.linalg import solveh_banded

    x, w = start.x, start.weights
    p = np.exp(start.log_density)
    mass = (p[1:] + p[:-1]) * np.diff(x)
    mass = mass / mass.sum() / beta
    gaps = np.diff(x)

    def cost(y: np.ndarray) -> float:
        with np.errstate(all="ignore"):
            pull = w @ (curve(y)[0] + (y - x) ** 2 / duration)
            value = pull - mass @ np.log(np.diff(y) / gaps)
        return float(value) if np.isfinite(value) else np.inf

    now = cost(y)
    for _ in range(_STEPS):
        _, slope, bend = curve(y)
        d = np.diff(y)
        gradient = w * (slope + 2 * (y - x) / duration)
        gradient[1:] -= mass / d
        gradient[:-1] += mass / d
        stiff = mass / d**2
        own = np.concatenate([stiff, [0.0]]) + np.concatenate([[0.0], stiff])
        for bent in (bend, np.maximum(bend, 0.0)):
            diagonal = w * (bent + 2 / duration) + own
            bands = np.stack([np.concatenate([[0.0], -stiff]), diagonal])
            try:
                step = -solveh_banded(bands, gradient)
                break
            except np.linalg.LinAlgError:
                continue
        else:
            break
        change = np.diff(step)
        shrinking = change < 0
        most = float(np.min(-d[shrinking] / change[shrinking])) if shrinking.any() else np.inf
        share, fall = min(1.0, 0.9 * most), float(gradient @ step)
        new = cost(y + share * step)
        while share > 1e-10 and new > now + 1e-4 * share * fall:
            share /= 2
            new = cost(y + share * step)
        if share <= 1e-10:
            break
        y, now = y + share * step, new
        if -fall < 1e-11 * max(1.0, abs(now)):
            break
    return y, now
