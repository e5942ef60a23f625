"""The splitting of a black box: level by level, with the records of its paths in NumPy."""

from typing import Any

import jax
import numpy as np

from noneq._typing import Key
from noneq.inference.rare.populations.climbs import Points
from noneq.inference.rare.populations.ladders import Ladders
from noneq.inference.rare.populations.population import Expedition, keys_of
from noneq.inference.rare.populations.retraced import Path
from noneq.inference.rare.populations.told import Told


_FIELDS = ("round", "steps", "weight", "open", "extinct", "levels")


class Climb:
    """The repeats of one worker; arguments as of `splitting`."""

    def __init__(
        self,
        trip: Expedition,
        repeats: np.ndarray,
        n: int,
        kill: int,
        push: float | None,
        key: Key,
        told: Told,
    ):
        self.trip, self.repeats, self.n, self.key, self.told = trip, repeats, n, key, told
        self.kill, self.push = kill, push
        self.owner = np.repeat(np.arange(len(repeats)), n)
        count, self.seed = len(repeats), np.asarray(jax.random.key_data(key)).tolist()
        self.round, self.steps = 0, 0
        self.weight, self.open = np.ones(count), np.ones(count, bool)
        self.extinct, self.levels = np.zeros(count, bool), np.zeros((0, 3))

    def run(self, kept: Any) -> "Climb":
        """From the start, or from where the file left off, to the end."""
        if not kept.load(self):
            keys = keys_of(
                self.key, 0, self.repeats[self.owner], np.arange(len(self.owner)) % self.n
            )
            starts = self.trip.begin(keys, self.repeats[self.owner])
            self.ladders = Ladders.at(starts)
            self._follow(np.flatnonzero(np.isfinite(starts.score)))
        while self.open.any():
            kept.save(self)
            self._climb()
        kept.save(self, at_once=True)
        return self

    @property
    def there(self) -> np.ndarray:
        """Which paths are in the target, (repeats, n)."""
        return np.isposinf(self.ladders.best).reshape(-1, self.n)

    def paths(self, rows: np.ndarray) -> list[Path]:
        """The records of some paths."""
        points = [self.ladders.points[row, : self.ladders.count[row]] for row in rows]
        return [Path(one.time, one.state) for one in points]

    def held(self) -> dict[str, np.ndarray]:
        """What a file must keep."""
        held = {name: np.asarray(getattr(self, name)) for name in _FIELDS}
        return held | vars(self.ladders.points) | {"count": self.ladders.count}

    def restore(self, held: dict[str, np.ndarray]) -> None:
        """Go on from what a file kept."""
        for name in _FIELDS:
            value = held.pop(name)
            setattr(self, name, value if value.ndim else int(value))
        count = held.pop("count")
        self.ladders = Ladders(Points(**held), count)

    def _climb(self) -> None:
        """One level up in every open repeat."""
        self.round += 1
        best = self.ladders.best.reshape(-1, self.n)
        level = np.sort(best, axis=1)[:, self.kill - 1]
        arrived = self.open & np.isposinf(level)
        killed = (best <= level[:, None]) & (self.open & ~arrived)[:, None]
        gone = killed.all(1)
        count = killed.sum(1)
        for r in np.flatnonzero(count):
            self.levels = np.concatenate([self.levels, [[r, level[r], self.weight[r]]]])
        self.extinct |= gone
        self.weight = np.where(gone, self.weight, self.weight * (1 - count / self.n))
        shut = arrived | gone
        self.open &= ~shut
        self.told.add(int(shut.sum()), float(self.weight.mean()))
        killed &= ~gone[:, None]  # pyright: ignore[reportIndexIssue]
        child = np.flatnonzero(killed.ravel())
        if not len(child):
            return
        self.ladders.take(child, self._parents(killed), np.repeat(level, self.n)[child])
        self._follow(child[np.isfinite(self.ladders.best[child])], fresh=True)

    def _parents(self, killed: np.ndarray) -> np.ndarray:
        """A survivor of the same repeat for each killed path."""
        chosen = []
        for r in np.flatnonzero(killed.any(1)):
            alive = np.flatnonzero(~killed[r])
            rng = np.random.default_rng([*self.seed, int(self.repeats[r]), self.round])
            chosen.append(r * self.n + rng.choice(alive, int(killed[r].sum())))
        return np.concatenate(chosen)

    def _follow(self, rows: np.ndarray, fresh: bool = False) -> None:
        """Let these paths go on from their last record; ``fresh`` gives them keys of this round."""
        now = self.ladders.last[rows]
        if fresh:
            keys = keys_of(self.key, self.round, self.repeats[self.owner[rows]], rows % self.n)
            now = Points(now.step, now.time, now.state, now.score, keys)
        records = self.trip.climb(now)
        self.steps += records.steps
        self.ladders.extend(rows, records)
