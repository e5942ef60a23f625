"""Many paths at once, each until it reaches the target, meets the avoided set or is out of time.

What is kept of a path are its records: the first step and each one whose score is higher than all
before. Branching needs nothing else, so that memory does not grow with the length of the paths.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from noneq.errors import SolveFailed
from noneq.inference.rare.crossings import added_variance, bridge_maximum
from noneq.inference.rare.motion import AbstractMotion
from noneq.inference.rare.sets import StateSet


_ROOM = 64
"""Records of a path that one stretch can take."""
_STRETCH = 512
"""Steps between two looks from outside, where finished paths are dropped."""
_SIZES = ((1500, 4096), (150, 512), (0, 64))
"""Above so many paths, batches of so many: few sizes, for few compiled programs."""
_LONGEST = 10_000_000


@dataclass(frozen=True)
class Points:
    """A point of each of m paths.

    Attributes:
        step: steps so far, (m,).
        time: (m,).
        state: (m, *event_shape).
        score: largest so far, (m,); infinite at the target.
        key: data of the random key under which the point was reached, (m, 2).
    """

    step: np.ndarray
    time: np.ndarray
    state: np.ndarray
    score: np.ndarray
    key: np.ndarray

    def __getitem__(self, index: Any) -> "Points":
        """Some of them."""
        return Points(*(part[index] for part in vars(self).values()))

    def __len__(self) -> int:
        return len(self.step)


@dataclass(frozen=True)
class Records:
    """Points of new highest score of many paths.

    Attributes:
        row: to which path each belongs; the records of a path come in order of time.
        points: the records.
        steps: that were simulated.
    """

    row: np.ndarray
    points: Points
    steps: int


class Quest(eqx.Module):
    """What paths seek.

    Attributes:
        target, avoid: where they end.
        score: what records are kept of.
        end: time at which they end; infinite if there is none.
        continuous: whether crossings between steps count.
    """

    target: StateSet
    avoid: StateSet | None
    score: Callable[[Any], Any]
    end: float
    continuous: bool = eqx.field(static=True)

    def judge_state(self, x: Array) -> tuple[Array, Array]:
        """Score (infinite at the target), and whether a path ends, at one state."""
        lost = jnp.zeros((), bool) if self.avoid is None else self.avoid.contains(x)
        hit = self.target.contains(x) & ~lost
        return jnp.where(hit, jnp.inf, jnp.where(lost, -jnp.inf, self.score(x))), hit | lost

    def judge(
        self, x: Array, y: Array, kick: Array, length: float, exponential: Array
    ) -> tuple[Array, Array, Array]:
        """Score, whether the target and whether the avoided set is met in the step from x to y."""
        top = lambda one, e: self._top(one, x, y, kick, length, e)
        score = top(self.score, exponential[0])
        if self.continuous:
            hit = top(self.target.level, exponential[0]) > 0
        else:
            hit = self.target.contains(y)
        if self.avoid is None:
            return score, hit, jnp.zeros_like(hit)
        if self.continuous:
            lost = top(self.avoid.level, exponential[1]) > 0
        else:
            lost = self.avoid.contains(y)
        return score, hit & ~lost, lost

    def _top(
        self, g: Callable[[Any], Any], x: Array, y: Array, kick: Array, length: float, e: Array
    ) -> Array:
        if not self.continuous:
            return g(y)
        before, slope = jax.value_and_grad(g)(x)
        return bridge_maximum(before, g(y), added_variance(slope, kick, length), e)


class Climbers(eqx.Module):
    """Paths of a system of ours: compiled, their noise a function of each path's key and step."""

    motion: AbstractMotion
    quest: Quest

    def __call__(self, starts: Points) -> Records:
        """Follow paths from ``starts``, under their keys, and return the records they add.

        Raises:
            SolveFailed: a state is not finite, or a path does not end.
        """
        kept: list[tuple[np.ndarray, Points]] = []
        rows, now, steps = np.arange(len(starts)), starts, 0
        while len(rows):
            size = next(size for least, size in _SIZES if len(rows) > least)
            bounds = range(0, len(rows), size)
            parts = [self._stretch(rows[i : i + size], now[i : i + size], size) for i in bounds]
            kept += [part[0] for part in parts]
            steps += sum(part[3] for part in parts)
            rows = np.concatenate([part[1] for part in parts])
            now = joined([part[2] for part in parts])
            if len(rows) and int(now.step.max()) > _LONGEST:
                raise SolveFailed(
                    f"a path is neither in the target nor in the avoided set after {_LONGEST:,} steps; "
                    "give a horizon, or an avoided set to which paths return."
                )
        row = np.concatenate([one[0] for one in kept]) if kept else np.zeros(0, int)
        points = joined([one[1] for one in kept]) if kept else starts[:0]
        order = np.lexsort((points.step, row))
        return Records(row[order], points[order], steps)

    def judge(self, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Score (infinite at the target), and whether a path ends there, of each state."""
        return jax.device_get(_judged(self.quest, jnp.asarray(states, jnp.zeros(()).dtype)))

    def _stretch(
        self, rows: np.ndarray, now: Points, size: int
    ) -> tuple[tuple[np.ndarray, Points], np.ndarray, Points, int]:
        """Records of some steps, the paths that go on, and how many steps they were."""
        fill = lambda a: np.concatenate([a, np.repeat(a[:1], size - len(a), axis=0)])
        live = np.arange(size) < len(rows)
        given = [jnp.asarray(fill(part)) for part in vars(now).values()]
        found, after = jax.device_get(_run(self.motion, self.quest, jnp.asarray(live), *given))
        if not np.isfinite(after["x"]).all():
            raise SolveFailed(
                "a path is not finite; take shorter steps (--step) or check the system's drift."
            )
        many = np.where(live, after["count"], 0)
        i, j = np.nonzero(np.arange(_ROOM)[None] < many[:, None])
        keys = np.asarray(fill(now.key))
        points = Points(*(found[name][i, j] for name in ("k", "t", "x", "s")), keys[i])  # pyright: ignore[reportCallIssue]
        more = after["going"]
        parts = Points(*(after[name][more] for name in ("k", "t", "x", "s")), keys[more])  # pyright: ignore[reportCallIssue]
        steps = int((after["k"] - fill(now.step))[live].sum())
        return (rows[i], points), rows[more[: len(rows)]], parts, steps


@eqx.filter_jit
def _judged(quest: Quest, states: Array) -> tuple[Array, Array]:
    return jax.vmap(quest.judge_state)(states)


@eqx.filter_jit
def _run(
    motion: AbstractMotion,
    quest: Quest,
    live: Array,
    k: Array,
    t: Array,
    x: Array,
    s: Array,
    key: Array,
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Up to `_STRETCH` steps of every live path, and at most `_ROOM` records."""
    n = len(k)
    row = jnp.arange(n)
    kept = {
        "k": jnp.zeros((n, _ROOM), k.dtype),
        "t": jnp.zeros((n, _ROOM), t.dtype),
        "x": jnp.zeros((n, _ROOM, *x.shape[1:]), x.dtype),
        "s": jnp.zeros((n, _ROOM), s.dtype),
    }
    keys = jax.random.wrap_key_data(key)
    move = jax.vmap(lambda *now: _step(motion, quest, *now))

    def going(carry):
        i, now, _ = carry
        return (i < _STRETCH) & jnp.any(now["going"])

    def one(carry):
        i, now, kept = carry
        ok = now["going"] & (now["count"] < _ROOM)
        t, y, s, ends = move(now["k"], now["t"], now["x"], keys)
        # Where the time is over the step does not happen.
        there = ok & ~(t > quest.end + motion.slack)
        rises = there & (s > now["s"])
        place = jnp.where(rises, now["count"], _ROOM)
        new = {"k": now["k"] + 1, "t": t, "x": y, "s": s}
        kept = {name: kept[name].at[row, place].set(new[name], mode="drop") for name in kept}
        moved = there.reshape(-1, *(1,) * (y.ndim - 1))
        now = {
            "k": jnp.where(there, new["k"], now["k"]),
            "t": jnp.where(there, t, now["t"]),
            "x": jnp.where(moved, y, now["x"]),
            "s": jnp.where(rises, s, now["s"]),
            "count": now["count"] + rises,
            "going": now["going"] & ((there & ~ends) | ~(now["count"] < _ROOM)),
        }
        return i + 1, now, kept

    now = {"k": k, "t": t, "x": x, "s": s, "count": jnp.zeros(n, jnp.int32), "going": live}
    _, now, kept = jax.lax.while_loop(going, one, (0, now, kept))
    return kept, now


def _step(
    motion: AbstractMotion, quest: Quest, k: Array, t: Array, x: Array, key: Any
) -> tuple[Array, Array, Array, Array]:
    """Time, state, score (infinite at the target) and whether the path ends."""
    noise, exponential, other = noise_of(motion, key, k, x)
    after, y = motion.step(t, k, x, noise, other)
    kick, length = motion.kick(t, x)
    score, hit, lost = quest.judge(x, y, kick, length, exponential)
    return after, y, jnp.where(hit, jnp.inf, jnp.where(lost, -jnp.inf, score)), hit | lost


def noise_of(motion: AbstractMotion, key: Any, k: Array, x: Array) -> tuple[Array, Array, Any]:
    """Normal numbers, two exponential ones, and a key, for the step after the k-th of a path."""
    own = jax.random.fold_in(key, k)
    size = int(np.prod(motion.noise)) if motion.noise else 0
    low = np.nextafter(np.float32(-1), np.float32(0))
    u = jax.random.uniform(own, (size + 2,), x.dtype, minval=low, maxval=1.0)
    noise = jnp.sqrt(2.0).astype(x.dtype) * jax.lax.erf_inv(u[2:])
    noise = noise.reshape(motion.noise) if size else noise
    return noise, -jnp.log((1 + u[:2]) / 2), jax.random.fold_in(own, 1)


def joined(parts: list[Points]) -> Points:
    """Points one after the other."""
    rows = zip(*(vars(part).values() for part in parts), strict=True)
    return Points(*(np.concatenate(one) for one in rows))
