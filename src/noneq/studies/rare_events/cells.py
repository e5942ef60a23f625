"""One method put to one rare event, beside the exact probability."""

import time
from typing import Any, Literal

import numpy as np

from noneq._typing import Key
from noneq.estimate import Estimate
from noneq.inference.rare import splitting, weighted_ensemble
from noneq.inference.rare.populations.population import expedition, keys_of
from noneq.runs.rows import Row
from noneq.studies.base import AbstractCell, Outcome
from noneq.studies.rare_events.problems import AbstractEvent


_TOGETHER = 20_000


class EventCell(AbstractCell):
    """A probability by splitting, in continuous time or of a black box, or by direct simulation.

    Args:
        event: what is sought.
        method: ``AMS``: splitting with crossings between steps, against continuous time;
            ``weighted ensemble``: walkers in bins, likewise;
            ``AMS (black box)``: the same of NumPy steps, against the chain of these; ``direct``: n ×
            repeats paths without splitting, against continuous time.
        n: paths of a repeat.
        repeats: independent ones.
    """

    event: AbstractEvent
    method: Literal["AMS", "AMS (black box)", "direct", "weighted ensemble"]
    n: int = 200
    repeats: int = 20
    replicate: int = 0

    @property
    def case(self) -> str:
        """The event."""
        return self.event.case

    @property
    def method_name(self) -> str:
        """AMS, or direct."""
        return self.method

    def __call__(self, key: Key) -> Outcome:
        """Estimate, and compare."""
        began = time.monotonic()
        arrays: dict[str, np.ndarray] = {}
        black = self.method == "AMS (black box)"
        if self.method == "direct":
            found = self._direct(key)
        elif self.method == "weighted ensemble":
            asked = {"step": self.event.steps[0], "n": self.n, "repeats": self.repeats, "key": key}
            found = weighted_ensemble(self.event.system, **self.event.asked, **asked).probability
        else:
            system = self.event.black_box() if black else self.event.system
            step = {} if black else {"step": self.event.steps[0]}
            event = splitting(
                system,
                **self.event.asked,  # pyright: ignore[reportArgumentType]
                **step,
                n=self.n,
                repeats=self.repeats,
                paths=12,
                key=key,
            )
            found = event.probability
            arrays = {"repeats": event.repeats, "levels": event.levels[0]}
            for i, path in enumerate(event.paths):
                arrays |= {f"path{i}": path.states, f"times{i}": path.times}
        seconds = time.monotonic() - began
        target = self.event.exact(self.event.steps[1] if black else None)
        return Outcome(rows_of(self.case, self.method, found, target, seconds), arrays)

    def _direct(self, key: Key) -> Estimate:
        """Share of paths; its error never vanishes, as none of n leaves about 1/n open."""
        more = {"avoid": None, "horizon": None} | self.event.asked
        trip = expedition(
            self.event.system, **more, score=None, time=0.0, step=self.event.steps[0], continuous=True,  # pyright: ignore[reportArgumentType]
            key=key,
        )  # fmt: skip
        total = self.n * self.repeats
        hits = 0
        for i in range(0, total, _TOGETHER):
            slot = np.arange(i, min(total, i + _TOGETHER))
            starts = trip.begin(keys_of(key, 0, np.zeros_like(slot), slot), np.zeros_like(slot))
            hits += int(np.isposinf(trip.climb(starts).points.score).sum())
        middle = (hits + 1) / (total + 2)
        error = np.sqrt(middle * (1 - middle) / total)
        return Estimate(np.asarray(hits / total), np.asarray(error), np.asarray(total))


def rows_of(
    case: str, method: str, found: Any, target: float, seconds: float, metric: str = "probability"
) -> tuple[Row, ...]:
    """The rows of a probability, or of another number, beside its exact value."""
    value, stderr = float(found.value), float(found.stderr)
    return (
        Row(case, method, metric, value, stderr),
        Row(case, method, "exact", target, 0.0),
        Row(case, method, "z", (value - target) / stderr, 1.0),
        Row(case, method, "seconds", seconds, 0.0),
    )
