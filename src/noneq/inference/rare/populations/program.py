"""The splitting of systems of ours: the compiled program, looked at from outside now and then."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from noneq._typing import Key
from noneq.errors import SolveFailed
from noneq.inference.rare.populations.climbs import Climbers
from noneq.inference.rare.populations.generations import Contest, Rules, contested
from noneq.inference.rare.populations.population import Expedition, keys_of
from noneq.inference.rare.populations.retraced import Path
from noneq.inference.rare.populations.told import Told
from noneq.inference.rare.populations.walkers import BLOCK, Spots, Walkers, block_again


_LOOK = 1000
"""Blocks between two looks: progress, the file, room."""
_ROOM = 64
"""Points of a path at first, and kills of a repeat between two looks."""
_WIDTHS = (1024, 256, 64)
"""Paths that go on at once: few sizes, for few compiled programs; about half of those that wait fit."""
_LONGEST = 10_000_000
_THIN = 4096
"""Points of a path above which every second one is dropped."""


class Program:
    """The repeats of one worker; arguments as of `splitting`."""

    def __init__(
        self, trip: Expedition, repeats: np.ndarray, n: int, kill: int, push: float | None, key: Key,
        told: Told,
    ):  # fmt: skip
        self.trip, self.repeats, self.n, self.told, self.key = trip, repeats, n, told, key
        count = len(repeats)
        self.owner, self.slot = np.repeat(np.arange(count), n), np.tile(np.arange(n), count)
        width = next((w for w in _WIDTHS if w <= count * kill), _WIDTHS[-1])
        assert isinstance(trip.climb, Climbers)
        self.rules = Rules(
            trip.climb.motion, trip.quest, key, jnp.asarray(repeats),
            jnp.asarray(push) if trip.noiseless and push is not None else None, n, kill,
            min(width, count * n),
        )  # fmt: skip
        self.steps, self.levels, self.weight = 0, np.zeros((0, 3)), np.ones(count)

    def run(self, kept: Any) -> "Program":
        """From the start, or from where the file left off, to the end.

        Raises:
            SolveFailed: a state is not finite, or a path does not end.
        """
        if not kept.load(self):
            self._begin()
        while np.asarray(self.contest.open).any():
            kept.save(self)
            self._look()
        kept.save(self, at_once=True)
        return self

    @property
    def extinct(self) -> np.ndarray:
        """Repeats in which all paths died below a level."""
        return np.asarray(self.contest.extinct)

    @property
    def there(self) -> np.ndarray:
        """Which paths are in the target, (repeats, n)."""
        walkers = jax.device_get(self.contest.walkers)
        last = np.arange(len(self.owner)), walkers.points - 1
        return np.isposinf(walkers.spots.score[last]).reshape(-1, self.n)

    def held(self) -> dict[str, np.ndarray]:
        """What a file must keep."""
        leaves = jax.tree.leaves(jax.device_get(self.contest))
        held = {f"part{i}": np.asarray(leaf) for i, leaf in enumerate(leaves)}
        return held | {
            "steps": np.asarray(self.steps), "levels": self.levels, "weight": self.weight,
        }  # fmt: skip

    def restore(self, held: dict[str, np.ndarray]) -> None:
        """Go on from what a file kept."""
        self._begin()
        tree = jax.tree.structure(self.contest)
        parts = [jnp.asarray(held[f"part{i}"]) for i in range(tree.num_leaves)]
        self.contest = jax.tree.unflatten(tree, parts)
        self.steps, self.levels, self.weight = int(held["steps"]), held["levels"], held["weight"]

    def paths(self, rows: np.ndarray) -> list[Path]:
        """All steps of some paths."""
        spots = jax.device_get(self.contest.walkers.spots)
        counts = np.asarray(self.contest.walkers.points)
        again = eqx.filter_jit(jax.vmap(lambda one: block_again(*self._rules, one)))
        return [_whole(Spots(*(p[i, : counts[i]] for p in spots)), again) for i in rows]

    @property
    def _rules(self) -> tuple[Any, Any]:
        return self.rules.motion, self.rules.quest

    def _begin(self) -> None:
        keys = keys_of(self.key, 0, self.repeats[self.owner], self.slot)
        starts = self.trip.begin(keys, self.repeats[self.owner])
        total, count = len(self.owner), len(self.repeats)
        dtype = jnp.zeros(()).dtype
        wide = lambda a: jnp.repeat(jnp.asarray(a)[:, None], _ROOM, axis=1)
        spots = Spots(
            wide(starts.step), wide(starts.time.astype(dtype)), wide(starts.state.astype(dtype)),
            wide(starts.score.astype(dtype)), wide(starts.key),
        )  # fmt: skip
        walkers = Walkers(
            spots, jnp.ones(total, jnp.int32), jnp.isfinite(spots.score[:, 0]),
            jnp.full(total, jnp.inf, dtype), jnp.array(spots.key[:, 0]), jnp.zeros((), jnp.int32),
            jnp.zeros((), bool),
        )  # fmt: skip
        none = jnp.zeros(count, jnp.int32)
        self.contest = Contest(
            walkers, none, jnp.ones(count, bool), jnp.zeros(count, bool),
            jnp.zeros((count, _ROOM, 2), dtype), jnp.zeros(count, jnp.int32),
        )  # fmt: skip

    def _look(self) -> None:
        """Some blocks, and what happened in them."""
        before = np.asarray(self.contest.open)
        now = contested(self.rules, self.contest, jnp.asarray(_LOOK))
        if bool(now.walkers.broken):
            raise SolveFailed(
                "a path is not finite; take shorter steps (--step) or check the system's drift."
            )
        told, levels = np.asarray(now.told), np.asarray(now.levels, np.float64)
        for r in np.flatnonzero(told):
            level, killed = levels[r, : told[r]].T
            share = np.where(killed == self.n, 1.0, 1 - killed / self.n)
            weight = np.cumprod(np.concatenate([self.weight[r : r + 1], share]))
            rows = np.stack([np.full(told[r], float(r)), level, weight[:-1]], 1)
            self.levels = np.concatenate([self.levels, rows])
            self.weight[r] = weight[-1]
        self.steps += int(now.walkers.steps)
        walkers = now.walkers._replace(steps=jnp.zeros_like(now.walkers.steps))
        self.contest = now._replace(told=jnp.zeros_like(now.told), walkers=_with_room(walkers))
        shut = int((before & ~np.asarray(now.open)).sum())
        self.told.add(shut, float(self.weight.mean()))


def _with_room(walkers: Walkers) -> Walkers:
    """The same with more room where it is short.

    Raises:
        SolveFailed: a path that does not end.
    """
    room = walkers.spots.step.shape[1]
    if int(walkers.points.max()) < room - 1:
        return walkers
    walkers = jax.device_get(walkers)
    if int(walkers.spots.step.max()) > _LONGEST:
        raise SolveFailed(
            f"a path is neither in the target nor in the avoided set after {_LONGEST:,} steps; "
            "give a horizon, or an avoided set to which paths return."
        )
    if room >= _THIN:
        walkers = _thinned(walkers)
    if int(walkers.points.max()) > room // 2:
        more = lambda a: np.concatenate([a, np.repeat(a[:, -1:], room, axis=1)], axis=1)
        walkers = walkers._replace(spots=Spots(*map(more, walkers.spots)))
    return jax.tree.map(jnp.asarray, walkers)


def _thinned(walkers: Walkers) -> Walkers:
    """Every second point is dropped, but those where the key is new, and the last one."""
    key, count = walkers.spots.key, walkers.points
    place = np.arange(key.shape[1])[None]
    new = np.concatenate(
        [np.ones_like(key[:, :1, 0], bool), (key[:, 1:] != key[:, :-1]).any(-1)], 1
    )
    keep = (new | (place % 2 == 0) | (place == count[:, None] - 1)) & (place < count[:, None])
    order = np.argsort(~keep, axis=1, kind="stable")
    take = lambda a: np.take_along_axis(a, order.reshape(*order.shape, *(1,) * (a.ndim - 2)), 1)
    return walkers._replace(
        spots=Spots(*map(take, walkers.spots)), points=keep.sum(1).astype(count.dtype)
    )


def _whole(spots: Spots, again: Any) -> Path:
    """A path from its points, whose blocks are run once more, all at once."""
    span = np.diff(spots.step)
    now, done = Spots(*(p[:-1] for p in spots)), np.zeros(len(span), int)
    times: list[list[np.ndarray]] = [[] for _ in span]
    states: list[list[np.ndarray]] = [[] for _ in span]
    while (done < span).any():
        t, x = map(np.asarray, again(Spots(*map(jnp.asarray, now))))
        for i, left in enumerate(np.clip(span - done, 0, BLOCK)):
            times[i].append(t[i, :left])
            states[i].append(x[i, :left])
        now, done = now._replace(step=now.step + BLOCK, time=t[:, -1], state=x[:, -1]), done + BLOCK
    return Path(
        np.concatenate([spots.time[:1], *(one for part in times for one in part)]),
        np.concatenate([spots.state[:1], *(one for part in states for one in part)]),
    )
