"""How much more often things happen than their reverses: Σ a ln(a/b) from counts, bias corrected."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int


_BLOCKS = 64


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
) -> float:
    """Standard error of a sum over N successive events, from its spread over 64 blocks of them.

    Nothing is assumed of how they depend on each other but that blocks hardly do. In equilibrium
    the influences vanish and the raw sum is 2χ² with as many degrees of freedom as there are free
    differences n_k − n_k̄; influences that are estimated from the same data then add 16 to the
    variance for each, where 8 is right.

    Args:
        influence: what each event adds to the sum.
        loops: free differences.
        wait: time that each event ends, where the watch and not the number of events is fixed: the
            number then fluctuates too, and counts. None if every event takes equally long.
    """
    count = min(_BLOCKS, max(len(influence) // 4, 2))
    each = influence.mean() if wait is None else influence.sum() * (wait / wait.sum())
    parts = np.array_split(influence - each, count)
    sums = np.asarray([part.sum() for part in parts])
    linear = float(np.sum((sums - sums.mean()) ** 2) * count / (count - 1))
    return float(np.sqrt(max(linear - 8.0 * loops, 8.0 * loops)))
