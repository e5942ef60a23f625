"""Conditional laws: a comparison of like conditions with like."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from noneq.data.ensembles import Snapshots, Trajectories
from noneq.estimate import Estimate


Data: TypeAlias = Snapshots | Trajectories

_LEAST = 20
"""Fewest states of a group at each of its times."""
_SLICES = 4
"""Equal shares that a quantity is cut into."""


def within_conditions(
    compare: Callable[[Data, Data, Data | None], Estimate],
    samples: Data,
    reference: Data,
    truth: Data | None = None,
) -> Estimate:
    """A comparison inside groups of like conditions, averaged by the reference's states.

    Over all conditions together a model that confuses them looks right: only p(x | c) tells.

    **Equation**: Σ_g w_g d(samples | g, reference | g), w_g the share of the reference's states
    in group g; errors √Σ (w_g stderr_g)². A group is a category, or a quarter of a quantity's
    values (of each column); groups with fewer than 20 states at one of their times join the next.

    Args:
        compare: (samples, reference, truth) to a scalar estimate.
        samples, reference: with conditions; samples at the times of the reference, with
            conditions drawn from it.
        truth: for the floor, with more states than the samples in every group.
    """
    sets = [samples, reference] + ([] if truth is None else [truth])
    codes = _codes(sets)
    parts, shares = [], []
    for group in _groups(samples, codes[0], reference, codes[1]):
        rows = [np.flatnonzero(np.isin(code, group)) for code in codes]
        picked = [data.take(row) for data, row in zip(sets, rows, strict=True)]
        parts.append(compare(picked[0], picked[1], None if truth is None else picked[2]))
        shares.append(picked[1].counts.sum())
    return _average(parts, np.asarray(shares) / np.sum(shares))


def _codes(sets: list[Data]) -> list[np.ndarray]:
    """One number for each row of each set, equal for like conditions of the second, in order."""
    conditions = [np.asarray(data.condition) for data in sets]
    whole, named = conditions[1].dtype.kind == "i", sets[1].categories
    cuts = np.linspace(0, 1, _SLICES + 1)[1:-1]
    digits = []
    for i, column in enumerate(conditions[1].T):
        every = np.concatenate([c[:, i] for c in conditions])
        label = whole or bool(named and named[i])
        edges = np.unique(every if label else np.quantile(column, cuts))
        digits.append([np.searchsorted(edges, c[:, i], side="right") for c in conditions])
    rows = np.concatenate([np.stack(one, axis=1) for one in zip(*digits, strict=True)])
    code = np.unique(rows, axis=0, return_inverse=True)[1].reshape(-1)
    return np.split(code, np.cumsum([len(c) for c in conditions])[:-1])


def _groups(
    samples: Data, sample_codes: np.ndarray, reference: Data, codes: np.ndarray
) -> list[list[int]]:
    """Codes put together until every group has states enough at each time it is met."""
    count = 1 + int(max(sample_codes.max(), codes.max()))
    ours, theirs = _table(samples, sample_codes, count), _table(reference, codes, count)
    groups, pending = [], []
    for code in np.flatnonzero(theirs.any(axis=1)).tolist():
        pending.append(code)
        fewest = np.minimum(ours[pending].sum(axis=0), theirs[pending].sum(axis=0))
        met = (ours[pending].sum(axis=0) > 0) | (theirs[pending].sum(axis=0) > 0)
        if met.any() and fewest[met].min() >= _LEAST:
            groups.append(pending)
            pending = []
    if pending and groups:
        groups[-1] += pending
    return groups or [pending]


def _table(data: Data, codes: np.ndarray, count: int) -> np.ndarray:
    """States of each code at each time."""
    if isinstance(data, Trajectories):
        row, column = np.nonzero(data.observed)
    else:
        row, column = np.arange(data.n), data.time_index
    table = np.zeros((count, data.times.size), int)
    np.add.at(table, (codes[row], column), 1)
    return table


def _average(parts: list[Estimate], shares: np.ndarray) -> Estimate:
    numbers = lambda name: np.asarray([getattr(part, name).item() for part in parts])
    mean = lambda name: np.asarray(shares @ numbers(name))
    error = lambda name: np.asarray(np.sqrt(np.sum((shares * numbers(name)) ** 2)))
    floor = parts[0].floor is not None
    return Estimate(
        mean("value"),
        error("stderr"),
        np.asarray(numbers("n").sum()),
        floor=mean("floor") if floor else None,
        floor_stderr=error("floor_stderr") if floor else None,
        floor_kind=parts[0].floor_kind,
        unit=parts[0].unit,
    )
