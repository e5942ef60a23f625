"""Time means of the Jensen–Shannon divergence, with errors that know that frames are correlated."""

from typing import Any

import numpy as np

from noneq.domains import AbstractDomain
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.metrics.comparison import pair
from noneq.metrics.divergence import cell_finder


def time_average(
    samples: Any,
    reference: Any,
    truth: Any,
    *,
    bins: int,
    domain: AbstractDomain | None = None,
    groups: int = 20,
) -> tuple[Estimate, Estimate]:
    """Mean over the frames of the Jensen–Shannon divergence, and its excess over the floor.

    Frames of a trajectory are correlated (a particle stays in its well), so the standard error
    is a jackknife over groups of particles, each left out of all frames at once; samples,
    reference and truth in turn. The excess is jackknifed as one number, for the reference is
    shared by both its terms. Close to the floor, where the divergence is quadratic in the
    fluctuations, such an error is up to √2 too large.

    Args:
        samples, reference, truth: `Snapshots` or `Trajectories` with equal counts at all times;
            the floor is the divergence of truth and reference.
        bins, domain: as in `noneq.metrics.jensen_shannon`.
        groups: number of groups.

    Returns:
        (divergence with its floor, excess), scalars in bits.

    Raises:
        InvalidInput: counts that differ between times, or truth and samples of other sizes.
    """
    comparison = pair(samples, reference, truth, domain)
    cells = comparison.map(cell_finder(comparison, bins))
    assert cells.truth is not None
    size = bins ** int(np.prod(comparison.event_shape)) + 1
    ensembles = (cells.samples, cells.reference, cells.truth)
    x, y, z = (_counts(frames, groups, size) for frames in ensembles)
    if x.sum() != z.sum():
        raise InvalidInput("time_average: truth and samples must have as many states.")
    whole = [part.sum(axis=0) for part in (x, y, z)]
    left_out = [part.sum(axis=0) - part for part in (x, y, z)]

    def both(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """(..., 2): time means of value and floor."""
        means = _bits(x, y).mean(-1), _bits(z, y).mean(-1)
        return np.stack(np.broadcast_arrays(*means), axis=-1)

    value, floor = map(np.asarray, both(*whole))
    variance = np.zeros(3)
    for i in range(3):
        parts = [left_out[j] if i == j else whole[j] for j in range(3)]
        pair_of = both(*parts)
        values = np.concatenate([pair_of, pair_of[:, :1] - pair_of[:, 1:]], axis=1)
        variance += (groups - 1) * values.var(axis=0)
    error, floor_error, excess_error = map(np.asarray, np.sqrt(variance))
    n = np.asarray(len(cells.samples[0]))
    divergence = Estimate(
        value,
        error,
        n,
        floor=floor,
        floor_stderr=floor_error,
        floor_kind="truth",
        unit="bit",
    )
    return divergence, Estimate(np.asarray(value - floor), excess_error, n, unit="bit")


def _counts(frames: tuple[np.ndarray, ...], groups: int, size: int) -> np.ndarray:
    """Histogram of each group at each time, ``(groups, times, cells)``; group i mod groups."""
    n = len(frames[0])
    if any(len(frame) != n for frame in frames) or n < groups:
        raise InvalidInput(f"time_average: every time needs the same number of states, ≥ {groups}.")
    cells = np.stack(frames)
    times = np.arange(len(frames))[:, None]
    index = ((np.arange(n) % groups) * len(frames) + times) * size + cells
    counts = np.bincount(index.ravel(), minlength=groups * len(frames) * size)
    return counts.reshape(groups, len(frames), size).astype(np.float64)


def _bits(c: np.ndarray, d: np.ndarray) -> np.ndarray:
    """Jensen–Shannon divergence of histograms over the last axis: H((p+q)/2) − (H(p)+H(q))/2."""
    p, q = (a / a.sum(axis=-1, keepdims=True) for a in (c, d))
    return _entropy((p + q) / 2) - (_entropy(p) + _entropy(q)) / 2


def _entropy(p: np.ndarray) -> np.ndarray:
    return -np.sum(p * np.log2(np.where(p > 0, p, 1.0)), axis=-1)
