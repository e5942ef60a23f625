"""How much more often things happen than their reverses: Σ a ln(a/b) from counts, bias corrected."""

import warnings
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int


_BLOCKS = 64
_LEAST_PATHS, _MANY_PATHS = 4, 16


class ReversedCounts(NamedTuple):
    """Σ_k n_k ln(n_k/n_k̄) over kinds k, each with its reverse k̄.

    Attributes:
        value: bias corrected, always finite.
        raw: with the counts as they are; inf where a reverse never happened.
        influence: ``(K,)`` what one more event of each kind adds to the value.
        one_way: ``(K,)`` whether the kind was seen and its reverse never.
    """

    value: float
    raw: float
    influence: Float[np.ndarray, " K"]
    one_way: Bool[np.ndarray, " K"]


def reversed_counts(
    counts: Int[np.ndarray, " K"], reverse: Int[np.ndarray, " K"]
) -> ReversedCounts:
    """Divergence of counts from those of the reverses.

    **Equation**: Σ_k n_k [ψ(n_k) − ψ(n_k̄ + 1)], ψ the digamma function. For independent Poisson
    counts of means λ its mean is Σ λ_k ln(λ_k/λ_k̄) + Σ λ_k [E₁(λ_k) − E₁(λ_k̄)]: the error falls
    exponentially with the counts, and where a reverse is too rare to be seen the value is too small,
    never infinite: it counts as if the reverse had happened e^{ψ(1)} = 0.56 times.

    Args:
        counts: how often each kind was seen.
        reverse: number of the reverse of each kind; −1 if that was never seen, and the kind's own
            number for one that is its own reverse, which counts nothing.
    """
    from scipy.special import digamma

    back = np.where(reverse >= 0, counts[reverse], 0)
    there = np.where(reverse == np.arange(len(counts)), 0, counts)
    seen = there > 0
    log_there = digamma(np.where(seen, there, 1))
    ratio = np.where(seen, log_there - digamma(back + 1.0), 0.0)
    influence = np.where(seen, ratio + 1 - back / np.where(seen, there, 1), 0.0)
    with np.errstate(divide="ignore"):
        logs = np.where(seen, np.log(np.where(seen, there, 1)) - np.log(np.where(seen, back, 1)), 0)
    raw = float(np.sum(np.where(seen, there * logs, 0.0)))
    return ReversedCounts(float(there @ ratio), raw, influence, seen & (back == 0))


def sum_error(
    influence: Float[np.ndarray, " N"],
    loops: int = 0,
    wait: Float[np.ndarray, " N"] | None = None,
    path: Int[np.ndarray, " N"] | None = None,
) -> float:
    """Standard error of a sum over N successive events, from its spread over 64 blocks of them.

    Nothing is assumed of how they depend on each other but that blocks hardly do. In equilibrium
    the influences vanish and the raw sum is 2χ² with as many degrees of freedom as there are free
    differences n_k − n_k̄; influences that are estimated from the same data then add 16 to the
    variance for each, where 8 is right.

    Where paths stay in one metastable state each, blocks of a path are alike: the spread over whole
    paths counts if it is larger, of fewer than 16 paths if it is so beyond chance (F test, 0.1 %).

    Args:
        influence: what each event adds to the sum.
        loops: free differences.
        wait: time that each event ends, where the watch and not the number of events is fixed: the
            number then fluctuates too, and counts. None if every event takes equally long.
        path: number of the path of each event, in order; None if there is one.

    Warns:
        UserWarning: fewer than 16 paths that differ by more than blocks of them do.
    """
    count = min(_BLOCKS, max(len(influence) // 4, 2))
    each = influence.mean() if wait is None else influence.sum() * (wait / wait.sum())
    rest = influence - each
    linear = _variance(np.asarray([part.sum() for part in np.array_split(rest, count)]))
    if path is not None:
        linear = max(linear, _between_paths(rest, path, linear, count))
    return float(np.sqrt(max(linear - 8.0 * loops, 8.0 * loops)))


def _between_paths(rest: np.ndarray, path: np.ndarray, within: float, count: int) -> float:
    """Variance of the sum by the spread over groups of whole paths; 0 where they do not tell more."""
    from scipy.stats import f

    starts = np.flatnonzero(np.diff(path, prepend=path[0] - 1))
    sums = np.add.reduceat(rest, starts)
    if sums.size < _LEAST_PATHS:
        return 0.0
    groups = np.asarray([part.sum() for part in np.array_split(sums, min(sums.size, _BLOCKS))])
    between = _variance(groups)
    if sums.size >= _MANY_PATHS:
        return between
    if between <= f.isf(1e-3, groups.size - 1, count - 1) * within:
        return 0.0
    warnings.warn(
        f"the {sums.size} paths differ from each other by {np.sqrt(between / within):.2g} times more than "
        "their own fluctuations tell, as where they stay in different metastable states: the error is "
        "that between paths. Record many paths from the steady state, or much longer ones.",
        stacklevel=4,
    )
    return between


def _variance(sums: np.ndarray) -> float:
    """Of the sum over all blocks."""
    return float(np.sum((sums - sums.mean()) ** 2) * sums.size / (sums.size - 1))
