"""What held-out times look like to somebody who trains nothing: the neighbouring snapshots themselves.

A trained model has learnt something of the motion between snapshots only where it is better than
these. They are models like others, so that every metric of samples takes them:
``nq.runs.PairedNeighbours(train).sample(1000, time=3.0, key=key)``.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, ScalarLike
from noneq.data.snapshots import Snapshots
from noneq.data.trajectories import Trajectories
from noneq.domains import AbstractDomain, Discrete, is_periodic, periods_of
from noneq.errors import InvalidInput
from noneq.frames.checks import check_count
from noneq.kinds import checked
from noneq.metrics.comparison import generator
from noneq.metrics.pairwise import on_device, squared_distances
from noneq.traits import AbstractModel


class AbstractBaseline(AbstractModel):
    """Samples of other times, moved or not, in place of a trained model.

    Where the data have conditions, a state asked for with a condition is made of training states
    with the same condition, or of all where a time has none such.
    """

    data: eqx.AbstractVar[Snapshots]

    @abstractmethod
    def draw(
        self, n: int, time: float, rows: np.ndarray | None, rng: np.random.Generator
    ) -> np.ndarray:
        """n states for a time, in float64.

        Args:
            n: how many.
            time: physical time.
            rows: the condition ``(k,)`` of all of them, or None for any.
            rng: the random numbers.
        """

    @property
    def event_shape(self) -> tuple[int, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Shape of one state."""
        return self.data.event_shape

    @property
    def domain(self) -> AbstractDomain:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Where states live."""
        return self.data.domain

    @checked
    def sample(
        self, n: int, *, time: ScalarLike | None = None, condition: Any = None, key: Key
    ) -> Float[Array, "n *event"]:
        return jnp.asarray(self._states(n, time, condition, key), dtype=float)

    @checked
    def snapshots(
        self, n: int, *, times: Sequence[float] | np.ndarray, condition: Any = None, key: Key
    ) -> Snapshots:
        times = np.atleast_1d(np.asarray(times, dtype=np.float64))
        frames = [
            self._states(n, t, condition, jax.random.fold_in(key, i)) for i, t in enumerate(times)
        ]
        return Snapshots.from_frames(frames, times, **self.data.labels())

    def _states(self, n: int, time: Any, condition: Any, key: Key) -> np.ndarray:
        check_count(n)
        if time is None:
            raise InvalidInput("a baseline between snapshots needs time=.")
        rng, at = generator(key), float(time)
        if condition is None:
            return self.draw(n, at, None, rng)
        rows = np.asarray(condition).reshape(-1, np.shape(condition)[-1])
        each = np.broadcast_to(rows, (n, rows.shape[1]))
        kinds, kind = np.unique(each, axis=0, return_inverse=True)
        states = np.empty((n, *self.event_shape))
        # Conditions that no training state has, such as new quantities, make one group.
        seen = [self.data.condition is not None and _has(self.data.condition, k) for k in kinds]
        group = np.where(seen, np.arange(len(kinds)), -1)[kind.ravel()]
        for i in np.unique(group):
            mine = group == i
            row = kinds[i] if i >= 0 else None
            states[mine] = self.draw(int(mine.sum()), at, row, rng)
        return states


def _has(condition: np.ndarray, row: np.ndarray) -> bool:
    return bool((condition == row).all(axis=1).any())


class NearestSnapshot(AbstractBaseline):
    """The training snapshot whose time is the nearest, as it is."""

    data: Snapshots

    def __init__(self, data: Snapshots | Trajectories):
        self.data = data.snapshots()

    def draw(
        self, n: int, time: float, rows: np.ndarray | None, rng: np.random.Generator
    ) -> np.ndarray:
        nearest = int(np.argmin(np.abs(self.data.times - time)))
        return some(states_at(self.data, nearest, rows), n, rng)


class PooledNeighbours(AbstractBaseline):
    """States of the snapshots before and after, each with the share of its nearness.

    **Equation**: p(x, t) = (1 − s) p(x, t₀) + s p(x, t₁), s = (t − t₀)/(t₁ − t₀).
    """

    data: Snapshots

    def __init__(self, data: Snapshots | Trajectories):
        self.data = data.snapshots()

    def draw(
        self, n: int, time: float, rows: np.ndarray | None, rng: np.random.Generator
    ) -> np.ndarray:
        before, share = around(self.data.times, time)
        late = int(np.floor(n * share + rng.random()))
        first = some(states_at(self.data, before, rows), n - late, rng)
        return np.concatenate([first, some(states_at(self.data, before + 1, rows), late, rng)])


class PairedNeighbours(AbstractBaseline):
    """States on straight lines between optimally paired states of the snapshots before and after.

    **Equation**: x_t = (1 − s) x₀ + s x₁ with s = (t − t₀)/(t₁ − t₀), (x₀, x₁) from the coupling
    that minimises E|x₁ − x₀|² (McCann 1997), as `noneq.methods.DisplacementInterpolation` has it,
    here also on a torus and within each condition. The coupling is exact for the states used: as many of
    each snapshot as the larger one has, at most ``most``; a smaller snapshot repeats its states
    equally often, up to one. On a torus lines and distances go the shortest way round.

    Args:
        data: the training snapshots.
        most: largest number of states paired (time grows as its cube).

    Raises:
        InvalidInput: data of discrete states, which no line joins.
    """

    data: Snapshots
    most: int = eqx.field(static=True)

    def __init__(self, data: Snapshots | Trajectories, most: int = 2000):
        if isinstance(data.domain, Discrete):
            raise InvalidInput("displacement interpolation: no line joins discrete states.")
        self.data, self.most = data.snapshots(), most

    def draw(
        self, n: int, time: float, rows: np.ndarray | None, rng: np.random.Generator
    ) -> np.ndarray:
        before, share = around(self.data.times, time)
        ends = [states_at(self.data, before + i, rows) for i in (0, 1)]
        size = min(self.most, max(map(len, ends)))
        first, last = (some(end, size, rng) for end in ends)
        step = last[optimal_pairs(first, last, self.domain)] - first
        period = periods_of(self.domain, self.event_shape)
        turns = np.round(step / np.where(period > 0, period, np.inf))
        states = some(first + share * (step - turns * period), n, rng)
        if is_periodic(self.domain):
            states = np.asarray(jax.vmap(self.domain.project)(jnp.asarray(states)), np.float64)
        return states


BASELINES = (NearestSnapshot, PooledNeighbours, PairedNeighbours)


def baselines(
    train: Snapshots | Trajectories, times: Sequence[float]
) -> tuple[dict[str, AbstractBaseline], str]:
    """The baselines that training data allow at some times, by name, and why others are left out."""
    known = train.times
    if not all(known[0] < t < known[-1] for t in times):
        why = "a held-out time has no snapshot on both sides, so that only the nearest one is there"
        return {"NearestSnapshot": NearestSnapshot(train)}, why
    made: dict[str, AbstractBaseline] = {
        "NearestSnapshot": NearestSnapshot(train),
        "PooledNeighbours": PooledNeighbours(train),
    }
    if isinstance(train.domain, Discrete):
        return made, "no line joins discrete states, so that there is no PairedNeighbours"
    return made | {"PairedNeighbours": PairedNeighbours(train)}, ""


def optimal_pairs(x: np.ndarray, y: np.ndarray, domain: AbstractDomain) -> np.ndarray:
    """For each state of x the place of its partner in y: the least sum of squared distances."""
    from scipy.optimize import linear_sum_assignment

    a, b, scale = on_device(x, y)
    return linear_sum_assignment(squared_distances(a, b, domain, scale))[1]


def around(times: np.ndarray, time: float) -> tuple[int, float]:
    """Place of the last time before, and how far the time is on the way to the next one.

    Raises:
        InvalidInput: no time on one of the sides.
    """
    if not times[0] <= time <= times[-1] or times.size < 2:
        raise InvalidInput(
            f"time {time:g} does not lie between two snapshots, which run from {times[0]:g} to "
            f"{times[-1]:g}; take NearestSnapshot."
        )
    before = min(int(np.searchsorted(times, time, side="right")) - 1, times.size - 2)
    return before, float((time - times[before]) / (times[before + 1] - times[before]))


def states_at(data: Snapshots, place: int, row: np.ndarray | None) -> np.ndarray:
    """States of one snapshot in float64, those with a condition where there are any."""
    here = data.time_index == place
    if row is not None and data.condition is not None:
        like = here & np.asarray((data.condition == row).all(axis=1))
        here = like if like.any() else here
    return data.values[here].astype(np.float64)


def some(states: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """n of the states in random order, each as often as the others up to one."""
    rounds = [rng.permutation(len(states)) for _ in range(-(-n // len(states)))]
    return states[np.concatenate([*rounds, np.empty(0, int)])[:n]]
