"""Adaptive multilevel splitting: the probability of what direct simulation hardly ever shows."""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from noneq._typing import Key, Numbers
from noneq.errors import InvalidInput
from noneq.inference.rare.outcome import RareEvent, mean_of_repeats
from noneq.inference.rare.populations.climbs import Points
from noneq.inference.rare.populations.ladders import Ladders
from noneq.inference.rare.populations.population import Expedition, expedition, keys_of
from noneq.inference.rare.populations.retraced import retraced
from noneq.inference.rare.populations.saved import Progress
from noneq.inference.rare.sets import SetOf
from noneq.needs import observable


_PERTURBED = (
    "the system has no noise: copies were pushed apart by the perturbation, so that the estimate has a "
    "bias of its size"
)


@observable("values", takes=("key",), number=False)
def splitting(
    system: Any,
    *,
    target: SetOf,
    avoid: SetOf | None = None,
    start: Numbers | None = None,
    score: SetOf | None = None,
    horizon: float | None = None,
    n: int = 200,
    repeats: int = 10,
    share: float = 0.1,
    time: float = 0.0,
    step: float | None = None,
    continuous: bool = True,
    perturbation: float | None = None,
    paths: int = 0,
    state: str | Path | None = None,
    workers: int = 1,
    progress: Callable[..., Any] | None = None,
    key: Key,
) -> RareEvent:
    """Probability that a path reaches the target before the horizon, or before the avoided set.

    **Equation**: M_i is the largest score of path i. Again and again z = the k-th smallest M_i,
    k = max(1, share n); all K paths with M_i ≤ z are killed, and each copies a survivor up to its
    first point with a score above z, from where it goes on with fresh noise. p = Π_j (1 − K_j/n) ·
    (share of paths at the target), unbiased for every score and every n. Var p/p² ≈ −ln p/n for the
    committor as score.

    Between two steps of a diffusion, paths cross a set with the probability of a Brownian bridge:
    P(max ≥ a) = exp(−2 (a − x)(a − y)/(σ²h)).

    Args:
        system: a diffusion, map or jump process; a fitted model with a drift; a `BlackBox`.
        target: set to reach: inequalities as ``"x > 0.9"``, or a function of one state (jax) that is
            positive inside.
        avoid: set where paths end without success.
        start: a state, or states (m, *event_shape) of which each path draws one, or such a set for each
            repeat (repeats, m, *event_shape); None draws the system's own.
        score: how far a path has come: an expression of the coordinates or a function of one state;
            None takes the level of the target (for x > 0.9: x − 0.9).
        horizon: time within which the target must be reached; None waits for target or ``avoid``.
        n: paths of a repeat.
        repeats: independent ones; they make the error bar.
        share: of the paths killed at once; 0 kills the lowest (and its ties) alone.
        time: of the start.
        step: of the simulation; None is the system's own.
        continuous: count crossings between steps, as in continuous time. Maps, jumps and black boxes
            are looked at after each of their steps.
        perturbation: size of a random push at each branching, for a system without noise.
        paths: give so many of the successful paths with all their steps.
        state: file in which a run is kept while it is under way; the same call goes on from there.
        workers: threads that share the repeats. The result does not depend on them, but for a
            `BlackBox`, whose repeats share one generator in each worker.
        progress: called with (done, total, row).
        key: typed random key.

    Raises:
        InvalidInput: no end of paths; sets that are empty, overlap, or hold all starts; a system without
            noise and perturbation; bad numbers.
        MissingTrait: a system without dynamics.
        SolveFailed: a path is not finite, or does not end.

    Source: Cérou, Guyader, Stoch. Anal. Appl. 25, 417 (2007); Bréhier et al., Ann. Appl. Probab. 26,
    3559 (2016).
    """
    _check(n, repeats, share, workers, perturbation)
    trip = expedition(
        system, target=target, avoid=avoid, start=start, score=score, horizon=horizon, time=time,
        step=step, continuous=continuous, key=key,
    )  # fmt: skip
    if trip.noiseless and perturbation is None:
        raise InvalidInput(
            f"{type(trip.system).__name__} has no noise: copies of a path would follow it for ever. Give "
            "perturbation=1e-3, the size of a push at each branching (command line: --perturbation), or a "
            "system with noise."
        )
    kept = Progress(state, (target, avoid, score, horizon, n, repeats, share, time, step), key)
    groups = np.array_split(np.arange(repeats), min(workers, repeats))
    told = _Told(progress, repeats)
    work = lambda i: _Climb(trip, groups[i], n, share, perturbation, key, told).run(kept.part(i))
    if len(groups) == 1:
        done = [work(0)]
    else:
        with ThreadPoolExecutor(len(groups)) as threads:
            done = list(threads.map(work, range(len(groups))))
    kept.close()
    return _gathered(done, trip, n, paths)


class _Told:
    """Progress of all repeats together: how many are done."""

    def __init__(self, show: Callable[..., Any] | None, total: int):
        self.show, self.total, self.done = show, total, 0

    def add(self, count: int, weight: float) -> None:
        self.done += count
        if self.show is not None:
            self.show(self.done, self.total, {"probability of the level": weight})


class _Climb:
    """The repeats of one worker."""

    def __init__(
        self,
        trip: Expedition,
        repeats: np.ndarray,
        n: int,
        share: float,
        perturbation: float | None,
        key: Key,
        told: _Told,
    ):
        self.trip, self.repeats, self.n, self.key, self.told = trip, repeats, n, key, told
        self.kill, self.push = max(1, round(share * n)), perturbation
        self.owner = np.repeat(np.arange(len(repeats)), n)
        count, self.seed = len(repeats), np.asarray(jax.random.key_data(key)).tolist()
        self.round, self.steps = 0, 0
        self.weight, self.open = np.ones(count), np.ones(count, bool)
        self.extinct, self.levels = np.zeros(count, bool), np.zeros((0, 3))

    def run(self, kept: Any) -> "_Climb":
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
            if self.trip.noiseless and self.push is not None:
                now = _pushed(now, self.push, self.trip)
        records = self.trip.climb(now)
        self.steps += records.steps
        self.ladders.extend(rows, records)


def _pushed(now: Points, size: float, trip: Expedition) -> Points:
    """States moved by a random push, projected into the domain."""
    rng = np.random.default_rng(now.key.ravel())
    moved = now.state + size * rng.normal(size=now.state.shape)
    held = jnp.asarray(moved.astype(now.state.dtype))
    moved = np.asarray(jax.vmap(trip.system.domain.project)(held))
    return Points(now.step, now.time, moved, now.score, now.key)


def _check(n: int, repeats: int, share: float, workers: int, perturbation: float | None) -> None:
    for name, value, least in (("n", n, 2), ("repeats", repeats, 2), ("workers", workers, 1)):
        if value < least:
            raise InvalidInput(f"splitting: {name} = {value}; expected at least {least}.")
    if not 0 <= share < 1:
        raise InvalidInput(f"splitting: share = {share}; expected 0 to below 1, such as 0.1.")
    if perturbation is not None and not 0 < perturbation < math.inf:
        raise InvalidInput(f"splitting: perturbation = {perturbation}; it must be > 0.")


def _gathered(done: list[_Climb], trip: Expedition, n: int, paths: int) -> RareEvent:
    there = [np.isposinf(one.ladders.best).reshape(-1, n) for one in done]
    values = np.concatenate([
        np.where(one.extinct, 0.0, one.weight * at.mean(1)) for one, at in zip(done, there, strict=True)
    ])  # fmt: skip
    extinct = np.concatenate([one.extinct for one in done])
    reached = np.concatenate([one.weight for one in done])
    notes = (_PERTURBED,) if trip.noiseless else ()
    found, upper = mean_of_repeats(values, extinct, reached, n, method="splitting", notes=notes)
    levels, kept = [], []
    for one, at in zip(done, there, strict=True):
        levels += [one.levels[one.levels[:, 0] == r, 1:] for r in range(len(one.repeats))]
        for row in np.flatnonzero(at.ravel())[:: max(1, int(at.sum()) // max(paths, 1))]:
            kept.append(one.ladders.points[row, : one.ladders.count[row]])
    steps = sum(one.steps for one in done)
    drawn = retraced(
        trip.climb, kept[:: max(1, len(kept) // max(paths, 1))][:paths], trip.noiseless
    )
    return RareEvent(found, values, extinct, upper, tuple(levels), drawn, steps)
