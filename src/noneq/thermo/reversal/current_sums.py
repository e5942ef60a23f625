"""Sums of currents along trajectories, freed of their boundary terms, with a covariance that is right
for correlated data.
"""

from dataclasses import dataclass

import numpy as np

from noneq.data.ensembles import Trajectories
from noneq.statistics.increment_blocks import block_count, increment_blocks
from noneq.thermo.reversal.current_library import Coordinates, Library, library


_SMALL = 0.03
_WINDOWS, _ROWS = 64, 2**15
_LEAST_WINDOWS = 16
_SURE = 3.0


@dataclass(frozen=True)
class CurrentSums:
    """Independent currents of a library, each of unit variance in equilibrium.

    Args:
        sums: (K,) their sums over all pairs; standard normal in equilibrium.
        inflation: variance of these sums over windows of the paths, in units of what independent
            steps would give; 1 if it is not larger.
        pairs: their number N.
        duration: of all pairs together.
        coefficients: (currents + gradients, K) of the library's functions in each of them.
    """

    sums: np.ndarray
    inflation: float
    pairs: int
    duration: float
    coefficients: np.ndarray

    @property
    def statistic(self) -> float:
        """χ² with K degrees of freedom in equilibrium."""
        return float(self.sums @ self.sums) / self.inflation


def current_sums(trajectories: Trajectories, functions: Library) -> CurrentSums:
    """The currents of the library less the gradients nearest to them.

    **Equation**: r = g − β·Δψ with β from least squares over all pairs, S = Σ r, C = Σ r rᵀ, sums
    C^{-1/2} S. If paths look the same backwards, g and Δψ have mean zero, and the normal equations
    ⟨r Δψ⟩ = 0 say ⟨r | x⟩ = 0: r are martingale increments, and C is the variance of S, however
    correlated the states. If β is only near to the best one, or the state is only seen in part, what
    remains has covariances −⟨u, P^k u⟩ ≤ 0 between pairs, so that C is too large and the test
    cautious. Motion with hidden momenta breaks that: the inflation is measured on windows.
    """
    count = len(functions.currents)
    square, total, duration, pairs = 0.0, 0.0, 0.0, 0
    windows = np.zeros((block_count(trajectories, 1, _WINDOWS), count + len(functions.gradients)))
    for window, block in increment_blocks(trajectories, 1, _WINDOWS, _ROWS):
        values = functions.values(block.start, block.end)
        square, total = square + values @ values.T, total + values.sum(1)
        duration, pairs = duration + float(block.dt.sum()), pairs + len(block.dt)
        windows[window] += values.sum(1)
    square, total = np.asarray(square), np.asarray(total)
    gradient = square[count:, count:]
    size = np.sqrt(np.maximum(np.diag(gradient), 1e-300))
    scaled = gradient / np.outer(size, size) + 1e-9 * np.eye(len(size))
    beta = np.linalg.solve(scaled, square[count:, :count] / size[:, None]) / size[:, None]
    project = np.concatenate([np.eye(count), -beta])
    rest = project.T @ square @ project
    own = np.sqrt(np.maximum(np.diag(square)[:count], 1e-300))
    values, vectors = np.linalg.eigh(rest / np.outer(own, own))
    kept = values > _SMALL
    coefficients = project @ ((vectors[:, kept] / np.sqrt(values[kept])) / own[:, None])
    return CurrentSums(
        total @ coefficients,
        _inflation(windows @ coefficients),
        pairs,
        duration,
        coefficients,
    )


def slowest_decay(trajectories: Trajectories, coordinates: Coordinates) -> float:
    """Autocorrelation over one pair of the slowest combination of coordinates, between 0 and 1.

    **Equation**: ρ = 1 − min_a ⟨(a·Δψ)²⟩/(2 Var a·ψ), ψ the coordinates, cosines and sines.
    """
    functions = library(coordinates, 1, gradients=0)
    first = np.flatnonzero(functions.degrees() == 1)
    moved, square, total, count = 0.0, 0.0, 0.0, 0
    for _, block in increment_blocks(trajectories, 1, _WINDOWS, _ROWS):
        before = functions.at(block.start)[first]
        change = functions.at(block.end)[first] - before
        moved, square = moved + change @ change.T, square + before @ before.T
        total, count = total + before.sum(1), count + len(block.dt)
    mean = np.asarray(total) / count
    covariance = np.asarray(square) / count - np.outer(mean, mean)
    scale = np.sqrt(np.maximum(np.diag(covariance), 1e-300))
    values, vectors = np.linalg.eigh(covariance / np.outer(scale, scale))
    kept = values > 1e-6
    axes = vectors[:, kept] / np.sqrt(values[kept]) / scale[:, None]
    return float(np.clip(1 - np.linalg.eigvalsh(axes.T @ moved @ axes)[0] / count / 2, 0.0, 1.0))


def _inflation(windows: np.ndarray) -> float:
    """Largest ratio of the variance over windows of several lengths to one, where it is significant.

    Windows are merged in pairs; of short paths each has its own, and pairs of paths are independent.
    """
    found, size = 1.0, windows.shape[1]
    while len(windows) >= _LEAST_WINDOWS and size:
        centred = windows - windows.mean(0)
        share = np.sum(centred**2, axis=1) * len(windows) ** 2 / (len(windows) - 1) / size
        error = float(share.std(ddof=1)) / np.sqrt(len(windows))
        if share.mean() - _SURE * error > 1:
            found = max(found, float(share.mean()))
        even = windows[: len(windows) // 2 * 2]
        windows = even[::2] + even[1::2]
    return found
