"""Weighted ensemble: walkers with weights, as many in each bin of a score, however rare the bin is."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from noneq._typing import Key, Numbers
from noneq.errors import InvalidInput, SolveFailed
from noneq.inference.rare.black_box import BlackBox
from noneq.inference.rare.motion import AbstractMotion
from noneq.inference.rare.outcome import RareEvent, mean_of_repeats
from noneq.inference.rare.populations.climbs import Climbers, noise_of
from noneq.inference.rare.populations.population import expedition, keys_of, refuse_counts
from noneq.inference.rare.populations.splitting import splitting
from noneq.inference.rare.sets import SetOf
from noneq.needs import observable


_BEFORE = 100
"""Paths of the splitting that finds levels."""


@observable("values", takes=("key",), number=False)
def weighted_ensemble(
    system: Any,
    *,
    target: SetOf,
    horizon: float,
    levels: Sequence[float] | np.ndarray | None = None,
    score: SetOf | None = None,
    avoid: SetOf | None = None,
    start: Numbers | None = None,
    each: int | None = None,
    n: int = 200,
    rounds: int = 50,
    repeats: int = 10,
    time: float = 0.0,
    step: float | None = None,
    continuous: bool = True,
    key: Key,
) -> RareEvent:
    """Probability to reach the target before the horizon, by walkers that split and merge in bins.

    **Equation**: p = Σ w_i over walkers that reach the target. The horizon is cut into ``rounds``; after
    each, a bin that holds any walkers gets ``each`` of them, drawn from its walkers in proportion to
    their weights (systematic resampling), which share the weight of the bin equally. Means of all
    weighted sums are kept, so that p is unbiased for every choice of bins.

    Args:
        system: a diffusion, a map, or a fitted model with a drift.
        target, score, avoid, start, time, step, continuous: as in `splitting`.
        horizon: time within which the target must be reached.
        levels: edges of the bins of the score, increasing. None: where a short splitting before loses
            half of its weight, again and again.
        each: walkers of a bin; None shares ``n`` among the bins, at least two a bin.
        n: walkers of a repeat, where ``each`` is not given.
        rounds: of resampling.
        repeats: independent ones.
        key: typed random key.

    Raises:
        InvalidInput: levels that do not increase, a `BlackBox`, a system without noise, and what
            `splitting` refuses.
        SolveFailed: a state is not finite.

    Source: Huber, Kim, Biophys. J. 70, 97 (1996); Zhang, Jasnow, Zuckerman, J. Chem. Phys. 132, 054107
    (2010).
    """
    least = {"each": 2, "n": 2, "rounds": 1, "repeats": 2}
    own = {} if each is None else {"each": each}
    refuse_counts("weighted_ensemble", least, n=n, rounds=rounds, repeats=repeats, **own)
    trip = expedition(
        system, target=target, avoid=avoid, start=start, score=score, horizon=horizon, time=time,
        step=step, continuous=continuous, key=key,
    )  # fmt: skip
    if isinstance(trip.system, BlackBox) or not isinstance(trip.climb, Climbers):
        raise InvalidInput("weighted_ensemble: a BlackBox is for splitting(…).")
    if trip.noiseless:
        raise InvalidInput(
            f"weighted_ensemble: {type(trip.system).__name__} has no noise, so that copies stay together; "
            "give splitting a perturbation (command line: --perturbation), or a system with noise."
        )
    if levels is None:
        before = splitting(
            trip.system, target=target, avoid=avoid, start=start, score=score, horizon=horizon, time=time,
            step=step, continuous=continuous, n=_BEFORE, repeats=2, key=jax.random.fold_in(key, 1),
        )  # fmt: skip
        edges = _halving(before)
    else:
        edges = np.asarray(levels, np.float64)
    if (
        edges.ndim != 1
        or not len(edges)
        or not np.isfinite(edges).all()
        or (np.diff(edges) <= 0).any()
    ):
        raise InvalidInput(
            "weighted_ensemble: levels must be increasing numbers, such as [-2, -1]."
        )
    bins = len(edges) + 1
    each = max(2, n // bins) if each is None else each
    size = each * bins
    slot, owner = np.tile(np.arange(size), repeats), np.repeat(np.arange(repeats), size)
    keys = keys_of(key, 0, owner, slot)
    starts = trip.begin(keys, owner)
    found, steps = _ensemble(
        trip.climb.motion, trip.quest, jnp.asarray(edges, jnp.float32), jnp.asarray(starts.state),
        jnp.asarray(keys), (repeats, size, each, rounds), float(horizon), float(time),
    )  # fmt: skip
    values, empty = np.asarray(found[0], np.float64), np.asarray(found[1])
    if not np.isfinite(values).all():
        raise SolveFailed("weighted_ensemble: a state is not finite; take shorter steps (step=).")
    estimate, upper = mean_of_repeats(values, values == 0, empty, size, method="weighted_ensemble")
    return RareEvent(estimate, values, values == 0, upper, steps=int(steps))


def _halving(before: RareEvent) -> np.ndarray:
    """Levels of the repeat that came furthest, each with half the probability of the last."""
    level, weight = max(before.levels, key=len).T
    kept: list[int] = []
    for i in np.flatnonzero(np.isfinite(level)):
        if not kept or (weight[i] <= weight[kept[-1]] / 2 and level[i] > level[kept[-1]]):
            kept.append(int(i))
    return level[kept] if kept else np.zeros(1)


@eqx.filter_jit
def _ensemble(
    motion: AbstractMotion,
    quest: Any,
    edges: Array,
    states: Array,
    keys: Array,
    sizes: tuple[int, int, int, int],
    horizon: float,
    start: float,
) -> tuple[tuple[Array, Array], Array]:
    """Weight that arrived, and the weight of the highest bin that was reached, of each repeat."""
    repeats, size, each, rounds = sizes
    own = jax.random.wrap_key_data(keys)
    length = motion.kick(jnp.asarray(start), states[0])[1]
    total = round(horizon / length)
    n = repeats * size
    event = (1,) * (states.ndim - 1)
    bins = len(edges) + 1
    place = jax.vmap(lambda x: jnp.searchsorted(edges, quest.score(x)))

    def one(k, carry):
        t, x, w, alive, arrived = carry

        def step(t, x, key):
            noise, e, other = noise_of(motion, key, k, x)
            after, y = motion.step(t, k, x, noise, other)
            kick, h = motion.kick(t, x)
            _, hit, lost = quest.judge(x, y, kick, h, e)
            return after, y, hit, lost

        after, y, hit, lost = jax.vmap(step)(t, x, own)
        hit, lost = hit & alive, lost & alive
        arrived = arrived + jnp.where(hit, w, 0.0).reshape(repeats, size).sum(1)
        alive = alive & ~hit & ~lost
        return after, jnp.where(alive.reshape(-1, *event), y, x), w, alive, arrived

    def resampled(x, w, alive, key):
        """Each bin of each repeat gets its share of slots; empty bins leave theirs with weight 0."""
        w = jnp.where(alive, w, 0.0)

        def of_repeat(x, w, key):
            b = place(x)

            def of_bin(i, key):
                mine = jnp.where(b == i, w, 0.0)
                whole = jnp.sum(mine)
                edge = jnp.cumsum(mine) / jnp.where(whole > 0, whole, 1.0)
                at = (jnp.arange(each) + jax.random.uniform(key)) / each
                chosen = jnp.minimum(jnp.searchsorted(edge, at), size - 1)
                return chosen, jnp.full(each, whole / each)

            chosen, weight = jax.vmap(of_bin)(jnp.arange(bins), jax.random.split(key, bins))
            return x[chosen.reshape(-1)], weight.reshape(-1)

        shaped = x.reshape(repeats, size, *x.shape[1:]), w.reshape(repeats, size)
        x, w = jax.vmap(of_repeat)(*shaped, jax.random.split(key, repeats))
        return x.reshape(n, *x.shape[2:]), w.reshape(n)

    def round_(i, carry):
        t, x, w, alive, arrived, top = carry
        x, w = resampled(x, w, alive, jax.random.fold_in(own[0], 2**30 + i))
        alive = w > 0
        held = jnp.where(alive, place(x), -1).reshape(repeats, size)
        best = jnp.where(held == held.max(1, keepdims=True), w.reshape(repeats, size), 0.0).sum(1)
        top = jnp.where(best > 0, jnp.minimum(top, best), top)
        first, last = (i * total) // rounds, ((i + 1) * total) // rounds
        t, x, w, alive, arrived = jax.lax.fori_loop(first, last, one, (t, x, w, alive, arrived))
        return t, x, w, alive, arrived, top

    w = jnp.full(n, 1.0 / size)
    zero = jnp.zeros(repeats)
    carry = (jnp.full(n, start), states, w, jnp.ones(n, bool), zero, zero + 1.0)
    *_, arrived, top = jax.lax.fori_loop(0, rounds, round_, carry)
    return (arrived, top), jnp.asarray(total * n)
