"""The search for the largest likelihood of a law of motion, by Fisher scoring."""

import warnings

import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Bool

from noneq.errors import SolveFailed
from noneq.methods.dynamics.gaussian_filter import Law, Parameters, Scores, scores
from noneq.methods.dynamics.segments import Segments
from noneq.statistics.gram import solve


_STEPS = 40
_HALVINGS = 8
_ENOUGH = 1e-3
"""Gain of the log-likelihood at which the search ends."""


def ascend(
    law: Law, start: Parameters, data: Segments, may: Bool[np.ndarray, " P"]
) -> tuple[Parameters, Scores]:
    """The largest likelihood by Fisher scoring, steps halved until they help.

    A search that gets stuck, where some drifts nearby run away between two frames, is begun again
    from no drift, and the larger of both likelihoods is taken.
    """
    now, some = starting_point(law, start, data)
    found, best, there = _climb(law, some, now, data, may)
    if there:
        return found, best
    still = start._replace(theta=jnp.zeros_like(start.theta))
    other, again, there = _climb(law, still, scores(law, still, data), data, may)
    if _total(again) > _total(best):
        found, best = other, again
    if not there:
        warnings.warn(
            "The search for the largest likelihood ended before its maximum; the data hardly tell the "
            "functions of the library apart. Take a smaller one.",
            stacklevel=2,
        )
    return found, best


def _climb(
    law: Law, start: Parameters, now: Scores, data: Segments, may: Bool[np.ndarray, " P"]
) -> tuple[Parameters, Scores, bool]:
    """Where scoring from one start ends, and whether that is a maximum."""
    size = start.theta.size
    flat, rebuild = ravel_pytree(start)
    for _ in range(_STEPS):
        slope, info = np.asarray(now.gradient).sum(0), np.asarray(now.information)
        if not (np.isfinite(slope).all() and np.isfinite(info).all()):
            break
        step = _step(info, slope, may, size)
        expected = float(slope @ step) / 2
        if expected < _ENOUGH:
            return rebuild(flat), now, True
        for k in range(_HALVINGS):
            other = flat + step / 2**k
            found = scores(law, rebuild(other), data)
            if _total(found) > _total(now):
                flat, now = other, found
                break
        else:
            break
    return rebuild(flat), now, False


def starting_point(law: Law, start: Parameters, data: Segments) -> tuple[Scores, Parameters]:
    """A drift from which the search ends at the largest likelihood, not at a stiff one beside it.

    Moments of few, noisy frames can make a drift far too fast for the interval of the frames. The
    likelihood has maxima of their own there, below that of no drift at all: the start is halved
    until it says more than no drift, which is where the search begins if none does.
    """
    still = start._replace(theta=jnp.zeros_like(start.theta))
    none = scores(law, still, data)
    for k in range(_HALVINGS):
        some = start._replace(theta=start.theta / 2**k)
        now = scores(law, some, data)
        if _total(now) > _total(none):
            return now, some
    if _total(none) == -np.inf:
        raise SolveFailed(
            "the filter that takes measurement noise out did not stay finite; take a smaller library "
            "or shorter intervals between frames."
        )
    return none, still


def _total(found: Scores) -> float:
    """log p, −∞ where the drift runs away."""
    value = np.asarray(found.value)
    return float(value.sum()) if np.isfinite(value).all() else -np.inf


def _step(info: np.ndarray, slope: np.ndarray, may: np.ndarray, size: int) -> np.ndarray:
    """Scoring step; logarithms of noise change by 1 at most, and θ by what is best with that."""
    step = np.zeros(len(may))
    step[may] = solve(info[np.ix_(may, may)], slope[may, None])[:, 0]
    # A noise that is not there has neither slope nor information, and must not hold θ back.
    bold = np.abs(step[size:]).max() > 1
    step[size:] = np.clip(step[size:], -1.0, 1.0)
    theta = np.flatnonzero(may[:size])
    if bold and len(theta):
        rest = slope[theta] - info[theta, size:] @ step[size:]
        step[theta] = solve(info[np.ix_(theta, theta)], rest[:, None])[:, 0]
    return step
