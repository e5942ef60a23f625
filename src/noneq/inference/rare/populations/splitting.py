"""Adaptive multilevel splitting: the probability of what direct simulation hardly ever shows."""

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from noneq._typing import Key, Numbers
from noneq.errors import InvalidInput
from noneq.inference.rare.black_box import BlackBox
from noneq.inference.rare.outcome import RareEvent, mean_of_repeats
from noneq.inference.rare.populations.climb import Climb
from noneq.inference.rare.populations.population import (
    Expedition,
    expedition,
    refuse_counts,
)
from noneq.inference.rare.populations.program import Program
from noneq.inference.rare.populations.saved import Progress
from noneq.inference.rare.populations.told import Told
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
    _check(n, repeats, share, workers, paths, perturbation)
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
    # Of a simulator of the user's own only the next step is known, in NumPy.
    kind = Climb if isinstance(trip.system, BlackBox) else Program
    told, kill = Told(progress, repeats), max(1, round(share * n))
    work = lambda i: kind(trip, groups[i], n, kill, perturbation, key, told).run(kept.part(i))
    if len(groups) == 1:
        done = [work(0)]
    else:
        with ThreadPoolExecutor(len(groups)) as threads:
            done = list(threads.map(work, range(len(groups))))
    kept.close()
    return _gathered(done, trip, n, paths)


def _check(
    n: int, repeats: int, share: float, workers: int, paths: int, perturbation: float | None
) -> None:
    least = {"n": 2, "repeats": 2, "workers": 1, "paths": 0}
    refuse_counts("splitting", least, n=n, repeats=repeats, workers=workers, paths=paths)
    if not 0 <= share < 1:
        raise InvalidInput(f"splitting: share = {share}; expected 0 to below 1, such as 0.1.")
    if perturbation is not None and not 0 < perturbation < math.inf:
        raise InvalidInput(f"splitting: perturbation = {perturbation}; it must be > 0.")


def _gathered(done: Sequence[Climb | Program], trip: Expedition, n: int, paths: int) -> RareEvent:
    there = [one.there for one in done]
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
        # Some of each worker, so that not all are copies of one.
        few = -(-paths // len(done))
        rows = np.flatnonzero(at.ravel())
        kept += one.paths(rows[:: max(1, len(rows) // max(few, 1))][:few])
    steps, drawn = sum(one.steps for one in done), tuple(kept[:paths])
    return RareEvent(found, values, extinct, upper, tuple(levels), drawn, steps)
