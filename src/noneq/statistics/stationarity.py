"""Whether the law of the paths stays the same over the record."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from noneq.data.ensembles import Trajectories
from noneq.domains import periods_of


_ROWS = 4_000_000
_AT_ONCE = 2**18
"""Numbers in memory at a time."""
_FEWEST = 16


def stationarity_z(trajectories: Trajectories, blocks: int = 64) -> np.ndarray:
    """Change of mean and spread of every coordinate between the two halves, in standard errors.

    **Equation**: z = (⟨g⟩_late − ⟨g⟩_early)/s.e. for g = x and (x − ⟨x⟩)², or cos θ and sin θ of a
    periodic coordinate. With at least 16 paths the error is that over paths; of fewer paths each half
    is cut into stretches, whose number is halved until neighbours no longer agree with each other.

    Args:
        trajectories: ``(n, T, dim)``, read in parts; of more than a few million numbers only every
            k-th frame counts.
        blocks: stretches of the whole record at first.

    Returns:
        ``(2, dim)``; zeros where the record is too short to tell.
    """
    n, frames = trajectories.values.shape[:2]
    dim = int(np.prod(trajectories.event_shape))
    every = max(1, n * frames * dim // _ROWS)
    if frames // every < 8:
        every = max(1, frames // 8)
    record = _Thinned(
        trajectories.values[:, ::every].reshape(n, -1, dim),
        trajectories.observed[:, ::every],
        periods_of(trajectories.domain, trajectories.event_shape).ravel(),
    )
    half = record.values.shape[1] // 2
    if half < 2:
        return np.zeros((2, dim))
    centre = record.mean()
    if n >= _FEWEST:
        change = record.means(centre, half, None) - record.means(centre, 0, half)
        usable = np.isfinite(change).all((0, 2))
        if usable.sum() < _FEWEST:
            return np.zeros((2, dim))
        change = change[:, usable]
        return change.mean(1) / np.maximum(change.std(1, ddof=1) / np.sqrt(change.shape[1]), 1e-300)
    return _few_paths(record, centre, half, max(4, blocks // (2 * n)))


@dataclass(frozen=True)
class _Thinned:
    """Every k-th frame of the paths, which may lie in a file, and which of them were seen."""

    values: Float[np.ndarray, "n T dim"]
    seen: Bool[np.ndarray, "n T"]
    periods: Float[np.ndarray, " dim"]

    def mean(self) -> Float[np.ndarray, " dim"]:
        """Over all frames that were seen."""
        total = np.zeros(len(self.periods))
        for part in self._groups():
            total += np.asarray(self.values[part], np.float64)[self.seen[part]].sum(0)
        return total / max(self.seen.sum(), 1)

    def means(
        self, centre: Float[np.ndarray, " dim"], low: int, high: int | None
    ) -> Float[np.ndarray, "2 n dim"]:
        """⟨g⟩ over the frames low … high − 1 of each path; NaN where none is seen."""
        circle = self.periods > 0
        turn = 2 * np.pi / np.where(circle, self.periods, 1.0)
        found = np.zeros((2, *self.values.shape[::2]))
        for part in self._groups():
            x = np.asarray(self.values[part, low:high], np.float64)
            weight = self.seen[part, low:high].astype(np.float64)
            away = x - centre
            for i, (line, angle) in enumerate(((away, np.cos), (away**2, np.sin))):
                line[..., circle] = angle(turn[circle] * x[..., circle])
                found[i, part] = np.einsum("ntd,nt->nd", line, weight)
        total = self.seen[:, low:high].sum(1)[:, None]
        return np.where(total > 0, found / np.maximum(total, 1), np.nan)

    def _groups(self) -> list[slice]:
        """Paths that are read together."""
        n, frames, dim = self.values.shape
        many = max(1, _AT_ONCE // (frames * dim))
        return [slice(first, first + many) for first in range(0, n, many)]


def _few_paths(record: _Thinned, centre: np.ndarray, half: int, cuts: int) -> np.ndarray:
    """z of the halves with the error over stretches; the largest error over their lengths counts."""
    dim = len(centre)
    early, late = (0, half), (half, 2 * half)
    lowest = np.full((2, dim), np.inf)
    while cuts >= 4:
        both = []
        for low, high in (early, late):
            edges = np.linspace(low, high, cuts + 1).astype(int)
            pairs = zip(edges[:-1], edges[1:], strict=True)
            means = np.concatenate([record.means(centre, int(a), int(b)) for a, b in pairs], 1)
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
