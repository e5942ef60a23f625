"""Which state of one snapshot is paired with which of the next."""

from abc import abstractmethod
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np

from noneq.errors import InvalidInput
from noneq.kinds import AbstractChecked
from noneq.statistics.assignment import assignment
from noneq.statistics.entropic import drawn_pairs, entropic_plan


Cost: TypeAlias = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(n, dim) and (m, dim) states to (n, m) costs; those of a bridge with noise are in nats."""

_MOST_COSTS = 25_000_000
"""Entries of a cost matrix of whole snapshots: 5,000 × 5,000 take about 20 s."""


class Pairs(NamedTuple):
    """Positions in the earlier and in the later snapshot, one entry a pair."""

    start: np.ndarray
    end: np.ndarray


class AbstractCoupling(AbstractChecked):
    """A joint law of the states of two snapshots, drawn on the host before training."""

    @abstractmethod
    def pairs(
        self, x0: np.ndarray, x1: np.ndarray, cost: Cost, count: int, rng: np.random.Generator
    ) -> Pairs:
        """``count`` pairs of the states ``(n, dim)`` and ``(m, dim)`` of two snapshots.

        Args:
            cost: of the bridge, −log of its transition density where it has noise.
            count: how many pairs.

        Raises:
            InvalidInput: snapshots too large for this coupling.
            SolveFailed: no plan was found.
        """


class Independent(AbstractCoupling):
    """Any state with any other: p0 × p1."""

    def pairs(
        self, x0: np.ndarray, x1: np.ndarray, cost: Cost, count: int, rng: np.random.Generator
    ) -> Pairs:
        return Pairs(_reshuffled(len(x0), count, rng), _reshuffled(len(x1), count, rng))


class ExactOT(AbstractCoupling):
    """The plan of least mean cost, between random minibatches or whole snapshots.

    **Equation**: min over couplings of E cost(x0, x1), by linear assignment; the cost of `Straight`
    and of `Brownian` is proportional to |x0 − x1|².

    Args:
        batch: states of either side in one problem; None takes whole snapshots (at most 5,000 a
            side or so; the larger one is subsampled anew for every problem).

    Source: Tong et al. 2024, section 3.2 (minibatch OT).
    """

    batch: int | None = 256

    def __check_init__(self) -> None:
        check_batch("ExactOT", self.batch)

    def pairs(
        self, x0: np.ndarray, x1: np.ndarray, cost: Cost, count: int, rng: np.random.Generator
    ) -> Pairs:
        size = _size("ExactOT", self.batch, x0, x1, square=True)

        def solve(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return np.arange(len(a)), assignment(cost(x0[a], x1[b]))

        return by_batches(solve, (len(x0), len(x1)), (size, size), count, rng)


class Sinkhorn(AbstractCoupling):
    """The entropic plan, from which pairs are drawn.

    **Equation**: min E cost(x0, x1) + epsilon KL(plan | p0 × p1). With the cost of a bridge with
    noise, −log of its transition density, and epsilon = 1 this is the static Schrödinger bridge;
    for `Brownian` the kernel is exp(−|x0 − x1|²/(2 sigma² Δ)).

    Args:
        batch: states of either side in one problem; None takes whole snapshots.
        epsilon: regularisation; None is 1, the bridge's own (for `Straight`, which has none, a
            twentieth of the mean squared distance).

    Source: Tong et al. 2024b, proposition 3.2; Cuturi 2013.
    """

    batch: int | None = 512
    epsilon: float | None = None

    def __check_init__(self) -> None:
        check_batch("Sinkhorn", self.batch)
        if self.epsilon is not None and not 0 < self.epsilon < float("inf"):
            raise InvalidInput(f"Sinkhorn: epsilon = {self.epsilon}; expected > 0, or none.")

    def pairs(
        self, x0: np.ndarray, x1: np.ndarray, cost: Cost, count: int, rng: np.random.Generator
    ) -> Pairs:
        _size("Sinkhorn", self.batch, x0, x1)
        counts = (len(x0), len(x1))
        sizes = (
            counts if self.batch is None else (min(len(x0), self.batch), min(len(x1), self.batch))
        )
        draws = count if sizes == counts else 8 * max(sizes)
        epsilon = 1.0 if self.epsilon is None else self.epsilon

        def solve(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            plan = entropic_plan(cost(x0[a], x1[b]), epsilon=epsilon)
            return drawn_pairs(plan, draws, rng)

        return by_batches(solve, counts, sizes, count, rng)


def by_batches(
    solve: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]],
    counts: tuple[int, int],
    sizes: tuple[int, int],
    count: int,
    rng: np.random.Generator,
) -> Pairs:
    """Pairs of as many problems on random subsets as give ``count``; one if it holds all states."""
    starts, ends, have = [], [], 0
    left: list[list[np.ndarray]] = [[], []]
    while have < count:
        rows = [_next(left[i], counts[i], sizes[i], rng) for i in (0, 1)]
        first, second = solve(*rows)
        starts.append(rows[0][first])
        ends.append(rows[1][second])
        have += len(first)
        if sizes == counts:
            break
    start, end = np.concatenate(starts), np.concatenate(ends)
    keep = _reshuffled(len(start), count, rng)
    return Pairs(start[keep], end[keep])


def _next(left: list[np.ndarray], n: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """The next ``size`` of a random order of n, which is drawn anew when it runs out."""
    if not left or len(left[0]) < size:
        left[:] = [rng.permutation(n)]
    taken, left[0] = left[0][:size], left[0][size:]
    return taken


def _reshuffled(n: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """``count`` of the numbers below n in random order, all equally often as far as possible."""
    return np.concatenate([rng.permutation(n) for _ in range(-(-count // n))])[:count]


def check_batch(name: str, batch: int | None) -> None:
    """Refuse a number of states below 1.

    Raises:
        InvalidInput: naming the coupling.
    """
    if batch is not None and batch < 1:
        raise InvalidInput(f"{name}: batch = {batch}; expected at least 1, or none for all.")


def _size(
    name: str, batch: int | None, x0: np.ndarray, x1: np.ndarray, *, square: bool = False
) -> int:
    """States of either side in one problem.

    Raises:
        InvalidInput: whole snapshots whose costs fill too much memory.
    """
    least = min(len(x0), len(x1))
    if batch is not None:
        return min(batch, least)
    entries = least**2 if square else len(x0) * len(x1)
    if entries > _MOST_COSTS:
        raise InvalidInput(
            f"{name}: whole snapshots of {len(x0)} and {len(x1)} states make {entries:.2g} costs; "
            f"at most {_MOST_COSTS:.2g} are possible. Take {name}(batch=1024)."
        )
    return least
