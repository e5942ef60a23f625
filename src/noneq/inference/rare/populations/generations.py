"""Splitting as one compiled program: blocks of steps, and a kill in every repeat whose paths have ended."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from noneq.inference.rare.motion import AbstractMotion
from noneq.inference.rare.populations.climbs import Quest
from noneq.inference.rare.populations.walkers import Spots, Walkers, block, pushed


class Contest(NamedTuple):
    """All repeats of a splitting.

    Attributes:
        walkers: their paths.
        round: kills so far, (repeats,).
        open: whether a repeat goes on, (repeats,).
        extinct: (repeats,).
        levels: of the kills since the last look: level and number of killed paths, (repeats, room, 2).
        told: how many of these there are, (repeats,).
    """

    walkers: Walkers
    round: Array
    open: Array
    extinct: Array
    levels: Array
    told: Array


class Rules(eqx.Module):
    """What does not change during a splitting.

    Attributes:
        motion, quest: of the paths.
        key: random key.
        repeats: numbers of the repeats.
        n: paths of a repeat.
        kill: of these at once, at least.
        width: paths that go on at once.
        push: of copies without noise.
    """

    motion: AbstractMotion
    quest: Quest
    key: Any
    repeats: Array
    push: Array | None
    n: int = eqx.field(static=True)
    kill: int = eqx.field(static=True)
    width: int = eqx.field(static=True)


@eqx.filter_jit(donate="all-except-first")
def contested(rules: Rules, contest: Contest, rounds: Any) -> Contest:
    """Go on for so many blocks, or until all repeats are done or there is no room left."""

    def going(carry):
        i, now = carry
        room = now.walkers.points.max() < now.walkers.spots.step.shape[1] - 1
        free = now.told.max() < now.levels.shape[1]
        return (i < rounds) & room & free & now.open.any() & ~now.walkers.broken

    def one(carry):
        i, now = carry
        now = jax.lax.while_loop(_ready_any(rules), lambda c: _kill(rules, c), now)
        total = len(now.walkers.points)
        first = (i * rules.width) % total
        walkers = block(rules.motion, rules.quest, now.walkers, first, rules.width, rules.push)
        return i + 1, now._replace(walkers=walkers)

    return jax.lax.while_loop(going, one, (jnp.zeros((), jnp.int32), contest))[1]


def _ready(rules: Rules, now: Contest) -> Array:
    busy = now.walkers.going.reshape(-1, rules.n).any(1)
    return now.open & ~busy & (now.told < now.levels.shape[1])


def _ready_any(rules: Rules) -> Any:
    return lambda now: _ready(rules, now).any()


def _kill(rules: Rules, now: Contest) -> Contest:
    """One level up in the first repeat whose paths have all ended."""
    r = jnp.argmax(_ready(rules, now))
    n, walkers, base = rules.n, now.walkers, r * rules.n
    rows = base + jnp.arange(n)
    best = walkers.spots.score[rows, walkers.points[rows] - 1]
    order = jnp.argsort(best)
    level = best[order[rules.kill - 1]]
    arrived = jnp.isposinf(level)
    killed = jnp.sum(best <= level)
    gone = ~arrived & (killed == n)
    number = now.round[r] + 1
    own = jax.random.fold_in(jax.random.fold_in(rules.key, rules.repeats[r]), number)
    chosen = jnp.floor(jax.random.uniform(own, (n,)) * (n - killed)).astype(jnp.int32)
    parent = order[jnp.minimum(killed + chosen, n - 1)]
    fresh = jax.vmap(lambda i: jax.random.key_data(jax.random.fold_in(own, i)))(jnp.arange(n))
    spare = jnp.concatenate([order, jnp.full(rules.kill, n)])

    def few(carry):
        i, held = carry
        child = jax.lax.dynamic_slice(spare, (i,), (rules.kill,))
        valid = (i + jnp.arange(rules.kill)) < killed
        safe = jnp.minimum(child, n - 1)
        to = jnp.where(valid, base + child, n * len(now.open))
        return i + rules.kill, _copied(rules, held, to, base + parent[safe], level, fresh[safe])

    many = jnp.where(arrived | gone, 0, killed)
    _, walkers = jax.lax.while_loop(lambda c: c[0] < many, few, (jnp.zeros((), jnp.int32), walkers))
    told = jnp.where(arrived, now.levels.shape[1], now.told[r])
    pair = jnp.stack([level, killed.astype(level.dtype)])
    return Contest(
        walkers,
        now.round.at[r].set(number),
        now.open.at[r].set(~(arrived | gone)),
        now.extinct.at[r].set(gone),
        now.levels.at[r, told].set(pair, mode="drop"),
        now.told.at[r].add(~arrived),
    )


def _copied(
    rules: Rules, walkers: Walkers, child: Array, parent: Array, level: Array, fresh: Array
) -> Walkers:
    """Paths become copies of others up to the block in which these first exceed the level."""
    spots = walkers.spots.at(parent)
    known = jnp.arange(spots.step.shape[1])[None] < walkers.points[parent, None]
    below = jnp.sum((spots.score <= level) & known, axis=1)
    # A start above the level is itself the first point.
    own = below == 0
    first = jnp.where(own[:, None], fresh, spots.key[:, 0])
    state = spots.state
    if rules.push is not None:
        moved = jax.vmap(lambda x, k: pushed(rules.motion, x, k, rules.push))(state[:, 0], fresh)
        there = own.reshape(-1, *(1,) * (moved.ndim - 1))
        state = state.at[:, 0].set(jnp.where(there, moved, state[:, 0]))
    spots = spots._replace(key=spots.key.at[:, 0].set(first), state=state)
    count = jnp.maximum(below, 1)
    last = spots.score[jnp.arange(len(count)), count - 1]
    put = lambda held, new: held.at[child].set(new, mode="drop")
    return walkers._replace(
        spots=Spots(*(put(*pair) for pair in zip(walkers.spots, spots, strict=True))),
        points=put(walkers.points, count.astype(walkers.points.dtype)),
        going=put(walkers.going, jnp.isfinite(last)),
        level=put(walkers.level, jnp.where(own, jnp.inf, level)),
        fresh=put(walkers.fresh, fresh),
    )
