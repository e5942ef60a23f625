"""Exact likelihood of recorded positions, by a Kalman filter over the positions alone."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from noneq.systems.prony import PronyLangevin


_SETTLED = 1e-12
"""Relative change of the filter's covariance from which on its gain is kept."""
_DEFECTIVE = 1e7
"""Condition of the eigenvectors above which the recursion is followed step by step."""
_DIGITS = 6
"""Of an interval: recorded times are even up to these."""


@dataclass(frozen=True)
class Positions:
    """Positions about their mean, ready for the filter.

    Args:
        values: ``(n, T)``.
        seen: ``(n, T)``, where they were observed.
        lags: the different lengths of an interval.
        which: of ``lags``, of every interval, ``(T − 1,)``.
    """

    values: Float[np.ndarray, "n T"]
    seen: Bool[np.ndarray, "n T"]
    lags: Float[np.ndarray, " L"]
    which: Int[np.ndarray, " S"]

    @property
    def count(self) -> int:
        """Observations."""
        return int(self.seen.sum())


def positions(values: np.ndarray, seen: np.ndarray, times: np.ndarray) -> Positions:
    """The positions ``(n, T)`` at ``times``, with the lengths of all intervals."""
    shown = np.asarray([f"{span:.{_DIGITS}g}" for span in np.diff(times)])
    lags, which = np.unique(shown, return_inverse=True)
    return Positions(values, seen, lags.astype(float), which.reshape(-1))


def log_likelihood(system: PronyLangevin, data: Positions, noise: float = 0.0) -> float:
    """log p of all positions under a system, nats.

    **Equation**: F = e^{−A h}, Q = P − F P Fᵀ with the stationary P, exact at any step h; observed is
    x plus an error of standard deviation ``noise``.
    """
    P = system.stationary_covariance()
    steps = []
    for lag in data.lags:
        F = _decay(system, float(lag))
        steps.append((F, P - F @ P @ F.T))
    whole = data.seen.all() and len(data.lags) == 1
    filter_ = _even_filter if whole else _filter
    return filter_(data, P, steps, noise**2)


def _decay(system: PronyLangevin, lag: float) -> np.ndarray:
    from scipy.linalg import expm

    return expm(-system.matrices()[0] * lag)


def _even_filter(data: Positions, P: np.ndarray, steps: list, error: float) -> float:
    """Without gaps, all paths share one covariance; once it has settled, one recursion is left."""
    (F, Q), y = steps[0], np.ascontiguousarray(data.values.T)
    mean, C = np.zeros((y.shape[1], len(P))), P
    squares = logs = 0.0
    for i, row in enumerate(y):
        S = C[0, 0] + error
        if not S > 0:
            return -np.inf
        gain = F @ (C[:, 0] / S)
        new = F @ (C - np.outer(C[:, 0], C[0]) / S) @ F.T + Q
        if np.abs(new - C).max() < _SETTLED * np.abs(C).max():
            e = _innovations(F - np.outer(gain, np.eye(len(P))[0]), gain, mean, y[i:])
            squares += float((e**2).sum()) / S
            logs += np.log(S) * len(e)
            break
        e = row - mean[:, 0]
        squares += float(e @ e) / S
        logs += np.log(S)
        mean, C = mean @ F.T + e[:, None] * gain, (new + new.T) / 2
    return float(-0.5 * (squares + y.shape[1] * logs + y.size * np.log(2 * np.pi)))


def _innovations(G: np.ndarray, gain: np.ndarray, mean: np.ndarray, y: np.ndarray) -> np.ndarray:
    """y_t − m_t[0] of m_{t+1} = G m_t + gain y_t, ``(T, n)``: one scalar filter for each eigenvalue."""
    from scipy.signal import lfilter

    rates, vectors = np.linalg.eig(G)
    if np.linalg.cond(vectors) > _DEFECTIVE:
        found = np.empty_like(y)
        for i, row in enumerate(y):
            found[i] = row - mean[:, 0]
            mean = mean @ G.T + row[:, None] * gain
        return found
    into, begin = np.linalg.solve(vectors, gain), np.linalg.solve(vectors, mean.T)
    expected = np.zeros_like(y)
    for rate, along, weight, first in zip(rates, vectors[0], into, begin, strict=True):
        # What goes in one step before: the start, then the data.
        drive = np.concatenate([first[None], weight * y[:-1]])
        expected += (along * lfilter([1.0], [1.0, -rate], drive, axis=0)).real
    return y - expected


def _filter(data: Positions, P: np.ndarray, steps: list, error: float) -> float:
    """With gaps or uneven steps: a covariance for each path."""
    n = len(data.values)
    mean, C = np.zeros((n, len(P))), np.broadcast_to(P, (n, *P.shape))
    total = 0.0
    for i in range(data.values.shape[1]):
        if i:
            F, Q = steps[data.which[i - 1]]
            mean, C = mean @ F.T, F @ C @ F.T + Q
        S = C[:, 0, 0] + error
        if not (S > 0).all():
            return -np.inf
        seen = data.seen[:, i]
        e = np.where(seen, data.values[:, i] - mean[:, 0], 0.0)
        total -= 0.5 * ((e**2 / S + np.log(2 * np.pi * S)) * seen).sum()
        gain = C[:, :, 0] / S[:, None] * seen[:, None]
        mean = mean + gain * e[:, None]
        C = C - gain[:, :, None] * C[:, None, 0, :]
    return float(total)
