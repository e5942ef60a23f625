"""Several estimates of one entropy production side by side, and the verdict below them."""

from collections.abc import Iterator
from dataclasses import dataclass

from noneq.display import Card, Section
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.thermo.reversal.verdict_line import Verdict


_COLUMNS = ("method", "value ± s.e.", "bound", "limit", "notes")


@dataclass(frozen=True, repr=False)
class Agreement:
    """All methods that apply to some data, a row each, and the verdict.

    Attributes:
        rows: estimates, nats per unit time; `Estimate.method` names each.
        verdict: in equilibrium or not; None for a model, whose record is its own choice.
        refused: (method, reason) of those that the data do not allow.
    """

    rows: tuple[Estimate, ...]
    verdict: Verdict | None
    refused: tuple[tuple[str, str], ...] = ()

    def __iter__(self) -> Iterator[Estimate]:
        """The rows."""
        return iter(self.rows)

    def __getitem__(self, method: str) -> Estimate:
        """The row of a method.

        Raises:
            InvalidInput: no such row; the reason if it was refused.
        """
        for row in self.rows:
            if row.method == method:
                return row
        for name, reason in self.refused:
            if name == method:
                raise InvalidInput(f"Agreement: {method} does not apply: {reason}")
        have = ", ".join(row.method for row in self.rows) or "none"
        raise InvalidInput(f"Agreement: no method {method!r}; the rows are {have}.")

    def __str__(self) -> str:
        """The table, and the verdict line."""
        table = [_COLUMNS, *map(_cells, self.rows)]
        widths = [max(len(row[i]) for row in table) for i in range(len(_COLUMNS) - 1)]
        lines = [
            "  ".join([*(cell.ljust(w) for cell, w in zip(row[:-1], widths, strict=True)), row[-1]])
            for row in table
        ]
        lines += [f"{name}: not applicable. {reason}" for name, reason in self.refused]
        if self.verdict is not None:
            lines.append(self.verdict.sentence)
        return "\n".join(line.rstrip() for line in lines)

    def __repr__(self) -> str:
        """As `str`."""
        return str(self)

    def _repr_html_(self) -> str:
        """The verdict as a title and the table, for notebooks."""
        title = "Entropy production" if self.verdict is None else self.verdict.sentence
        table = Section("Estimates", _COLUMNS, [_cells(row) for row in self.rows], unfolded=True)
        none = Section("Not applicable", ("method", "reason"), self.refused)
        return Card(title, (), (table, none)).html()


def _cells(row: Estimate) -> tuple[str, ...]:
    mean = row.mean()
    value = f"{float(mean.value):.4g} ± {float(mean.stderr):.2g} {row.unit}".rstrip()
    limit = "" if mean.limit is None else f"{float(mean.limit):.4g}"
    if mean.limit_stderr is not None:
        limit += f" ± {float(mean.limit_stderr):.2g}"
    bound = "" if row.bound == "none" else row.bound
    return (row.method, value, bound, limit, "; ".join(row.notes))
