"""Means, scales, ranges, counts and the time band of data that are read in parts: two passes."""

from typing import Any, NamedTuple

import numpy as np

from noneq.data.bands import band_of, cells_of
from noneq.data.lazy.ensemble import LazyEnsemble
from noneq.data.scales.normalisation import Location, circles_of
from noneq.data.scales.transforms import forward
from noneq.data.snapshots import Snapshots
from noneq.errors import InvalidInput


_SAMPLE = 200_000
"""States on which cells are cut and quartiles are taken."""


class Measured(NamedTuple):
    """What two passes over all states find; conditions are counted once a state, as in memory they
    are once a sample or trajectory.

    Args:
        times, counts: the times that have states, and how many.
        location: of the transformed coordinates.
        mean, std, low, high: of the coordinates as they are.
        time_band: as `noneq.data.bands.time_band`, with cells cut on a sample.
        conditions: fields of `noneq.data.Summary`.
        sample: up to 200,000 states of all parts.
    """

    times: np.ndarray
    counts: np.ndarray
    location: Location
    mean: np.ndarray
    std: np.ndarray
    low: np.ndarray
    high: np.ndarray
    time_band: float
    conditions: dict[str, Any]
    sample: np.ndarray


class Moments:
    """Count, mean, squared deviations and range of rows that come in parts.

    **Equation**: of two parts, mean = mean₁ + δ n₂/n and M = M₁ + M₂ + δ² n₁n₂/n with
    δ = mean₂ − mean₁, n = n₁ + n₂.

    Source: Chan, Golub & LeVeque, Am. Stat. 37, 242 (1983), eq. 1.3.
    """

    def __init__(self) -> None:
        self.n, self.mean, self.squares = 0, np.zeros(()), np.zeros(())
        self.low, self.high = np.asarray(np.inf), np.asarray(-np.inf)

    def add(self, columns: np.ndarray) -> None:
        """Numbers ``(coordinates, n)`` in float64."""
        count = columns.shape[1]
        mean = columns.mean(1)
        squares = ((columns - mean[:, None]) ** 2).sum(1)
        total, step = self.n + count, mean - self.mean
        self.squares = self.squares + squares + step**2 * (self.n * count / total)
        self.mean = self.mean + step * (count / total)
        self.n = total
        self.low = np.minimum(self.low, columns.min(1))
        self.high = np.maximum(self.high, columns.max(1))

    @property
    def spread(self) -> np.ndarray:
        """Standard deviation."""
        return np.sqrt(self.squares / self.n)


def measured(data: LazyEnsemble) -> Measured:
    """Two passes over the chunks; one where there is a single time and nothing periodic.

    Raises:
        InvalidInput: no state, or states that are not finite or outside the domain.
        DataFileError: a chunk is missing or damaged.
    """
    plain, moved, conditions = Moments(), Moments(), _Conditions(data)
    counts = np.zeros(data.times.size, np.int64)
    periods = circles_of(data.domain, data.event_shape)
    turns, some = np.zeros(len(periods), complex), []
    for i, part in enumerate(data.each()):
        counts += np.bincount(_index(data, part), minlength=counts.size)
        columns = _columns(part.values)
        plain.add(columns)
        if data.transform:
            moved.add(_columns(forward(data.transform, part.values.astype(np.float64), axis=1)))
        turns += [np.exp(2j * np.pi * c / p).mean() * part.n if p else 0 for c, p in zip(
            columns, periods, strict=False)]  # fmt: skip
        conditions.add(part.condition)
        share = min(1.0, _SAMPLE / (data.chunks * data.window_states / data.window_chunks))
        some.append(part.values[np.random.default_rng([0, i]).random(part.n) < share])
    if not plain.n:
        raise InvalidInput(f"{data.path.name} holds no observed state.")
    sample, own = np.concatenate(some), moved if data.transform else plain
    kept = counts > 0
    circles, band = _again(data, sample, periods, turns, kept)
    dtype = np.float64 if data.transform else sample.dtype
    mean, spread = own.mean, own.spread
    if data.scaling == "robust":
        mean, spread = _quartiles(data, sample, mean, spread)
    location = Location(mean, spread, (own.high - own.low).astype(dtype), circles)
    return Measured(
        data.times[kept], counts[kept], location, plain.mean, plain.spread, plain.low, plain.high,
        band, conditions.found(), sample,
    )  # fmt: skip


def _again(
    data: LazyEnsemble,
    sample: np.ndarray,
    periods: list[float],
    turns: np.ndarray,
    kept: np.ndarray,
) -> tuple[dict[int, tuple[float, float, float]], float]:
    """Spreads around the circular means, and the time band."""
    middle = {i: float(np.angle(turns[i])) * p / (2 * np.pi) for i, p in enumerate(periods) if p}
    if not middle and kept.sum() < 2:
        return {}, 0.0
    cells = cells_of(sample)
    away, counts = {i: Moments() for i in middle}, np.zeros(())
    for part in data.each():
        counts = counts + cells.counts(part.values, _index(data, part), data.times.size)
        columns = _columns(part.values) if middle else np.zeros((0, 0))
        for i, mean in middle.items():
            period = periods[i]
            short = columns[i] - mean - period * np.round((columns[i] - mean) / period)
            away[i].add(short[None])
    circles = {
        i: (float(mean + away[i].mean[0]), float(away[i].spread[0]), periods[i])
        for i, mean in middle.items()
    }
    band = band_of(data.times[kept], counts[kept]) if kept.sum() > 1 else 0.0
    return circles, band


def _quartiles(
    data: LazyEnsemble, sample: np.ndarray, mean: np.ndarray, spread: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Median and 0.741 interquartile ranges of the sample."""
    values = sample.astype(np.float64)
    values = forward(data.transform, values, axis=1) if data.transform else values
    low, middle, high = np.quantile(_columns(values), [0.25, 0.5, 0.75], axis=1)
    return middle, np.where(high > low, 0.7413 * (high - low), spread)


def _index(data: LazyEnsemble, part: Snapshots) -> np.ndarray:
    """The place of each state's time among those of all data."""
    return np.searchsorted(data.times, part.times)[part.time_index]


def _columns(values: np.ndarray) -> np.ndarray:
    """States as ``(coordinates, numbers)`` in float64."""
    return np.moveaxis(values, 1, 0).reshape(values.shape[1], -1).astype(np.float64)


class _Conditions:
    """Levels, mean, spread and range of every column of the condition."""

    def __init__(self, data: LazyEnsemble):
        self.moments, self.levels, self.labels = Moments(), [], []
        self.categories = data.labels()["categories"]

    def add(self, condition: np.ndarray | None) -> None:
        """The next rows."""
        if condition is None:
            return
        self.moments.add(condition.T.astype(np.float64))
        whole, width = condition.dtype.kind == "i", condition.shape[1]
        own = self.categories or ((),) * width
        self.labels = [whole or bool(own[i]) for i in range(width)]
        self.levels = self.levels or [np.zeros(0, int)] * width
        for i in np.flatnonzero(self.labels):
            self.levels[i] = np.union1d(self.levels[i], condition[:, i].astype(int))

    def found(self) -> dict[str, tuple]:
        """Fields of `noneq.data.Summary`."""
        if not self.moments.n:
            names = ("levels", "shift", "scale", "low", "high")
            return {f"condition_{name}": () for name in names}
        spread = self.moments.spread
        return {
            "condition_levels": tuple(tuple(map(int, column)) for column in self.levels),
            "condition_shift": tuple(map(float, self.moments.mean)),
            "condition_scale": tuple(map(float, np.where(spread > 0, spread, 1.0))),
            "condition_low": tuple(map(float, self.moments.low)),
            "condition_high": tuple(map(float, self.moments.high)),
        }
