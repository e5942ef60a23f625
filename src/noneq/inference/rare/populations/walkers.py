"""Many paths in one compiled program, kept as the points where blocks of their steps begin.

The noise of a block is a function of its first point: of the key there and of the number of the step.
So a path needs no other record: whoever copies it up to its first step above a level runs the block that
holds this step once more, and goes on from there under a key of its own.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from noneq.inference.rare.motion import AbstractMotion
from noneq.inference.rare.populations.climbs import Quest
from noneq.inference.rare.populations.counters import exponentials, normals, uniforms


BLOCK = 32
"""Steps of a block."""


class Spots(NamedTuple):
    """Points of paths, one for each of the leading axes.

    Attributes:
        step: steps so far.
        time: of the point.
        state: (…, *event_shape).
        score: largest so far; infinite at the target.
        key: data of the key of the noise that follows, (…, 2).
    """

    step: Any
    time: Any
    state: Any
    score: Any
    key: Any

    def at(self, *index: Any) -> "Spots":
        """Those of an index."""
        return Spots(*(part[index] for part in self))


class Walkers(NamedTuple):
    """Paths of all repeats, those of a repeat side by side.

    Attributes:
        spots: where blocks begin, (paths, room, …); the last one is where the path stands.
        points: spots of each path, in number.
        going: whether a path has neither arrived nor ended.
        level: above which a path leaves the one it copies; ∞ once it has left.
        fresh: data of the key that it takes above this level, (paths, 2).
        steps: simulated.
        broken: whether a state was not finite.
    """

    spots: Spots
    points: Array
    going: Array
    level: Array
    fresh: Array
    steps: Array
    broken: Array


def block(
    motion: AbstractMotion, quest: Quest, walkers: Walkers, first: Array, width: int, push: Any
) -> Walkers:
    """One block of up to ``width`` of the paths that go on, counted from the path ``first``.

    Args:
        push: size of a random push where a path leaves the one it copies; None without.
    """
    total, room = walkers.spots.step.shape
    found = jnp.nonzero(jnp.roll(walkers.going, -first), size=width, fill_value=total)[0]
    live = found < total
    row = (found + first) % total
    last = walkers.points[row] - 1
    begin = walkers.spots.at(row, last)
    level, fresh = walkers.level[row], walkers.fresh[row]
    noise = jax.vmap(lambda key, k: _noise(motion, quest, key, k))(begin.key, begin.step)
    move = jax.vmap(lambda *now: _step(motion, quest, *now))
    wide = (-1, *(1,) * (begin.state.ndim - 1))

    def one(j, now):
        spot, on, going = now
        draws = jax.tree.map(lambda part: part[:, j], noise)
        t, y, score, ends = move(spot.step, spot.time, spot.state, *draws)
        # Where the time is over the step does not happen.
        late = t > quest.end + motion.slack
        there = on & ~late
        best = jnp.where(there & (score > spot.score), score, spot.score)
        going = going & ~(on & (late | ends))
        moved = Spots(
            spot.step + there,
            jnp.where(there, t, spot.time),
            jnp.where(there.reshape(wide), y, spot.state),
            best,
            spot.key,
        )
        return moved, on & going & ~(best > level), going

    after, _, going = jax.lax.fori_loop(0, BLOCK, one, (begin, live, live))
    # Who is above the level of the path that it copies goes on under its own key.
    parts = going & (after.score > level)
    key = jnp.where(parts[:, None], fresh, begin.key)
    state = after.state
    if push is not None:
        moved = jax.vmap(lambda x, k: pushed(motion, x, k, push))(state, fresh)
        state = jnp.where(parts.reshape(wide), moved, state)
    spots = after._replace(key=key, state=state)
    place = jnp.where(live, row, total)
    put = lambda held, new: held.at[place, last + 1].set(new, mode="drop")
    return Walkers(
        Spots(*(put(*pair) for pair in zip(walkers.spots, spots, strict=True))),
        walkers.points.at[place].add(1, mode="drop"),
        walkers.going.at[place].set(going, mode="drop"),
        walkers.level.at[place].set(jnp.where(parts, jnp.inf, level), mode="drop"),
        walkers.fresh,
        walkers.steps + jnp.sum(jnp.where(live, after.step - begin.step, 0)),
        walkers.broken | jnp.any(live & ~jnp.isfinite(state).reshape(width, -1).all(1)),
    )


def pushed(motion: AbstractMotion, x: Array, key: Array, size: Any) -> Array:
    """A state moved by a random push, within the domain."""
    own = jax.random.fold_in(jax.random.wrap_key_data(key), 2**31 - 1)
    return motion.project(x + size * jax.random.normal(own, x.shape, x.dtype))


def block_again(motion: AbstractMotion, quest: Quest, begin: Spots) -> tuple[Array, Array]:
    """Times and states of the steps of one block, (BLOCK, …), as the path took them."""
    noise = _noise(motion, quest, begin.key, begin.step)

    def one(now, draws):
        k, t, x = now
        t, x = motion.step(t, k, x, draws[0], jax.random.wrap_key_data(draws[2]))
        return (k + 1, t, x), (t, x)

    return jax.lax.scan(one, (begin.step, begin.time, begin.state), noise)[1]


def _noise(motion: AbstractMotion, quest: Quest, key: Array, k: Array) -> tuple[Array, Array, Any]:
    """Normal numbers, two exponential ones if they are needed, and a key, for each step of a block."""
    size = int(np.prod(motion.noise)) if motion.noise else 0
    more = 2 if quest.continuous else 0
    u = uniforms(key, k, BLOCK * (size + more)).reshape(size + more, BLOCK)
    normal = normals(u[:size]).T.reshape(BLOCK, *(motion.noise if size else (0,)))
    none = jnp.zeros((BLOCK, 2), u.dtype)
    exponential = exponentials(u[size:]).T if more else none
    if size:
        # Who takes normal numbers has no other chance.
        return normal, exponential, jnp.zeros((BLOCK, 2), key.dtype)
    own = jax.random.fold_in(jax.random.wrap_key_data(key), k)
    return normal, exponential, jax.random.key_data(jax.random.split(own, BLOCK))


def _step(
    motion: AbstractMotion, quest: Quest, k: Array, t: Array, x: Array, *draws: Any
) -> tuple[Array, Array, Array, Array]:
    """Time, state, score (infinite at the target) and whether the path ends."""
    noise, exponential, key = draws
    after, y = motion.step(t, k, x, noise, jax.random.wrap_key_data(key))
    kick, length = motion.kick(t, x)
    score, hit, lost = quest.judge(x, y, kick, length, exponential)
    return after, y, jnp.where(hit, jnp.inf, jnp.where(lost, -jnp.inf, score)), hit | lost
