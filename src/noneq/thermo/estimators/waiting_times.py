"""A bound on entropy production from a few visible transitions and the times between them."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.needs import observable
from noneq.simulation.event_record import Events
from noneq.statistics.chains.reversed_counts import reversed_counts, sum_error
from noneq.thermo.estimators.records import one_way_note


_MOST_BINS = 64
_LEAST = 64


@observable("values", more=("visible",))
def waiting_time_bound(events: Events, *, visible: Sequence[int] | None = None) -> Estimate:
    """Entropy production that some visible transitions and the waiting times between them prove.

    **Equation**: Σ_IJ ∫ ν_I ψ_IJ(t) ln[ψ_IJ(t)/ψ_J̄Ī(t)] dt ≤ σ. I and J are successive visible
    transitions, Ī the reverse of I, ν_I its frequency, ψ_IJ(t) the density that J follows I after a
    time t. Waiting times are sorted into bins of equal counts, which keeps it a lower bound, and
    counts of (I, J, bin) enter through digamma functions
    (`noneq.statistics.chains.reversed_counts`). For the exact value see
    `noneq.thermo.exact.visible_transitions`.

    It needs no states, and sees dissipation even where the net current vanishes.

    Args:
        events: of a steady state; their ``reverse`` says which transitions belong together.
        visible: kinds that the observer sees; None takes all of the record.

    Returns:
        Nats per unit time, with the error over 64 blocks of successive events.

    Raises:
        InvalidInput: a visible transition whose reverse is not visible, or too few events.

    Source: van der Meer, Ertel and Seifert, PRX 12, 031025 (2022); Harunari, Dutta, Polettini and
    Roldán, PRX 12, 041026 (2022). The bins are ours.
    """
    seen = events if visible is None else events.visible(*visible)
    reverse = np.asarray(seen.reverse, int)
    if (reverse < 0).any():
        alone = np.flatnonzero(reverse < 0).tolist()
        raise InvalidInput(
            f"waiting_time_bound: the reverse of kind {alone[0]} is not visible; give both of every "
            "pair, or leave it out (visible=…)."
        )
    same = np.diff(seen.path) == 0
    first, second = seen.kind[:-1][same], seen.kind[1:][same]
    wait = np.diff(seen.times)[same]
    if len(wait) < _LEAST:
        raise InvalidInput(
            f"waiting_time_bound: {len(wait)} pairs of successive visible events; at least {_LEAST} "
            "are needed: watch for longer or more paths."
        )
    size = len(reverse)
    pair = first * size + second
    back = reverse[second] * size + reverse[first]
    bins = _bins(np.minimum(pair, back), wait)
    code = pair * _MOST_BINS + bins
    found, label = np.unique(code, return_inverse=True)
    wanted = (
        reverse[found // _MOST_BINS % size] * size + reverse[found // _MOST_BINS // size]
    ) * _MOST_BINS + found % _MOST_BINS
    place = np.searchsorted(found, wanted).clip(0, len(found) - 1)
    partner = np.where(found[place] == wanted, place, -1)
    counts = np.bincount(label)
    joint = reversed_counts(counts, partner)
    alone = reversed_counts(np.bincount(first, minlength=size), reverse)
    influence = joint.influence[label] - alone.influence[first]
    # The sum over single transitions is subtracted as it is, uncorrected: what comes out is rather
    # too small than too large, by at most one nat per kind over the whole record.
    tied = int(np.count_nonzero(np.bincount(first, minlength=size)))
    free = max(int(np.sum(partner > np.arange(len(found)))) - tied // 2, 0)
    value = (joint.value - alone.value - tied) / seen.duration
    spread = sum_error(influence, free, wait, seen.path[:-1][same]) / seen.duration
    notes = (
        f"{size} kinds of transition, {len(found)} cells of (transition, next, waiting time).",
    )
    if joint.one_way.any():
        names = tuple(f"{c // _MOST_BINS // size}→{c // _MOST_BINS % size}" for c in found.tolist())
        notes = (*notes, one_way_note(names, counts, joint.one_way))
    return Estimate(
        np.asarray(value),
        np.asarray(spread),
        np.asarray(len(wait)),
        bound="lower",
        method="waiting_times",
        notes=notes,
    )


def _bins(group: Int[np.ndarray, " N"], wait: Float[np.ndarray, " N"]) -> Int[np.ndarray, " N"]:
    """Number of the bin of each waiting time: in every group n^{1/3} of them, of equal counts."""
    order = np.lexsort((wait, group))
    sizes = np.unique(group, return_counts=True)[1]
    rank = np.empty(len(wait), int)
    rank[order] = np.concatenate([np.arange(size) for size in sizes])
    whole = np.empty(len(wait), int)
    whole[order] = np.repeat(sizes, sizes)
    count = np.clip(np.cbrt(whole).astype(int), 1, _MOST_BINS)
    return rank * count // whole
