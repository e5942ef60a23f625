"""What a study is: a named list of independent cells whose rows make one table."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias

import equinox as eqx
import numpy as np

from noneq._typing import Key
from noneq.kinds import AbstractChecked
from noneq.runs.rows import Row


Arrays: TypeAlias = dict[str, np.ndarray]
"""What pictures are drawn from, by name."""


@dataclass(frozen=True)
class Outcome:
    """What a cell gives back.

    Attributes:
        rows: its numbers.
        arrays: what pictures are drawn from.
    """

    rows: tuple[Row, ...]
    arrays: Arrays = field(default_factory=dict)


class AbstractCell(AbstractChecked):
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


class AbstractStudy(AbstractChecked):
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
