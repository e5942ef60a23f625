"""The least mean work between two potentials in a given time, on a line: exact."""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from noneq.control.protocols.driving import TransportDriving
from noneq.control.protocols.ends import (
    check_gradient,
    check_line,
    curve_on_line,
    duration_of,
    end_laws,
    end_potentials,
    on_line,
)
from noneq.control.protocols.line_path import LinePath
from noneq.kinds import checked
from noneq.statistics.work.free_energy_step import best_map
from noneq.statistics.work.line_laws import LineLaw, squared_distance_of_laws
from noneq.systems.driven import AbstractDriven


_STARTS = 100_000


@dataclass(frozen=True)
class LeastWork:
    """What any driving between two potentials must cost, and one that costs no more.

    Attributes:
        work: least mean work W*.
        free_energy: ΔF between the equilibria of both ends.
        distance: W₂ between the first equilibrium and the law at the end.
        driving: the potentials that reach W*, a system to simulate.
        at_equilibrium: least mean work if the process must end in the last equilibrium, ΔF + W₂²/τ.
    """

    work: float
    free_energy: float
    distance: float
    driving: TransportDriving
    at_equilibrium: float

    @property
    def dissipated(self) -> float:
        """W* − ΔF, never negative."""
        return self.work - self.free_energy


@checked
def least_work(system: AbstractDriven, *, nodes: int = 2001) -> LeastWork:
    """The least mean work of any driving with the ends and the time of this one, one coordinate.

    **Equation**: W* = min_p {F[p; V_f] + W₂²(p_0, p)/τ} − F_eq(V_i), F[p; V] = E_p V + E_p ln p/beta: one
    step of the gradient flow of the free energy (Jordan, Kinderlehrer, Otto), whose monotone map T is found
    on nodes. The path of potentials is free; a driving that can only change the system's own parameter
    costs as much or more. Mobility is 1.

    Args:
        system: whose protocol says both ends and the time; what it does between them does not matter.
        nodes: of the map; the error falls as their inverse square (2e-6 at 2001).

    Raises:
        InvalidInput: several coordinates, walls, a force that is no gradient, a protocol that takes no
            time, or an end without equilibrium.

    Source: Aurell, Mejía-Monasterio and Muratore-Ginanneschi 2011, Phys. Rev. Lett. 106, 250601.
    """
    what = "least_work"
    check_line(system, what)
    check_gradient(system, what)
    duration = duration_of(system, what)
    start, end = end_laws(system, nodes)
    first, last = end_potentials(system)
    image, value = best_map(start, end, curve_on_line(last), duration, system.beta)
    began = float(start.weights @ on_line(first)(start.x))
    free_energy = (start.log_normaliser - end.log_normaliser) / system.beta
    return LeastWork(
        work=value - began,
        free_energy=free_energy,
        distance=float(np.sqrt(start.weights @ (image - start.x) ** 2)),
        driving=driving_along(system, start, image),
        at_equilibrium=free_energy + squared_distance_of_laws(start, end) / duration,
    )


def driving_along(
    system: AbstractDriven,
    start: LineLaw,
    image: np.ndarray,
    rise: np.ndarray | None = None,
    bend: np.ndarray | None = None,
) -> TransportDriving:
    """The driving that carries the first equilibrium along a monotone map of its nodes."""
    duration = duration_of(system, "driving")
    path = LinePath(start, image, duration, system.beta, rise, bend)
    states = jnp.asarray(start.draw(_STARTS, 0)[:, None], float)
    return TransportDriving(system, path, states)
