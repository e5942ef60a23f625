"""Measures of the designs of `equilibrium_flow`, one number for each run, and their test."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from noneq.data.ensembles import Trajectories
from noneq.inference import (
    Tracks,
    clustering,
    contact_rate,
    mean_squared_displacement,
    polarisation,
)


MEASURES = (
    "polarisation",
    "alignment",
    "clustering",
    "contact_rate",
    "mean_squared_displacement",
)


@dataclass(frozen=True)
class Verdict:
    """A one-sided comparison of runs of the rule with runs of the control.

    Attributes:
        z: Welch's t in the expected direction.
        p: one-sided, corrected for the number of tests (Bonferroni).
    """

    z: float
    p: float


def measured(moving: Trajectories | Tracks, radius: float, late: float) -> dict[str, np.ndarray]:
    """Every measure of every run, NaN where too few particles were seen.

    **Equation**: ``alignment`` is the mean of v̂_i·v̂_j over pairs and frames, (N P² − 1)/(N − 1): 0
    for independent headings whatever N, 1 for a flock. ``mean_squared_displacement`` is that over a
    quarter of the frames.

    Args:
        moving: particles, or blobs of fields.
        radius: of neighbours.
        late: fraction of the frames that is left out at the beginning.
    """
    runs = [_one(moving, i, radius, late) for i in range(_values(moving).shape[0])]
    return {name: np.asarray([run[name] for run in runs]) for name in MEASURES}


def compared(rule: np.ndarray, control: np.ndarray, sign: int, tests: int) -> Verdict:
    """Is the mean of the rule above (sign = 1) or below (−1) that of the control?

    Runs without a number are left out; with fewer than three of either nothing is claimed, p = 1.

    Source: Welch, Biometrika 34, 28 (1947); Bonferroni's correction.
    """
    from scipy import stats

    a, b = rule[np.isfinite(rule)], control[np.isfinite(control)]
    if min(a.size, b.size) < 3:
        return Verdict(0.0, 1.0)
    spread = np.sqrt(a.var(ddof=1) / a.size + b.var(ddof=1) / b.size)
    gap = sign * (a.mean() - b.mean())
    if spread == 0:
        return Verdict(float(np.sign(gap)) * np.inf if gap else 0.0, 0.0 if gap > 0 else 1.0)
    freedom = spread**4 / (
        (a.var(ddof=1) / a.size) ** 2 / (a.size - 1) + (b.var(ddof=1) / b.size) ** 2 / (b.size - 1)
    )
    p = float(stats.t.sf(gap / spread, freedom))
    return Verdict(float(gap / spread), min(1.0, tests * p))


def _values(moving: Trajectories | Tracks) -> np.ndarray:
    return moving.positions if isinstance(moving, Tracks) else moving.values


def _one(moving: Trajectories | Tracks, i: int, radius: float, late: float) -> dict[str, float]:
    first = int(late * len(moving.times))
    if isinstance(moving, Tracks):
        part: Any = Tracks(
            moving.positions[i : i + 1, first:],
            moving.masses[i : i + 1, first:],
            moving.times[first:],
            moving.box,
        )
    else:
        part = Trajectories(
            moving.values[i : i + 1, first:], moving.times[first:], domain=moving.domain
        )
    found: dict[str, float] = dict.fromkeys(MEASURES, np.nan)
    seen = np.isfinite(_values(part)[0, ..., 0])
    if not (seen.sum(1) >= 2).any():
        return found
    with np.errstate(invalid="ignore", divide="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of frames without particles
        order = polarisation(part)
        count = np.where(order.n >= 2, order.n, np.nan)
        pairs = (count * order.value**2 - 1) / (count - 1)
        lag = max(1, (len(part.times) - 1) // 4)
        found["mean_squared_displacement"] = mean_squared_displacement(part, [lag]).value.item()
        found["clustering"] = clustering(part, radius).value.item()
        found["contact_rate"] = contact_rate(part, radius).value.item()
    if np.isfinite(pairs).any():
        found["polarisation"] = float(np.nanmean(np.where(order.n >= 2, order.value, np.nan)))
        found["alignment"] = float(np.nanmean(pairs))
    return found
