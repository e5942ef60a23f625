"""What a study is: a named list of independent cells whose rows make one table."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias

import equinox as eqx
import numpy as np

from noneq._typing import Key
from noneq.errors import InvalidInput
from noneq.estimate import Estimate


Arrays: TypeAlias = dict[str, np.ndarray]
"""What pictures are drawn from, by name."""


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


@dataclass(frozen=True)
class Outcome:
    """What a cell gives back.

    Attributes:
        rows: its numbers.
        arrays: what pictures are drawn from.
    """

    rows: tuple[Row, ...]
    arrays: Arrays = field(default_factory=dict)


class AbstractCell(eqx.Module):
    """An independent piece of a study: its fields and a key determine its outcome.

    Attributes:
        replicate: number of the seed, 0, 1, …; cells of the same case and replicate get the
            same key, so that all methods meet the same data.
    """

    replicate: eqx.AbstractVar[int]

    @property
    @abstractmethod
    def case(self) -> str:
        """The setting, e.g. ``drive=20``."""

    @property
    @abstractmethod
    def method_name(self) -> str:
        """Who is at work."""

    @abstractmethod
    def __call__(self, key: Key) -> Outcome:
        """Do the work."""


class AbstractStudy(eqx.Module):
    """A named list of independent cells; the fields are its settings.

    Class attributes:
        name: on the command line and in the results.
        title: heading of the report.
        question: what it asks, one or two sentences.
        limits: what its numbers do not say.
        sources: BibTeX keys of what it reproduces.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    question: ClassVar[str]
    limits: ClassVar[tuple[str, ...]]
    sources: ClassVar[tuple[str, ...]]

    @abstractmethod
    def reduced(self) -> "AbstractStudy":
        """The same question with fewer steps and cases, for ``--quick`` (≤ 3 minutes)."""

    @abstractmethod
    def all_cells(self) -> list[AbstractCell]:
        """The cells at these settings."""

    @staticmethod
    @abstractmethod
    def figures(rows: Sequence[Mapping[str, Any]], cells: Sequence[Any]) -> list[Any]:
        """Pictures of the report, from the rows of the results file and the finished cells."""

    def cells(self, quick: bool = False) -> list[AbstractCell]:
        """The cells of the full or the quick study."""
        return (self.reduced() if quick else self).all_cells()


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
