"""The blind panel as a cell: false alarms of the verdict, and its power against what is dissipated."""

import time as clock

import numpy as np

from noneq._typing import Key
from noneq.runs.rows import Row
from noneq.studies.base import AbstractCell, Outcome
from noneq.studies.thermo_zoo.panel import ask


ENOUGH = 150.0
"""σT from which on the power is to be 0.95 or more."""


class BlindCell(AbstractCell):
    """Random systems in equilibrium, and as many driven ones, each asked once.

    Args:
        members: of each of the two kinds.
        level: of the verdict.
    """

    members: int = 200
    level: float = 0.01
    replicate: int = 0

    @property
    def case(self) -> str:
        """``blind``."""
        return "blind"

    @property
    def method_name(self) -> str:
        """``verdict``."""
        return "verdict"

    def __call__(self, key: Key) -> Outcome:
        """Ask; the systems and their noise are those of the seeds 0, 1, …, whatever the key."""
        began = clock.monotonic()
        still = ask(range(self.members), driven=False, level=self.level)
        driven = ask(range(self.members), driven=True, level=self.level)
        strong = driven.dissipated >= ENOUGH
        power = driven.power(ENOUGH)
        error = np.sqrt(power * (1 - power) / strong.sum())
        rows = (
            Row(self.case, "verdict", "false_alarms", float(still.false_alarms), 0.0),
            Row(self.case, "verdict", "alarms_tried", float(len(still.rejected)), 0.0),
            Row(self.case, "verdict", "power_150", power, float(error)),
            Row(self.case, "verdict", "seconds", clock.monotonic() - began, 0.0),
        )
        arrays = {
            "dissipated": driven.dissipated,
            "rejected": driven.rejected,
            "bound": driven.bound,
            "level": np.asarray(self.level),
        }
        return Outcome(rows, arrays)
