"""Whether the law of the paths stays the same over the record."""

import numpy as np

from noneq.data.ensembles import Trajectories
from noneq.domains import periods_of


_ROWS = 4_000_000
_FEWEST = 16


def stationarity_z(trajectories: Trajectories, blocks: int = 64) -> np.ndarray:
    """Change of mean and spread of every coordinate between the two halves, in standard errors.

    **Equation**: z = (⟨g⟩_late − ⟨g⟩_early)/s.e. for g = x and (x − ⟨x⟩)², or cos θ and sin θ of a
    periodic coordinate. With at least 16 paths the error is that over paths; of fewer paths each half
    is cut into stretches, whose number is halved until neighbours no longer agree with each other.

    Args:
        trajectories: ``(n, T, dim)``; of more than a few million numbers only every k-th frame counts.
        blocks: stretches of the whole record at first.

    Returns:
        ``(2, dim)``; zeros where the record is too short to tell.
    """
    n, frames = trajectories.values.shape[:2]
    dim = int(np.prod(trajectories.event_shape))
    every = max(1, n * frames * dim // _ROWS)
    if frames // every < 8:
        every = max(1, frames // 8)
    values = np.asarray(trajectories.values[:, ::every], np.float64).reshape(n, -1, dim)
    seen = trajectories.observed[:, ::every]
    half = values.shape[1] // 2
    if half < 2:
        return np.zeros((2, dim))
    angle = 2 * np.pi * values / np.where(_periods(trajectories) > 0, _periods(trajectories), 1.0)
    centred = values - values[seen].mean(0)
    free = _periods(trajectories) == 0
    features = np.stack(
        [np.where(free, centred, np.cos(angle)), np.where(free, centred**2, np.sin(angle))]
    )
    if n >= _FEWEST:
        late, early = _means(features, seen, half, None), _means(features, seen, 0, half)
        change = late - early
        usable = np.isfinite(change).all((0, 2))
        if usable.sum() < _FEWEST:
            return np.zeros((2, dim))
        change = change[:, usable]
        return change.mean(1) / np.maximum(change.std(1, ddof=1) / np.sqrt(change.shape[1]), 1e-300)
    return _few_paths(features, seen, half, max(4, blocks // (2 * n)))


def _few_paths(features: np.ndarray, seen: np.ndarray, half: int, cuts: int) -> np.ndarray:
    """z of the halves with the error over stretches; the largest error over their lengths counts."""
    dim = features.shape[-1]
    early, late = (0, half), (half, 2 * half)
    lowest = np.full((2, dim), np.inf)
    while cuts >= 4:
        both = []
        for low, high in (early, late):
            edges = np.linspace(low, high, cuts + 1).astype(int)
            pairs = zip(edges[:-1], edges[1:], strict=True)
            means = np.concatenate([_means(features, seen, int(a), int(b)) for a, b in pairs], 1)
            kept = means[:, np.isfinite(means).all((0, 2))]
            if kept.shape[1] < 4:
                return np.zeros((2, dim))
            both.append((kept.mean(1), kept.var(1, ddof=1) / kept.shape[1], kept.shape[1]))
        (a, var_a, _), (b, var_b, count) = both
        z = (b - a) / np.sqrt(np.maximum(var_a + var_b, 1e-300))
        # Few stretches make heavy tails: a t value as the normal one of the same probability.
        z = np.sign(z) * np.sqrt(2 * (count - 1) * np.log1p(z**2 / (2 * (count - 1))))
        lowest = np.where(np.abs(z) < np.abs(lowest), z, lowest)
        cuts //= 2
    return lowest


def _means(features: np.ndarray, seen: np.ndarray, low: int, high: int | None) -> np.ndarray:
    """Means over the frames low … high − 1 of each path, ``(2, n, dim)``; NaN where none is seen."""
    weight = seen[:, low:high, None].astype(float)
    total = weight.sum(1)
    summed = (features[:, :, low:high] * weight).sum(2)
    return np.where(total > 0, summed / np.maximum(total, 1), np.nan)


def _periods(trajectories: Trajectories) -> np.ndarray:
    return periods_of(trajectories.domain, trajectories.event_shape).ravel()
