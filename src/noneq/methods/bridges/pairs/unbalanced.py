"""Pairs between snapshots whose masses grow."""

import numpy as np

from noneq.errors import InvalidInput
from noneq.methods.bridges.pairs.couplings import (
    AbstractCoupling,
    Cost,
    Pairs,
    by_batches,
    check_batch,
)
from noneq.methods.bridges.pairs.growth import HasDescendants
from noneq.statistics.entropic import drawn_pairs, entropic_plan


_TURNS = 4
"""Plans in which each state is, at least, if there are several of a snapshot."""


class Unbalanced(AbstractCoupling, HasDescendants):
    """The entropic plan whose marginals may give way, so that branches can grow or shrink.

    **Equation**: min E cost + epsilon KL(plan | p0 × p1) + rho_0 KL(plan_0 | p0) + rho_1 KL(plan_1 | p1),
    hold = rho/(rho + epsilon). With the later snapshot held (``target`` 1) and the earlier one free,
    every later state gets its pair and the earlier states count by their descendants: the row sums
    of the plan, n times, are the growth over the interval relative to the mean (`growth`). Both
    relaxed alike, a branch of masses a and b gets (ab)^((rho + epsilon)/(2 rho + epsilon)), which is
    neither.

    Args:
        source, target: hold of the earlier and of the later snapshot in (0, 1]; 1 keeps it.
        batch: states of either side in one problem; None takes whole snapshots.
        epsilon: regularisation; None is 1, the bridge's own.

    Raises:
        InvalidInput: a number out of its range.

    Source: Chizat et al. 2018.
    """

    source: float = 0.5
    target: float = 1.0
    batch: int | None = 512
    epsilon: float | None = None

    def __check_init__(self) -> None:
        check_batch("Unbalanced", self.batch)
        for name in ("source", "target"):
            if not 0 < getattr(self, name) <= 1:
                raise InvalidInput(
                    f"Unbalanced: {name} = {getattr(self, name)}; expected a hold in (0, 1]."
                )
        if self.epsilon is not None and not 0 < self.epsilon < float("inf"):
            raise InvalidInput(f"Unbalanced: epsilon = {self.epsilon}; expected > 0, or none.")

    def plan(self, costs: np.ndarray) -> np.ndarray:
        """Masses (n, m) for these costs."""
        epsilon = 1.0 if self.epsilon is None else self.epsilon
        return entropic_plan(
            costs, epsilon=epsilon, source_hold=self.source, target_hold=self.target
        )

    def growth(self, x0: np.ndarray, x1: np.ndarray, cost: Cost) -> np.ndarray:
        """Relative number of descendants of every earlier state: mean 1, whole snapshots."""
        mass = self.plan(cost(x0, x1)).sum(1)
        return mass / mass.mean()

    def descendants(
        self, x0: np.ndarray, x1: np.ndarray, cost: Cost, rng: np.random.Generator
    ) -> np.ndarray:
        """As `growth`, from plans of ``batch`` states, each state in several of them."""
        if self.batch is None or max(len(x0), len(x1)) <= self.batch:
            return self.growth(x0, x1, cost)
        mass, seen = np.zeros(len(x0)), np.zeros(len(x0))
        sizes = (min(len(x0), self.batch), min(len(x1), self.batch))

        def solve(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            mass[a] += self.plan(cost(x0[a], x1[b])).sum(1) * len(a)
            seen[a] += 1
            return np.arange(len(a)), np.zeros(len(a), int)

        # A whole number of turns, and one for what the last turn cut.
        by_batches(solve, (len(x0), len(x1)), sizes, (_TURNS + 1) * len(x0), rng)
        found = mass / np.maximum(seen, 1)
        found[seen == 0] = found[seen > 0].mean()
        return found / found.mean()

    def pairs(
        self, x0: np.ndarray, x1: np.ndarray, cost: Cost, count: int, rng: np.random.Generator
    ) -> Pairs:
        counts = (len(x0), len(x1))
        sizes = (
            counts if self.batch is None else (min(len(x0), self.batch), min(len(x1), self.batch))
        )
        draws = count if sizes == counts else 8 * max(sizes)
        solve = lambda a, b: drawn_pairs(self.plan(cost(x0[a], x1[b])), draws, rng)
        return by_batches(solve, counts, sizes, count, rng)
