"""A bound on entropy production from the loops that a sequence of states closes."""

from typing import Any

import numpy as np

from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.needs import observable
from noneq.statistics.chains.reversed_counts import reversed_counts, sum_error
from noneq.thermo.estimators.records import Record, one_way_note, record_of


@observable("values")
def cycle_bound(states: Any) -> Estimate:
    """Entropy production of the cycles of states that were gone through, each against its reverse.

    **Equation**: (1/T) Σ_c (n_c − n_c̄) ln(n_c/n_c̄) over cycles c and their reverses c̄. A walk closes
    a cycle when it comes back to a state of its present, loop-free path; that loop is then counted
    and cut out. Of a Markov chain the sum over all cycles is the entropy production, and every term
    is positive: the cycles that a finite record shows give a lower bound. Counts enter through
    digamma functions (`noneq.statistics.chains.reversed_counts`).

    It names what drives the system, since ln(n_c/n_c̄) is the affinity of the cycle, also where many
    transitions are seen too rarely for `plug_in_rate`.

    Args:
        states: as `noneq.thermo.plug_in_rate`.

    Returns:
        Nats per unit time (per step for sequences without times), with the error over blocks of
        successive cycles. The notes name the cycles that dissipate most.

    Raises:
        InvalidInput: as `noneq.thermo.plug_in_rate`, or no cycle was closed.

    Source: Jiang, Qian and Qian, Mathematical Theory of Nonequilibrium Steady States, 2004, theorem
    1.3.3; Jia, Jiang and Qian 2016.
    """
    record = record_of(states, "cycle_bound")
    cycles, closed, at = _closed(record)
    if not closed:
        raise InvalidInput(
            "cycle_bound: no cycle was closed; give longer sequences, or states that come back."
        )
    order = {cycle: number for number, cycle in enumerate(cycles)}
    reverse = np.asarray([order.get(_back(cycle, record), -1) for cycle in cycles])
    number = np.asarray(closed)
    counts = np.bincount(number, minlength=len(cycles))
    found = reversed_counts(counts, reverse)
    names = tuple(_named(cycle, record) for cycle in cycles)
    notes = _largest(counts, reverse, names, record.duration)
    if found.one_way.any():
        notes = (*notes, one_way_note(names, counts, found.one_way))
    value = found.value / record.duration
    pairs = int(np.sum((reverse >= 0) & (reverse != np.arange(len(counts))))) // 2
    wait = np.diff(record.wait.cumsum()[at], prepend=0.0)
    spread = sum_error(found.influence[number], pairs, wait, record.path[at])
    return Estimate(
        np.asarray(value),
        np.asarray(spread / record.duration),
        np.asarray(len(number)),
        bound="lower",
        method="cycles",
        bias=np.asarray(found.raw / record.duration - value) if np.isfinite(found.raw) else None,
        notes=notes,
    )


def _closed(record: Record) -> tuple[list[tuple[int, ...]], list[int], list[int]]:
    """Different cycles as their kinds of transition; number and last transition of each one closed."""
    source, target = record.source.tolist(), record.target.tolist()
    order: dict[tuple[int, ...], int] = {}
    closed: list[int] = []
    at: list[int] = []
    place: dict[int, int] = {}
    walk: list[int] = []
    last = -1
    pairs = zip(record.kind.tolist(), record.path.tolist(), strict=True)
    for i, (kind, path) in enumerate(pairs):
        start, end = source[kind], target[kind]
        if path != last or start not in place or place[start] != len(walk):
            place, walk, last = {start: 0}, [], path
        if start == end:
            continue
        walk.append(kind)
        if end not in place:
            place[end] = len(walk)
            continue
        first = place[end]
        loop = walk[first:]
        for old in loop[:-1]:
            del place[target[old]]
        del walk[first:]
        least = loop.index(min(loop))
        at.append(i)
        closed.append(order.setdefault((*loop[least:], *loop[:least]), len(order)))
    return list(order), closed, at


def _back(cycle: tuple[int, ...], record: Record) -> tuple[int, ...]:
    """The cycle gone through the other way, written as `_closed` does; () if it was never seen."""
    back = [int(record.reverse[kind]) for kind in reversed(cycle)]
    if min(back) < 0:
        return ()
    least = back.index(min(back))
    return (*back[least:], *back[:least])


def _named(cycle: tuple[int, ...], record: Record) -> str:
    inside = [f"{record.names[kind].split('→')[0]}" for kind in cycle]
    channel = {record.names[kind].partition(" ")[2] for kind in cycle} - {""}
    return "→".join([*inside, inside[0]]) + (f" {' '.join(sorted(channel))}" if channel else "")


def _largest(
    counts: np.ndarray, reverse: np.ndarray, names: tuple[str, ...], duration: float
) -> tuple[str, ...]:
    """The three cycles that dissipate most among those seen both ways."""
    back = np.where(reverse >= 0, counts[reverse], 0)
    both = (back > 0) & (counts > back)
    share = np.where(both, (counts - back) * np.log(counts / np.maximum(back, 1)), 0.0)
    rows = [k for k in np.argsort(-share)[:3] if share[k] > 0]
    return tuple(
        f"Cycle {names[k]}: {counts[k]} times, {back[k]} in reverse, affinity "
        f"{np.log(counts[k] / back[k]):.3g}, {share[k] / duration:.4g} nats per unit time."
        for k in rows
    )
