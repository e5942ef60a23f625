"""Linear systems that the study looks at: of two coordinates, chains of beads, and fields."""

from typing import Literal

from noneq.studies.thermo_zoo.records import PathRecord
from noneq.systems import (
    AOUP,
    BeadSpring,
    BrownianGyrator,
    CoupledParticles,
    Linear,
    NonreciprocalFields,
)


IN_MEMORY = 8
"""Beads of the longest chain whose record is held in memory; those of longer ones are on disk."""


def plane_records(size: tuple[int, int]) -> list[PathRecord]:
    """Exact data, and one system in Euler's steps.

    Args:
        size: frames of each path, and paths.
    """
    hot = BrownianGyrator(ty=10.0)
    # σ = 1/9 is weak: five times the paths for an error below 3 %.
    frames, paths = size
    return [
        PathRecord("trap:k=1,w=2,dt=0.02", Linear(), 0.02, *size),
        PathRecord("trap:k=1,w=2,dt=0.1", Linear(), 0.1, *size),
        PathRecord("gyrator:ty=3,dt=0.02", BrownianGyrator(), 0.02, frames, 5 * paths),
        PathRecord("gyrator:ty=10,dt=0.05", hot, 0.05, *size),
        PathRecord("gyrator:ty=10,dt=0.05,euler", hot, 0.05, *size, "euler"),
        PathRecord("aoup:tau=0.5,dt=0.02", AOUP(), 0.02, *size),
        PathRecord("aoup:tau=2,dt=0.1", AOUP(tau=2.0), 0.1, *size),
        PathRecord("coupled:ka=1,dt=0.02", CoupledParticles(), 0.02, *size),
        PathRecord("coupled:ka=4,dt=0.05", CoupledParticles(ka=4.0), 0.05, *size),
        PathRecord("bead_spring:N=2,dt=0.1,exact", BeadSpring(2), 0.1, *size),
    ]


def bead_record(
    beads: int, size: tuple[int, int], generator: Literal["exact", "euler"] = "euler"
) -> PathRecord:
    """A chain between 1 and 10; above eight beads with the cold bath of NEEP's paper, of unit rate."""
    label = f"bead_spring:N={beads},dt=0.01,{generator}"
    cold = 1.0 if beads <= IN_MEMORY else float(f"{BeadSpring.of_rate(beads).cold:.5g}")
    return PathRecord(label, BeadSpring(beads, cold), 0.01, *size, generator=generator)


def field_records(size: tuple[int, int]) -> list[PathRecord]:
    """Two fields on a ring that push each other unequally."""
    return [
        PathRecord(
            f"fields:sites={sites},w={w:g},dt={dt:g}",
            NonreciprocalFields(sites=sites, w=w),
            dt,
            *size,
        )
        for sites, w, dt in ((8, 0.8, 0.05), (16, 0.8, 0.02), (16, 0.3, 0.05))
    ]
