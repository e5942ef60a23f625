"""Rows of results: one number of one seed, its error and its floor; and averages over seeds."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.kinds import checked


@dataclass(frozen=True)
class Row:
    """One number of a study, from one seed.

    Attributes:
        case: the setting, e.g. ``drive=20``.
        method: who made the number.
        metric: what it measures; a metric's row name is its function's name.
        value: the number.
        stderr: its standard error within the seed, 0 for an exact number.
        floor: the same metric between two independent truth samples; None if that means nothing.
    """

    case: str
    method: str
    metric: str
    value: float
    stderr: float
    floor: float | None = None


@checked
def row_of(case: str, method: str, metric: str, estimate: Estimate) -> Row:
    """The row of a scalar estimate.

    Raises:
        InvalidInput: an estimate of several entries.
    """
    if estimate.value.size != 1:
        raise InvalidInput(
            f"row {metric}: the estimate has {estimate.value.size} entries; take its mean()."
        )
    floor = None if estimate.floor is None else float(estimate.floor.item())
    return Row(
        case, method, metric, float(estimate.value.item()), float(estimate.stderr.item()), floor
    )


def over_times(estimate: Estimate, *, same_paths: bool) -> Estimate:
    """Mean over the times; frames of the same paths err together, so their errors do not shrink."""
    if estimate.value.ndim == 0:
        return estimate
    mean = estimate.mean()
    return replace(mean, stderr=np.asarray(estimate.stderr.mean())) if same_paths else mean


@checked
def combine(outcomes: list[tuple[Row, ...]]) -> list[dict[str, Any]]:
    """Average rows over the seeds.

    **Equation**: value and floor are means over the S seeds;
    stderr = √(max(s², w²)/S), s² the variance over seeds (which holds the noise within a seed
    already), w² the mean of the squared errors within. With one seed it is the error within.

    Returns:
        rows of the results file: case, method, metric, value, stderr, floor, seeds.
    """
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for rows in outcomes:
        for row in rows:
            groups.setdefault((row.case, row.method, row.metric), []).append(row)
    return [_average(*names, rows) for names, rows in groups.items()]


def _average(case: str, method: str, metric: str, rows: list[Row]) -> dict[str, Any]:
    values = np.asarray([row.value for row in rows])
    within = float(np.mean([row.stderr**2 for row in rows]))
    across = float(values.var(ddof=1)) if len(rows) > 1 else 0.0
    floors = [row.floor for row in rows if row.floor is not None]
    return {
        "case": case,
        "method": method,
        "metric": metric,
        "value": float(values.mean()),
        "stderr": float(np.sqrt(max(across, within) / len(rows))),
        "floor": float(np.mean(floors)) if floors else None,
        "seeds": len(rows),
    }
