"""Optimal control, measured."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from noneq.spec.names import unknown
from noneq.studies.base import AbstractCell, AbstractStudy
from noneq.studies.control.lqg import cells_of_lqg
from noneq.studies.control.nest import cells_of_nest
from noneq.studies.control.protocols import cells_of_protocols


_CELLS: dict[str, Callable[[float, bool], list[AbstractCell]]] = {
    "protocols": cells_of_protocols,
    "lqg": lambda scale, quick: cells_of_lqg(quick),
    "nest": lambda scale, quick: cells_of_nest(quick),
}
"""Cells of each part, from the scale and whether the study is quick."""
PARTS = tuple(_CELLS)


class ControlStudy(AbstractStudy):
    """Protocols of least work, learnt forces, and five published tasks, each beside its optimum.

    Args:
        parts: of `PARTS`.
        scale: share of the paths of the protocols in the full study.
        short: leave out the slow processes.

    Raises:
        InvalidInput: an unknown part, or a scale that is not positive.
    """

    name: ClassVar[str] = "control"
    title: ClassVar[str] = "Optimal control, measured"
    question: ClassVar[str] = (
        "Do the optimal protocols take as little work as theory allows, jumps at both ends included, and "
        "what does a linear one take?"
    )
    limits: ClassVar[tuple[str, ...]] = (
        "optimal is the least mean work of any path of potentials between both ends in that time, in "
        "closed form (traps) or by quantiles (double wells); noneq is the measured work of the protocol "
        "or path that reaches it.",
        "Works are of overdamped paths in small time steps; errors are those of sampling alone. Starts "
        "are stratified, which lowers the error of a mean.",
        "The linear erasure tilts the memory up to 8 and back in straight lines; it is no optimum of its "
        "kind. The optimal driving aims at a smooth law that leaves 0.03 % of the states behind.",
        "seconds are those of a machine with other work, compilation included.",
    )
    sources: ClassVar[tuple[str, ...]] = ("schmiedl2007optimal", "aurell2011optimal")

    parts: tuple[str, ...] = PARTS
    scale: float = 1.0
    short: bool = False

    def __check_init__(self) -> None:
        for name in self.parts:
            if name not in PARTS:
                raise unknown("part of the study", name, PARTS)

    @staticmethod
    def figures(rows: Sequence[Mapping[str, Any]], cells: Sequence[Any]) -> list[Any]:
        """See `noneq.studies.control.pictures`."""
        from noneq.studies.control.pictures import figures

        return figures(rows, cells)

    def reduced(self) -> "ControlStudy":
        """A fiftieth of the paths, three processes."""
        return dataclasses.replace(self, scale=0.02, short=True)

    def all_cells(self) -> list[AbstractCell]:
        """The cells of the parts."""
        return [cell for part in self.parts for cell in _CELLS[part](self.scale, self.short)]
