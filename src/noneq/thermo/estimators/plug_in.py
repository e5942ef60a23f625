"""Entropy production of a Markov chain from how often its transitions and their reverses were seen."""

from typing import Any

import numpy as np

from noneq.data.ensembles import Trajectories
from noneq.estimate import Estimate
from noneq.needs import observable
from noneq.statistics.chains.reversed_counts import reversed_counts, sum_error
from noneq.thermo.estimators.records import Record, one_way_note, record_of


_MOST_STATES = 2000
_MOST_BEYOND = 0.5
_LEAST_FRAMES = 64


@observable("values")
def plug_in_rate(states: Any) -> Estimate:
    """Entropy production of observed transitions, with its finite-data bias taken off.

    **Equation**: (1/T) Σ_{i<j} (n_ij − n_ji) ln(n_ij/n_ji), n_ij transitions from i to j in time T. In
    place of ln n stand digamma functions, which for Poisson counts remove the bias and keep the
    value finite (`noneq.statistics.chains.reversed_counts`); that counts of a chain are not independent
    (what goes in must come out) is corrected to first order in 1/n, with the covariance of the
    fitted chain. Exactly zero dissipation gives values on both sides of zero.

    What it converges to: for `Events` of all transitions the entropy production rate itself. For
    sequences of a Markov chain that of its transition matrix per step; for a chain in continuous
    time seen at interval dt that of e^{W dt} over dt, which is less
    (`noneq.thermo.exact.sampled_chain`). Lumped or hidden states give a lower bound, and the second
    correction is then an approximation.

    Args:
        states: whole numbers from 0, one sequence ``(T,)``, several ``(n, T)``, or a list of
            sequences of any lengths; `Trajectories` of whole numbers at even times, one or more
            coordinates (gaps are not bridged); or `Events` with their states. From a steady state.

    Returns:
        Nats per unit time (per step for sequences without times). The error comes from 64 blocks of
        successive transitions, or from whole paths if these differ more (metastable states); hence
        it holds for one long sequence and for many short ones, if blocks or paths are long against
        the memory; near equilibrium the χ² law of the raw value, with as
        many degrees of freedom as the graph has loops, takes its place.
        ``limit`` extrapolates from intervals dt, 2 dt and 4 dt to 0; None where it lies beyond
        half as much again. ``bound`` is "lower" if the
        reverse of a transition was never seen.

    Raises:
        InvalidInput: no whole numbers, uneven times, no transition, or states that hardly ever come
            back.

    Warns:
        UserWarning: few paths that stay in different metastable states.

    Source: Schnakenberg 1976, equation 7.6. The corrections are ours.
    """
    record = record_of(states, "plug_in_rate")
    found = reversed_counts(record.counts, record.reverse)
    memory, notes = _correlations(record)
    value = (found.value - memory) / record.duration
    spread = sum_error(found.influence[record.kind], _loops(record), record.wait, record.path)
    lower = bool(found.one_way.any())
    if lower:
        notes = (one_way_note(record.names, record.counts, found.one_way), *notes)
    return Estimate(
        np.asarray(value),
        np.asarray(spread / record.duration),
        np.asarray(len(record.kind)),
        bound="lower" if lower else "none",
        method="plug_in",
        bias=np.asarray(found.raw / record.duration - value) if np.isfinite(found.raw) else None,
        limit=_limit(states, value),
        notes=notes,
    )


def _limit(states: Any, first: float) -> np.ndarray | None:
    """The value at interval 0 by a parabola through those at 1, 2 and 4 intervals."""
    if not isinstance(states, Trajectories) or states.times.size < _LEAST_FRAMES:
        return None
    if states.time_unit == "step":  # rows without times: nothing lies between them
        return None
    values = [first]
    for lag in (2, 4):
        parts = [record_of(states, "plug_in_rate", lag=lag, phase=p) for p in range(lag)]
        sums = [
            (reversed_counts(part.counts, part.reverse).value - _correlations(part)[0])
            / part.duration
            for part in parts
        ]
        values.append(float(np.mean(sums)))
    limit = (8 * values[0] - 6 * values[1] + values[2]) / 3
    # Of a chain in discrete time, or at a coarse interval, the parabola says nothing.
    return np.asarray(limit) if abs(limit - first) <= _MOST_BEYOND * abs(first) else None


def _correlations(record: Record) -> tuple[float, tuple[str, ...]]:
    """Bias that is left because the counts are no independent Poisson numbers.

    Half the trace of the Hessian of Σ (a − b) ln(a/b) with the covariance of a = n_ij, b = n_ji less
    that of Poisson numbers: n [2 p q D(j, i) − p²] for p = p_ij, q = P(j | i), and accordingly for
    pairs, D = Σ_m w_m (Tᵐ − 1 pi), w_m the share of the sequence that has a later transition.
    """
    counts, reverse = record.counts, record.reverse
    size = 1 + int(max(record.source.max(), record.target.max()))
    if size > _MOST_STATES:
        return 0.0, (f"Over {_MOST_STATES} states: counts were taken as independent.",)
    n = counts.sum()
    p = counts / n
    leaving = np.bincount(record.source, p, size)
    T = np.zeros((size, size))
    np.add.at(T, (record.source, record.target), p / leaving[record.source])
    lost = T.sum(1) == 0  # seen at an end only
    T[lost] = leaving
    D = _fundamental(T, leaving, n / (1 + int(record.path.max())))
    k = np.flatnonzero((reverse > np.arange(len(counts))) & (reverse >= 0))
    j = reverse[k]
    a, b = counts[k].astype(float), counts[j].astype(float)
    s, t = record.source[k], record.target[k]
    qa, qb = p[k] / leaving[s], p[j] / leaving[t]
    own_a = 2 * p[k] * qa * D[t, s] - p[k] ** 2
    own_b = 2 * p[j] * qb * D[s, t] - p[j] ** 2
    both = p[k] * qb * D[t, t] + p[j] * qa * D[s, s] - p[k] * p[j]
    bends = (1 / a + b / a**2) * own_a + (1 / b + a / b**2) * own_b - 2 * (1 / a + 1 / b) * both
    return float(n * np.sum(bends) / 2), ()


def _fundamental(T: np.ndarray, law: np.ndarray, length: float) -> np.ndarray:
    """Σ_{m=0}^{L−2} (1 − (m+1)/L) (Tᵐ − 1 law), in closed form."""
    size, last = len(T), max(round(length) - 1, 0)
    if last == 0:
        return np.zeros((size, size))
    one = np.eye(size)
    A = T - law
    inverse = np.linalg.pinv(one - A)
    high = np.linalg.matrix_power(A, last)
    plain = inverse @ (one - high)
    rising = inverse @ (plain - last * high)
    return plain - rising / (last + 1) - last / (last + 1) * law


def _loops(record: Record) -> int:
    """Independent loops of the graph of the transitions seen."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    moved = (record.source != record.target) & (record.reverse < np.arange(len(record.source)))
    size = 1 + int(max(record.source.max(), record.target.max()))
    graph = coo_matrix(
        (np.ones(moved.sum()), (record.source[moved], record.target[moved])), (size,) * 2
    )
    return int(moved.sum()) - size + int(connected_components(graph, directed=False)[0])
