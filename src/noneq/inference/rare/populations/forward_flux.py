"""Forward flux sampling: the rate of transitions, level by level, each from the states of the last."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from noneq._typing import Key
from noneq.errors import InvalidInput
from noneq.inference.rare.outcome import RareEvent, mean_of_repeats
from noneq.inference.rare.populations.climbs import Points
from noneq.inference.rare.populations.departures import (
    TransitionRate,
    departures_of,
    rate_from,
    refuse_no_rate,
)
from noneq.inference.rare.populations.ladders import Ladders
from noneq.inference.rare.populations.population import (
    Expedition,
    expedition,
    keys_of,
    refuse_counts,
)
from noneq.inference.rare.populations.retraced import retraced
from noneq.inference.rare.sets import SetOf
from noneq.needs import observable


_PASSING = 0.3
"""Share of the trials of a level that reach the next one, where levels are not given."""
_MOST = 200


@observable("values", takes=("key",), number=False)
def forward_flux(
    system: Any,
    *,
    origin: SetOf,
    target: SetOf,
    levels: Sequence[float] | np.ndarray | None = None,
    score: SetOf | None = None,
    n: int = 200,
    repeats: int = 10,
    time: float = 0.0,
    step: float | None = None,
    paths: int = 0,
    progress: Callable[..., Any] | None = None,
    key: Key,
) -> TransitionRate:
    """Rate of transitions between two sets of states, through levels of a score that are fixed before.

    **Equation**: k = Φ Π_i P(λ_{i+1} | λ_i): Φ departures from the origin per unit time, and
    P(λ_{i+1} | λ_i) the share of n trials, begun where earlier paths first exceeded λ_i, that exceed
    λ_{i+1} before they are back in the origin; the last level is the target. The mean over repeats
    is right for any levels and any score; sets are looked at after each step.

    Args:
        system: a diffusion, a map, or a fitted model with a drift.
        origin, target: sets, as in `splitting`.
        levels: of the score, increasing, below the target. None: those that three in ten trials of a
            run before pass.
        score: as in `splitting`; None is the level of the target, 0 on its border.
        n: trials at each level.
        repeats: independent ones, with departures of their own; they make the error bar.
        time: of the start, for systems that follow time.
        step: of the simulation; None is the system's own.
        paths: give so many of the successful paths with all their steps.
        progress: called with (done, total, row), levels.
        key: typed random key.

    Raises:
        InvalidInput: levels that do not increase; what `transition_rate` refuses.
        SolveFailed: a state is not finite, or a path does not end.

    Source: Allen, Warren, ten Wolde, Phys. Rev. Lett. 94, 018104 (2005); Allen, Frenkel, ten Wolde,
    J. Chem. Phys. 124, 024102 (2006).
    """
    least = {"n": 2, "repeats": 2, "paths": 0}
    refuse_counts("forward_flux", least, n=n, repeats=repeats, paths=paths)
    given = None if levels is None else np.asarray(levels, np.float64)
    if given is not None and (
        given.ndim != 1 or not np.isfinite(given).all() or (np.diff(given) <= 0).any()
    ):
        raise InvalidInput(
            "forward_flux: levels must be increasing numbers, such as [-1.5, -1, -0.5]."
        )
    system, inside, aim = refuse_no_rate(
        system, origin, target, time=time, step=step, key=key, caller="forward_flux"
    )
    flux, pool = departures_of(system, inside, aim, repeats, time, step, key)
    trip = expedition(
        system, target=target, avoid=origin, start=pool, score=score, horizon=None, time=time,
        step=step, continuous=False, key=key,
    )  # fmt: skip
    if given is None:
        given = _levels(_Trials(trip, n, 1, jax.random.fold_in(key, 2)))
    trials = _Trials(trip, n, repeats, jax.random.fold_in(key, 1))
    for i, level in enumerate(given):
        trials.pass_level(float(level))
        if progress is not None:
            progress(i + 1, len(given), {"probability of the level": float(trials.weight.mean())})
    return rate_from(flux, _gathered(trials, given, paths))


class _Trials:
    """The paths of all repeats, n each."""

    def __init__(self, trip: Expedition, n: int, repeats: int, key: Key):
        self.trip, self.n, self.key = trip, n, key
        self.owner, self.slot = np.repeat(np.arange(repeats), n), np.tile(np.arange(n), repeats)
        self.seed = np.asarray(jax.random.key_data(key)).tolist()
        self.weight, self.extinct = np.ones(repeats), np.zeros(repeats, bool)
        self.stage, self.steps = 0, 0
        self.passed: list[np.ndarray] = []
        keys = keys_of(key, 0, self.owner, self.slot)
        starts = trip.begin(keys, self.owner)
        self.ladders = Ladders.at(starts)
        rows = np.flatnonzero(np.isfinite(starts.score))
        self._follow(rows, keys[rows])

    @property
    def best(self) -> np.ndarray:
        """Highest score of each path, (repeats, n)."""
        return self.ladders.best.reshape(-1, self.n)

    def pass_level(self, level: float) -> None:
        """Count who exceeded the level, and begin all trials anew where these first did."""
        self.stage += 1
        above = self.best > level
        share = above.mean(1)
        self.extinct |= share == 0
        self.weight = np.where(self.extinct, self.weight, self.weight * share)
        self.passed.append(np.where(self.extinct, np.nan, self.weight))
        child, parent = [], []
        for r in np.flatnonzero(~self.extinct):
            rng = np.random.default_rng([*self.seed, int(r), self.stage])
            child.append(r * self.n + np.arange(self.n))
            parent.append(r * self.n + rng.choice(np.flatnonzero(above[r]), self.n))
        if not child:
            return
        rows = np.concatenate(child)
        self.ladders.take(rows, np.concatenate(parent), np.full(len(rows), level))
        rows = rows[np.isfinite(self.ladders.best[rows])]
        self._follow(rows, keys_of(self.key, self.stage, self.owner[rows], self.slot[rows]))

    def _follow(self, rows: np.ndarray, keys: np.ndarray) -> None:
        now = self.ladders.last[rows]
        records = self.trip.climb(Points(now.step, now.time, now.state, now.score, keys))
        self.steps += records.steps
        self.ladders.extend(rows, records)


def _levels(trials: _Trials) -> np.ndarray:
    """Levels that `_PASSING` of the trials of one repeat pass, up to the target."""
    found: list[float] = []
    while np.isposinf(trials.best).mean() < _PASSING and len(found) < _MOST:
        level = float(np.quantile(trials.best, 1 - _PASSING, method="lower"))
        if not np.isfinite(level) or (found and level <= found[-1]):
            break
        found.append(level)
        trials.pass_level(level)
        if trials.extinct.all():
            break
    return np.asarray(found)


def _gathered(trials: _Trials, levels: np.ndarray, paths: int) -> RareEvent:
    there = np.isposinf(trials.best)
    values = np.where(trials.extinct, 0.0, trials.weight * there.mean(1))
    estimate, upper = mean_of_repeats(
        values, values == 0, trials.weight, trials.n, method="forward_flux"
    )
    reached = np.asarray(trials.passed).reshape(len(levels), len(values)).T
    steps = tuple(np.stack([levels, one], 1)[np.isfinite(one)] for one in reached)
    rows = np.flatnonzero(there.ravel())
    chosen = rows[:: max(1, len(rows) // max(paths, 1))][:paths]
    kept = [trials.ladders.points[row, : trials.ladders.count[row]] for row in chosen]
    drawn = retraced(trials.trip.climb, kept, trials.trip.noiseless)
    return RareEvent(estimate, values, values == 0, upper, steps, drawn, trials.steps)
