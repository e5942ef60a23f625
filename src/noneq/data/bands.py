"""How fast p(x, t) changes: the frequency band that time features must reach."""

from typing import NamedTuple

import numpy as np

from noneq.data.ensembles import Snapshots, Trajectories


_CELLS = 8
"""Cells per axis: coarse enough for many samples in each, fine enough to see a five-fold pattern."""
_POWER = 0.95
_MOST_HARMONICS = 4096


def time_band(data: Snapshots | Trajectories) -> float:
    """Smallest band that holds 95 % of the power above sampling noise of coarse-cell counts.

    **Equation**: with c_j(t) the fraction of samples in cell j at time t, weight w_t of the
    trapezoid rule and a_j(f) = sum_t w_t (c_j(t) − mean_j) e^{−2πift}, P(f) = sum_j |a_j(f)|²,
    the band is the least F with sum_{f ≤ F} [P − noise] ≥ 0.95 sum_f [P − noise] over
    f = k/T up to the Nyquist frequency of the median interval. The noise is white,
    sum_t w_t² sum_j c_j(1 − c_j)/n_t.

    Cells and not low moments: moments below order 5 cannot see a five-fold pattern turn.

    Args:
        data: snapshots or trajectories; the cells are cut on the two leading principal
            components, 8 × 8 between their 0.5 % and 99.5 % quantiles.

    Returns:
        F per unit of time; one harmonic 1/T at least, and 0 for a single time.

    Source: own construction.
    """
    snapshots = data.snapshots()
    if snapshots.times.size < 2:
        return 0.0
    cell, count = cells_of(snapshots.values), snapshots.times.size
    return band_of(snapshots.times, cell.counts(snapshots.values, snapshots.time_index, count))


def band_of(times: np.ndarray, counts: np.ndarray) -> float:
    """`time_band` of the samples that were counted, ``(T, cells)``."""
    samples = counts.sum(1)
    fractions = counts / samples[:, None]
    span = float(times[-1] - times[0])
    nyquist = 0.5 / float(np.median(np.diff(times)))
    count = int(np.clip(np.floor(nyquist * span * (1 + 1e-9)), 1, _MOST_HARMONICS))
    weights = np.gradient(times) / span
    change = fractions - weights @ fractions / weights.sum()
    # End points of a drifting law leak power into high harmonics; a taper stops that.
    taper = np.sin(np.pi * (np.arange(times.size) + 0.5) / times.size) ** 2
    loads = (weights * taper)[:, None] * change
    harmonics = np.arange(1, count + 1)
    power = _power(loads, (times - times[0]) / span, count)
    noise = np.sum((weights * taper) ** 2 * (fractions * (1 - fractions)).sum(1) / samples)
    if count >= 18:
        # Uneven times scatter the pattern's own power evenly over all harmonics: a floor that
        # the median over nine stretches of the spectrum sees and lines do not move.
        noise = max(noise, float(np.median([part.mean() for part in np.array_split(power, 9)])))
    above = np.cumsum(power - noise)
    # The sum of `count` noisy powers wanders by less than noise·sqrt(count).
    if above.max() <= 3 * noise * np.sqrt(count):
        return 1.0 / span
    return float(harmonics[np.argmax(above >= _POWER * above.max())] / span)


def _power(loads: np.ndarray, phase: np.ndarray, count: int) -> np.ndarray:
    """sum_j |sum_t load_tj e^{−2πik·phase_t}|² for k = 1..count, at uneven times too."""
    last = len(phase) - 1
    if count <= last // 2 and np.allclose(phase * last, np.arange(last + 1), rtol=0, atol=1e-6):
        # Even times: a fast transform, whose period ends where the last time falls on the first.
        period = loads[:-1].copy()
        period[0] += loads[-1]
        return (np.abs(np.fft.rfft(period, axis=0)[1 : count + 1]) ** 2).sum(1)
    power = np.empty(count)
    for start in range(0, count, 256):
        k = np.arange(start + 1, min(start + 256, count) + 1)
        waves = np.exp(-2j * np.pi * k[:, None] * phase)
        power[start : start + k.size] = (np.abs(waves @ loads) ** 2).sum(1)
    return power


class Cells(NamedTuple):
    """8 × 8 cells on the two leading components of normalised states.

    Args:
        mean, scale: (numbers,) of the states.
        axes: (numbers, 2) components; None where there are no more than two numbers.
        edges: lower end and width of the cells' range along each component.
    """

    mean: np.ndarray
    scale: np.ndarray
    axes: np.ndarray | None
    edges: tuple[tuple[float, float], ...]

    def counts(self, values: np.ndarray, time_index: np.ndarray, times: int) -> np.ndarray:
        """(T, cells) samples in each cell at each time."""
        flat = (values.reshape(len(values), -1).astype(np.float64) - self.mean) / self.scale
        flat = flat if self.axes is None else flat @ self.axes
        cell = np.zeros(len(values), np.int64)
        for axis, (low, width) in zip(flat.T, self.edges, strict=True):
            cell = _CELLS * cell + np.clip((axis - low) / width * _CELLS, 0, _CELLS - 1).astype(int)
        cells = _CELLS ** len(self.edges)
        counts = np.bincount(time_index * cells + cell, minlength=times * cells)
        return counts.reshape(times, cells)


def cells_of(values: np.ndarray) -> Cells:
    """The cells that states ``(n, *event_shape)`` fill."""
    flat, n = values.reshape(len(values), -1).astype(np.float64), len(values)
    mean = flat.mean(0)
    flat = flat - mean
    spread = flat.std(0)
    scale, axes = np.where(spread > 0, spread, 1.0), None
    flat = flat / scale
    if flat.shape[1] > 2:
        some = flat[:: max(1, n // 5000)]
        axes = np.linalg.svd(some, full_matrices=False)[2][:2].T
        flat = flat @ axes
    edges = []
    for axis in flat.T:
        low, high = np.quantile(axis[:: max(1, n // 100_000)], [0.005, 0.995])
        edges.append((float(low), float(high - low) if high > low else 1.0))
    return Cells(mean, scale, axes, tuple(edges))
