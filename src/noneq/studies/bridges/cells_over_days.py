"""Real single cells: one day is left out, and predicted from the others."""

from pathlib import Path
from typing import Any

import jax
import numpy as np

from noneq._typing import Key
from noneq.data.ensembles import Snapshots
from noneq.data.files import read
from noneq.statistics.assignment import assignment
from noneq.studies.bridges.problem import AbstractProblem, Score


class CellsProblem(AbstractProblem):
    """A day of the CITE-seq cells, held out: ``w1`` and ``energy_distance`` with all its cells.

    Args:
        file: npz with one array (cells, 50) a day.
        day: the one left out.
        components: leading coordinates.
        whiten: unit variance of every component, over all days.
        max_n: most cells of either side of ``w1``.

    The floors are those of two halves of the day.

    Source: Lance et al. 2022 (data); Tong et al. 2024, section 5 (protocol).
    """

    file: str
    day: float = 3.0
    components: int = 5
    whiten: bool = True
    max_n: int = 10_000

    @property
    def case(self) -> str:
        """Components and day."""
        return f"cite{self.components}:day={self.day:g}"

    def whole(self) -> Snapshots:
        """All days."""
        data = read(Path(self.file)).snapshots()
        values = np.asarray(data.values[:, : self.components], np.float64)
        if self.whiten:
            values = (values - values.mean(0)) / values.std(0)
        frames = [values[data.time_index == i].astype(np.float32) for i in range(data.times.size)]
        return Snapshots.from_frames(frames, data.times, time_unit=data.time_unit)

    def draw(self, key: Key) -> Snapshots:
        return self.whole().hold_out([self.day])[0]

    def scores(self, model: Any, key: Key) -> list[Score]:
        truth = self.whole().hold_out([self.day])[1].values
        sample_key, metric_key = jax.random.split(key)
        made = np.asarray(model.sample(len(truth), time=self.day, key=sample_key))
        halves = np.array_split(np.asarray(jax.random.permutation(metric_key, truth)), 2)
        size = min(len(truth), self.max_n)
        apart, error = _w1(made[:size], truth[:size])
        energy, energy_error = _energy(made, truth)
        return [
            Score("w1", apart, error, _w1(*halves)[0]),
            Score("energy_distance", energy, energy_error, _energy(*halves)[0]),
        ]


def _w1(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """W1 of equal numbers of points, and the error of the mean over the best pairs."""
    n = min(len(x), len(y))
    costs = _distances(x[:n], y[:n])
    best = costs[np.arange(n), assignment(costs)]
    return float(best.mean()), float(best.std(ddof=1) / n**0.5)


def _energy(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """2 E|X − Y| − E|X − X'| − E|Y − Y'| without bias, and the error by the means of its rows."""
    n, m = len(x), len(y)
    across, inside, other = _distances(x, y), _distances(x, x), _distances(y, y)
    xy, yx = across.mean(1), across.mean(0)
    xx, yy = inside.sum(1) / (n - 1), other.sum(1) / (m - 1)
    error = 2 * np.sqrt((xy - xx).var(ddof=1) / n + (yx - yy).var(ddof=1) / m)
    return float(2 * xy.mean() - xx.mean() - yy.mean()), float(error)


def _distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    from scipy.spatial.distance import cdist

    return np.asarray(cdist(x, y))
