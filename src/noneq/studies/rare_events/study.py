"""The study `rare_events`: what hardly ever happens, beside its exact probability."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from noneq.spec.names import unknown
from noneq.studies.base import AbstractCell, AbstractStudy
from noneq.studies.rare_events.cells import EventCell
from noneq.studies.rare_events.committors import cells_of_committors
from noneq.studies.rare_events.doob import DoobCell
from noneq.studies.rare_events.populations import cells_of_populations
from noneq.studies.rare_events.problems import AbstractEvent, OuMax, PlaneWell, WellCrossing


PARTS = ("splitting", "committors", "populations")
_TIMES = (6.0, 4.0, 8.0, 10.0)


class RareEventsStudy(AbstractStudy):
    """Splitting, committors, rates and time averages where the answer is known.

    Args:
        parts: of `PARTS`.
        n: paths of a repeat.
        repeats: independent ones.
        short: leave out the plane and the rarest events.

    Raises:
        InvalidInput: an unknown part.
    """

    name: ClassVar[str] = "rare_events"
    title: ClassVar[str] = "Rare events, measured"
    question: ClassVar[str] = (
        "Does splitting find probabilities from 1e-2 down to 1e-6 that are known exactly, with honest error "
        "bars, in continuous time and of a simulator of which only the next step is known?"
    )
    limits: ClassVar[tuple[str, ...]] = (
        "AMS counts crossings between steps and is compared with continuous time; the black box is looked at "
        "after its steps alone and is compared with the chain of these steps.",
        "The exact values of the plane are of a grid of spacing 0.01: within about 1 %.",
        "rate:…,chain: sets are looked at after steps of 0.01, and the exact rate is that of these chains, "
        "from their mean passage time, without the time that a path takes to settle in its first well.",
        "direct: as many paths as AMS has in all (n × repeats × 5), so that it sees few events or none.",
        "seconds hold the compilation and are those of a machine with other work.",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "cerou2007adaptive", "brehier2016unbiasedness", "huber1996weighted", "allen2006simulating",
        "giardina2006direct",
    )  # fmt: skip

    parts: tuple[str, ...] = PARTS
    n: int = 200
    repeats: int = 20
    short: bool = False

    def __check_init__(self) -> None:
        for name in self.parts:
            if name not in PARTS:
                raise unknown("part of the study", name, PARTS)

    @staticmethod
    def figures(rows: Sequence[Mapping[str, Any]], cells: Sequence[Any]) -> list[Any]:
        """See `noneq.studies.rare_events.pictures`."""
        from noneq.studies.rare_events.committor_pictures import committor_figures
        from noneq.studies.rare_events.pictures import figures

        return [*figures(rows, cells), *committor_figures(cells)]

    def reduced(self) -> "RareEventsStudy":
        """Fifty paths, five repeats, on the line only."""
        return dataclasses.replace(self, n=50, repeats=5, short=True)

    def all_cells(self) -> list[AbstractCell]:
        """The cells of the parts."""
        made = {
            "splitting": self._splitting,
            "committors": lambda: [
                *cells_of_committors(quick=self.short),
                *(() if self.short else (DoobCell(),)),
            ],
            "populations": lambda: cells_of_populations(quick=self.short),
        }
        return [cell for part in self.parts for cell in made[part]()]

    def _splitting(self) -> list[AbstractCell]:
        line: list[AbstractEvent] = [OuMax(a=4.0), WellCrossing()]
        plane: list[AbstractEvent] = []
        if not self.short:
            line.append(OuMax(a=5.0))
            plane = [PlaneWell(eps=eps, horizon=t) for t in _TIMES for eps in (0.1, 0.05)]
        compared = [*line, *plane[:2]]
        cells: list[AbstractCell] = [self._cell(event, "AMS") for event in (*compared, *plane[2:])]
        cells += [self._cell(event, "AMS (black box)") for event in compared]
        cells += [self._cell(event, "direct", 5) for event in compared]
        timed = [event for event in compared if event.asked.get("horizon")]
        cells += [self._cell(event, "weighted ensemble") for event in timed]
        return cells

    def _cell(self, event: AbstractEvent, method: Any, times: int = 1) -> EventCell:
        return EventCell(event=event, method=method, n=self.n, repeats=times * self.repeats)
