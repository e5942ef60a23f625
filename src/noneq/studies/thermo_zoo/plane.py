"""Linear systems of two coordinates that the study looks at."""

from noneq.studies.thermo_zoo.records import PathRecord
from noneq.systems import AOUP, BeadSpring, BrownianGyrator, CoupledParticles, Linear


def plane_records(size: tuple[int, int]) -> list[PathRecord]:
    """Exact data, and one system in Euler's steps.

    Args:
        size: frames of each path, and paths.
    """
    hot = BrownianGyrator(ty=10.0)
    return [
        PathRecord("trap:k=1,w=2,dt=0.02", Linear(), 0.02, *size),
        PathRecord("trap:k=1,w=2,dt=0.1", Linear(), 0.1, *size),
        PathRecord("gyrator:ty=3,dt=0.02", BrownianGyrator(), 0.02, *size),
        PathRecord("gyrator:ty=10,dt=0.05", hot, 0.05, *size),
        PathRecord("gyrator:ty=10,dt=0.05,euler", hot, 0.05, *size, "euler"),
        PathRecord("aoup:tau=0.5,dt=0.02", AOUP(), 0.02, *size),
        PathRecord("aoup:tau=2,dt=0.1", AOUP(tau=2.0), 0.1, *size),
        PathRecord("coupled:ka=1,dt=0.02", CoupledParticles(), 0.02, *size),
        PathRecord("coupled:ka=4,dt=0.05", CoupledParticles(ka=4.0), 0.05, *size),
        PathRecord("bead_spring:N=2,dt=0.1,exact", BeadSpring(2), 0.1, *size),
    ]
