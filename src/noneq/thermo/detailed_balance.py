"""Does an observed sequence of states look the same backwards?"""

import warnings
from typing import Any

import jax
import numpy as np

from noneq._typing import Key
from noneq.data.ensembles import Trajectories
from noneq.domains import Discrete
from noneq.errors import InvalidInput
from noneq.needs import observable
from noneq.thermo.observed_chains import transitions
from noneq.thermo.reversal.equilibrium_test import verdict
from noneq.thermo.reversal.verdict_line import BalanceTest


_FLIPS = 999


@observable("values", number=False)
def detailed_balance_test(
    states: Any, *, block: int | None = None, key: Key | None = None
) -> BalanceTest:
    """Test of detailed balance in a steady state, from one or many observed sequences.

    **Equation**: Q = Σ_{i<j} (n_ij − n_ji)²/(n_ij + n_ji) − dᵀ L⁺ d, d_i = Σ_j (n_ij − n_ji), L the
    graph Laplacian with weights n_ij + n_ji. The sum is Bowker's test of symmetry. Successive
    transitions are not independent, however: what goes in must come out, and of the E differences
    only the E − H + 1 (for C separate parts: + C) that run around loops are free. The second term
    takes away the rest (differences of the ends of sequences). For a reversible **Markov** chain
    the differences around loops sum martingale increments, so that Q is χ² with that many degrees
    of freedom, be the sequences few and long or many and short. Bowker's E degrees of freedom
    would be right for independent pairs, and blind for one long sequence.

    Sequences with memory (lumped states, records of a hidden process) make that χ² wrong. Give
    ``block`` for them: the sequences, laid end to end, are cut into blocks of so many transitions,
    each run backwards or not at random 999 times, and p is the rank of Q among these. Blocks
    must be long against the memory and many (≥ 20).

    `Trajectories` of continuous states need no bins: they are tested by the currents of
    `noneq.thermo.verdict`, in any dimension and on tori, with p corrected for both sets of them.

    Args:
        states: whole numbers from 0, as for `count_matrix`, or `Trajectories` of continuous states;
            from a steady state, transients cut off. Discrete ones need at least some five transitions
            for each pair (fewer make the test cautious).
        block: transitions in a block; None takes the χ² law.
        key: for the random reversals; None: ``jax.random.key(0)``.

    Returns:
        `BalanceTest`; p = 1 where the transitions form no loop, as then balance always holds.

    Raises:
        InvalidInput: as `count_matrix`, or a block that leaves fewer than 8 blocks.

    Source: Bowker 1948; the projection on loops and the reversed blocks are ours.
    """
    if isinstance(states, Trajectories) and not isinstance(states.domain, Discrete):
        return _continuous(states, block)
    start, end = transitions(states)
    steps = len(start)
    if block is not None and (block < 1 or len(start) < 8 * block):
        raise InvalidInput(
            f"detailed_balance_test: block = {block} with {len(start)} transitions; expected at "
            "least 8 blocks of at least one."
        )
    number = np.arange(len(start)) // (block or len(start))
    moved = start != end
    start, end, number = start[moved], end[moved], number[moved]
    if not moved.any():
        return BalanceTest(0.0, 0, 1.0, 0, steps)
    loops = _Loops(start, end)
    total, statistic = loops.dof, loops.statistic(loops.differences(start, end))
    if total == 0:
        return BalanceTest(0.0, 0, 1.0, len(start), steps)
    if block is None:
        from scipy.stats import chi2

        return BalanceTest(statistic, total, float(chi2.sf(statistic, total)), len(start), steps)
    parts = np.stack(
        [loops.differences(start[number == b], end[number == b]) for b in np.unique(number)]
    )
    key = jax.random.key(0) if key is None else key
    signs = np.asarray(jax.random.rademacher(key, (_FLIPS, len(parts))), np.float64)
    others = np.asarray([loops.statistic(sign @ parts) for sign in signs])
    rank = 1 + int(np.sum(others >= statistic * (1 - 1e-9)))
    return BalanceTest(statistic, total, rank / (1 + _FLIPS), len(start), steps)


def _continuous(trajectories: Trajectories, block: int | None) -> BalanceTest:
    """The test by currents whose corrected p is the smaller one."""
    if block is not None:
        raise InvalidInput(
            "detailed_balance_test: block= is for discrete sequences; of continuous states memory is "
            "measured on windows of the paths."
        )
    found = verdict(trajectories)
    if not found.stationary:
        warnings.warn(f"detailed_balance_test: {found.sentence}.", UserWarning, stacklevel=3)
    test = min(found.tests, key=lambda each: each.p_value)
    return BalanceTest(test.statistic, test.dof, found.p_value, found.n, found.n)


class _Loops:
    """The pairs of states between which transitions were seen, and the loops they form."""

    def __init__(self, start: np.ndarray, end: np.ndarray):
        from scipy.sparse.csgraph import connected_components

        self.names, place = np.unique(np.stack([start, end]), return_inverse=True)
        self.size = len(self.names)
        first, second = np.sort(place.reshape(2, -1), axis=0)
        pairs, self.traffic = np.unique(first * self.size + second, return_counts=True)
        self.pairs, self.low, self.high = pairs, pairs // self.size, pairs % self.size
        graph = np.zeros((self.size, self.size))
        graph[self.low, self.high] = graph[self.high, self.low] = self.traffic
        self.inverse = np.linalg.pinv(np.diag(graph.sum(1)) - graph, hermitian=True)
        self.dof = len(pairs) - self.size + connected_components(graph, directed=False)[0]

    def differences(self, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        """n_ij − n_ji for each pair i < j."""
        i, j = np.searchsorted(self.names, start), np.searchsorted(self.names, end)
        code = np.minimum(i, j) * self.size + np.maximum(i, j)
        sign = np.where(i < j, 1.0, -1.0)
        return np.bincount(np.searchsorted(self.pairs, code), sign, len(self.pairs))

    def statistic(self, differences: np.ndarray) -> float:
        """Bowker's sum less the part that does not run around loops."""
        balance = np.bincount(self.low, differences, self.size)
        balance -= np.bincount(self.high, differences, self.size)
        bowker = float(np.sum(differences**2 / self.traffic))
        return max(bowker - float(balance @ self.inverse @ balance), 0.0)
