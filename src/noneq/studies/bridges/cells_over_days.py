"""Real single cells: one day is left out, and predicted from the others."""

from pathlib import Path
from typing import Any

import jax
import numpy as np

from noneq._typing import Key
from noneq.data.ensembles import Snapshots
from noneq.data.files import read
from noneq.metrics import energy_distance, w1
from noneq.studies.bridges.problem import AbstractProblem, Score


class CellsProblem(AbstractProblem):
    """A day of the CITE-seq cells, held out: ``w1`` and ``energy_distance`` with all its cells.

    Args:
        file: npz with one array (cells, 50) a day.
        day: the one left out.
        components: leading coordinates.
        whiten: unit variance of every component, over all days.
        max_n: most cells of either side of ``w1``.

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
        scores = []
        for name, metric in {"w1": _w1(self.max_n), "energy_distance": energy_distance}.items():
            # The floor is that of two halves of the day.
            found = metric(made, truth, key=metric_key)
            floor = None if found.floor is None else float(found.floor)
            scores.append(Score(name, float(found.value), float(found.stderr), floor))
        return scores


def _w1(most: int) -> Any:
    return lambda a, b, key: w1(a, b, max_n=most, key=key)
