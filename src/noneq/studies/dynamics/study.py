"""From trajectories to laws of motion, measured: forces, laws, intervals, interventions, graphs."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from noneq.errors import InvalidInput
from noneq.spec.names import unknown
from noneq.studies.base import AbstractCell, AbstractStudy
from noneq.studies.dynamics.flock import FlockCell
from noneq.studies.dynamics.forces import force_cells
from noneq.studies.dynamics.interventions import ChainCell, KnockOutCell, graph_cells
from noneq.studies.dynamics.laws import coverage_cells, law_cells
from noneq.studies.dynamics.memory import memory_cells
from noneq.studies.dynamics.neural_graphs import neural_graph_cells
from noneq.studies.dynamics.onsager import onsager_cells


class DynamicsStudy(AbstractStudy):
    """What laws of motion, interventions and graphs learnt from paths are worth, where all is known.

    Args:
        parts: of `PARTS`.
        records: data sets of each drift that is compared with the peer's.
        laws: records of each system whose terms are looked for.
        repeats: data sets of each coverage.
        graphs: records of each network.
        peer: whether Stochastic Force Inference and gleqpy, which have to be installed, are at work
            too.

    Raises:
        InvalidInput: an unknown part, or no data set.
    """

    name: ClassVar[str] = "dynamics"
    title: ClassVar[str] = "From trajectories to laws of motion"
    question: ClassVar[str] = (
        "Do laws of motion learnt from paths have the right terms and true errors, what happens under "
        "interventions that were never seen, and who acts on whom?"
    )
    limits: ClassVar[tuple[str, ...]] = (
        "Laws are polynomials of a library that holds them, with constant noise.",
        "seconds are those of one fit after the first, in one process, on a machine with other work; "
        "the peer compiles its noisy fits anew for every record.",
        "The peer works with its default settings; its linear regression on clean paths, its "
        "noise-aware fit else. Its level for terms and that of SparseDrift are both 0.05; that of "
        "SparseDrift is the chance of a false term, of which the peer's price allows about a quarter.",
        "Graphs: the neural score is one setting of NeuralDrift (two networks of 48 units), which takes "
        "no angles and so leaves the karate club to the libraries.",
        "Interventions are predicted by a library that holds the law (a chain), or by Hill curves "
        "whose form is known (repressilator).",
    )
    sources: ClassVar[tuple[str, ...]] = ("frishman2020learning", "gerardos2025principled")

    parts: tuple[str, ...] = (
        "forces", "laws", "coverage", "interventions", "graphs", "memory", "onsager",
    )  # fmt: skip
    records: int = 20
    laws: int = 8
    repeats: int = 200
    graphs: int = 1
    peer: bool = False

    def __check_init__(self) -> None:
        for name in self.parts:
            if name not in PARTS:
                raise unknown("part of the study", name, tuple(PARTS))
        counts = (self.records, self.laws, self.repeats, self.graphs)
        if min(counts) < 1:
            raise InvalidInput(
                f"DynamicsStudy: records, laws, repeats and graphs are {counts}; expected at least 1."
            )

    @staticmethod
    def figures(rows: Sequence[Mapping[str, Any]], cells: Sequence[Any]) -> list[Any]:
        """See `noneq.studies.dynamics.pictures`."""
        from noneq.studies.dynamics.pictures import figures

        return figures(rows, cells)

    def reduced(self) -> "DynamicsStudy":
        """One record of each kind, and twenty repeats."""
        return dataclasses.replace(self, records=1, laws=1, repeats=20, graphs=1)

    def all_cells(self) -> list[AbstractCell]:
        """The cells of the parts."""
        return [cell for part in self.parts for cell in PARTS[part](self)]


PARTS: dict[str, Callable[[DynamicsStudy], list[AbstractCell]]] = {
    "forces": lambda study: force_cells(seeds=study.records, peer=study.peer),
    "laws": lambda study: [
        *law_cells(seeds=study.laws),
        *(FlockCell(replicate=i) for i in range(study.laws)),
    ],
    "coverage": lambda study: coverage_cells(repeats=study.repeats),
    "interventions": lambda _: [ChainCell(), KnockOutCell()],
    "graphs": lambda study: [
        *graph_cells(study.graphs),
        *(neural_graph_cells(study.graphs) if study.repeats >= 200 else ()),
    ],
    "memory": lambda study: memory_cells(
        repeats=study.repeats, seeds=min(3, study.laws), n=40 * study.repeats, peer=study.peer
    ),
    "onsager": lambda study: onsager_cells(quick=study.repeats < 200),
}
"""Makers of the cells of each part; a further part is one entry here and one in the default of
``DynamicsStudy.parts``."""
