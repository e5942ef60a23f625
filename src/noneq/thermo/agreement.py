"""Several estimates of one entropy production side by side, and the verdict below them."""

import re
import warnings
from collections.abc import Iterable, Iterator
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

    @property
    def not_applicable(self) -> list[str]:
        """Why methods were refused, a sentence for each reason."""
        return together(self.refused, "not applicable. ")

    def __str__(self) -> str:
        """The table, and the verdict line."""
        table = [_COLUMNS, *map(_cells, self.rows)]
        widths = [max(len(row[i]) for row in table) for i in range(len(_COLUMNS) - 1)]
        lines = [
            "  ".join([*(cell.ljust(w) for cell, w in zip(row[:-1], widths, strict=True)), row[-1]])
            for row in table
        ]
        lines += self.not_applicable
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


def own_words(caught: Iterable[warnings.WarningMessage]) -> list[str]:
    """What estimators warned of, as they begin with their names; other warnings are passed on."""
    found = []
    for warning in caught:
        text = str(warning.message)
        if warning.category is UserWarning and _CALLER.match(text):
            found.append(text)
        else:
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )
    return found


def together(told: Iterable[tuple[str, str]], before: str = "") -> list[str]:
    """What several methods say alike, once: ``"gaussian, tur: the interval is too long"``.

    Sentences that differ in their numbers alone count as one, told in the words of the first method.

    Args:
        told: (method, sentence), which may begin with the name of a function.
        before: put before each sentence.
    """
    groups: dict[str, tuple[list[str], str]] = {}
    for method, sentence in told:
        text = _CALLER.sub("", sentence)
        names, _ = groups.setdefault(_NUMBER.sub("#", text), ([], text))
        if method not in names:
            names.append(method)
    return [f"{', '.join(names)}: {before}{text}" for names, text in groups.values()]


_CALLER, _NUMBER = re.compile(r"^[a-z_]+(?:, [a-z_]+)*: "), re.compile(r"\d[\d.]*(?:e[-+]?\d+)?")


def _cells(row: Estimate) -> tuple[str, ...]:
    mean = row.mean()
    value = f"{float(mean.value):.4g} ± {float(mean.stderr):.2g} {row.unit}".rstrip()
    limit = "" if mean.limit is None else f"{float(mean.limit):.4g}"
    if mean.limit_stderr is not None:
        limit += f" ± {float(mean.limit_stderr):.2g}"
    bound = "" if row.bound == "none" else row.bound
    return (row.method, value, bound, limit, "; ".join(row.notes))
