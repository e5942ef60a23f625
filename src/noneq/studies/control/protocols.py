"""Work of optimal and of linear protocols beside the least that there is."""

import time as clock
from typing import Literal

import jax
import numpy as np

from noneq._typing import Key
from noneq.runs.control import ControlFindings, Measured, control, erase, measure
from noneq.runs.rows import Row
from noneq.studies.base import AbstractCell, Outcome
from noneq.systems import (
    AbstractSystem,
    BreathingTrap,
    DoubleWell,
    DraggedTrap,
    Driven,
    Protocol,
    TiltedWell,
)


_BARRIER, _PEAK = 4.0, 8.0
"""Height of the memory's barrier over kT, and the greatest tilt of the plain erasure."""
_KEPT = 20_000


class ProtocolCell(AbstractCell):
    """One process: the optimal protocol, the linear one, and the least work.

    Args:
        process: ``dragged``: a trap's centre 0 → 1; ``breathing``: its stiffness 1 → 4; ``tilted``: a double
            well 2 (x² − 1)² whose tilt goes 0 → 3.
        duration: τ.
        n: paths of each protocol.
        refine: time steps are cut so many times.
    """

    process: Literal["dragged", "breathing", "tilted"]
    duration: float
    n: int
    refine: int = 1
    replicate: int = 0

    @property
    def case(self) -> str:
        """``control:…``."""
        return f"control:{self.process},tau={self.duration:g}"

    @property
    def method_name(self) -> str:
        """Of the first row."""
        return "noneq"

    def __call__(self, key: Key) -> Outcome:
        """Simulate both protocols, and compare their work with the optimum."""
        began = clock.monotonic()
        system: AbstractSystem
        system, name, start, end = {
            "dragged": (DraggedTrap(), "centre", 0.0, 1.0),
            "breathing": (BreathingTrap(), "stiffness", 1.0, 4.0),
            "tilted": (TiltedWell(), "tilt", 0.0, 3.0),
        }[self.process]
        found = control(
            system,
            name,
            start=start,
            end=end,
            duration=self.duration,
            n=self.n,
            refine=self.refine,
            seed=_seed(key),
        )
        return _outcome(self.case, found, clock.monotonic() - began)


class ErasureCell(AbstractCell):
    """Erasure of a bit in 4 (x² − 1)²: the optimal driving, a tilt that rises and falls, and the bound.

    ``success`` is the share of states that end in the right well.

    Args:
        duration: τ.
        n: paths of each.
    """

    duration: float = 5.0
    n: int = 10_000
    replicate: int = 0

    @property
    def case(self) -> str:
        """``control:erasure``."""
        return "control:erasure"

    @property
    def method_name(self) -> str:
        """Of the first row."""
        return "noneq"

    def __call__(self, key: Key) -> Outcome:
        """Erase both ways."""
        began = clock.monotonic()
        memory = DoubleWell(beta=1.0, barrier=_BARRIER)
        found = erase(memory, duration=self.duration, n=self.n, seed=_seed(key))
        tilt = Protocol((0.0, self.duration / 2, self.duration), (0.0, _PEAK, 0.0))
        plain = Driven(TiltedWell(barrier=_BARRIER), tilt, "tilt")  # pyright: ignore
        linear = measure("linear", plain, plain, self.n, jax.random.fold_in(key, 1), 0.0)
        whole = _outcome(self.case, found, clock.monotonic() - began)
        rows = [Row(self.case, "linear", "work", *_pair(linear))]
        for name, one in (("noneq", found.measured[0]), ("linear", linear)):
            share = one.success if one.success is not None else 0.0
            error = float(np.sqrt(share * (1 - share) / self.n))
            rows.append(Row(self.case, name, "success", share, error))
        return Outcome(
            (*whole.rows, *rows), whole.arrays | {"linear": linear.works[:_KEPT].astype(np.float32)}
        )


def cells_of_protocols(scale: float, quick: bool) -> list[AbstractCell]:
    """All processes; the quick study leaves out the slow ones."""
    size = lambda n: max(200, round(n * scale) // 2 * 2)
    made: list[AbstractCell] = [
        ProtocolCell(process="dragged", duration=1.0, n=size(200_000), refine=4),
        ProtocolCell(process="breathing", duration=1.0, n=size(200_000), refine=2),
    ]
    if quick:
        return [*made, ProtocolCell(process="tilted", duration=0.25, n=size(400_000))]
    return [
        *made,
        ProtocolCell(process="breathing", duration=0.1, n=size(400_000)),
        ProtocolCell(process="breathing", duration=10.0, n=size(50_000)),
        ProtocolCell(process="tilted", duration=0.25, n=size(400_000)),
        ProtocolCell(process="tilted", duration=1.0, n=size(100_000)),
        ProtocolCell(process="tilted", duration=4.0, n=size(20_000)),
        ErasureCell(n=size(10_000)),
    ]


def _outcome(case: str, found: ControlFindings, seconds: float) -> Outcome:
    """Rows, works and sample paths of one process."""
    arrays = {
        ("noneq" if one.name == "optimal" else one.name): one.works[
            :: max(1, len(one.works) // _KEPT)
        ]
        for one in found.measured
    }
    energy = found.free_energy if found.free_energy is not None else 0.0
    rows = (
        *found.rows(case),
        Row(case, "optimal", "free_energy", energy, 0.0),
        Row(case, "noneq", "seconds", seconds, 0.0),
    )
    return Outcome(rows, {name: np.asarray(w, np.float32) for name, w in arrays.items()})


def _pair(one: Measured) -> tuple[float, float]:
    return float(one.work.value), float(one.work.stderr)


def _seed(key: Key) -> int:
    return int(jax.random.randint(key, (), 0, 2**30))
