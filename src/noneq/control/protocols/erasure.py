"""Erasure of a bit: both wells of a memory emptied into one in a given time."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.control.protocols.driving import TransportDriving
from noneq.control.protocols.ends import check_gradient, check_line, end_laws
from noneq.control.protocols.least_work import driving_along
from noneq.domains import AbstractDomain
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.statistics.work.line_laws import LineLaw, monotone_map, squared_distance_of_laws
from noneq.systems.base import AbstractLangevin
from noneq.systems.driven import AbstractDriven
from noneq.systems.protocols import AbstractProtocol, Protocol


_NODES = 4001
_FINE = 100_001


@dataclass(frozen=True)
class Erasure:
    """What the erasure of a bit costs, and a driving that does it.

    Attributes:
        work: least mean work of a full erasure, Landauer's −ln P/beta and W₂²/τ.
        landauer: −ln P/beta, P the weight of the well that is kept (½: ln 2).
        distance: W₂ between the equilibrium and its part in that well.
        driving: potentials that do it, a system to simulate.
        left: share of states that even the smooth target leaves on the wrong side.
        expected: mean work of the driving: its target is not quite erased, which costs less.
    """

    work: float
    landauer: float
    distance: float
    driving: TransportDriving
    left: float
    expected: float


class _Memory(AbstractDriven):
    """A system that is the same before and after."""

    system: AbstractLangevin
    protocol: AbstractProtocol
    beta: float

    @property
    def event_shape(self) -> tuple[int, ...]:
        """The system's."""
        return self.system.event_shape

    @property
    def domain(self) -> AbstractDomain:
        """The system's."""
        return self.system.domain

    @property
    def time_step(self) -> float:
        """The system's."""
        return self.system.time_step

    def initial(self, key: Key) -> Float[Array, "*event"]:
        """The system's."""
        return self.system.initial(key)

    def nonconservative_force(
        self, t: ScalarLike, x: Float[Array, "*event"]
    ) -> Float[Array, "*event"]:
        """The system's."""
        return self.system.nonconservative_force(t, x)

    def potential_at(
        self, parameter: ScalarLike, t: ScalarLike, x: Float[Array, "*event"]
    ) -> Scalar:
        return self.system.potential(t, x)


@checked
def bit_erasure(
    memory: AbstractLangevin,
    duration: float = 5.0,
    *,
    boundary: float = 0.0,
    keep: Literal["right", "left"] = "right",
    width: float | None = None,
) -> Erasure:
    """Erase a bit at least mean work: from equilibrium to its part on one side of a boundary.

    **Equation**: W* = −ln P/beta + W₂²/τ (0.98833 for (x² − 1)² times 4, τ = 5, beta = 1). That target has a
    wall at the boundary, which no potential of finite force holds: states that lag behind would stay on the
    wrong side. The driving aims at e^{−beta V}/(1 + e^{−(x − b)/width}) instead, which is smooth.

    Args:
        memory: a system of one coordinate.
        duration: τ.
        boundary: b, between the wells.
        keep: the side that remains.
        width: of the edge of the target; None takes a hundredth of the standard deviation.

    Raises:
        InvalidInput: a time or width that is not positive, several coordinates, a force that is no
            gradient, or a boundary with no states on one side or without a barrier.

    Source: Aurell, Gawedzki, Mejía-Monasterio, Mohayaee and Muratore-Ginanneschi 2012; Landauer 1961.
    """
    what = "bit_erasure"
    if not 0 < duration < float("inf"):
        raise InvalidInput(f"{what}: duration = {duration}; it must be > 0.")
    still = Protocol((0.0, float(duration)), (0.0, 0.0))
    system = _Memory(system=memory, protocol=still, beta=float(memory.beta))
    check_line(system, what)
    check_gradient(system, what)
    start, _ = end_laws(system, _NODES)
    sign = 1.0 if keep == "right" else -1.0
    below = float(np.interp(boundary, start.x, start.cumulative()))
    kept = 1 - below if keep == "right" else below
    if not 1e-6 < kept < 1 - 1e-6:
        raise InvalidInput(
            f"{what}: {kept:.3g} of the states lie to the {keep} of boundary = {boundary:g}; put it between "
            "the wells."
        )
    here = np.interp(boundary, start.x, start.log_density)
    tops = [start.log_density[side].max() for side in (start.x < boundary, start.x > boundary)]
    if here > min(tops) - 1:
        raise InvalidInput(
            f"{what}: no barrier of 1 kT or more stands at boundary = {boundary:g}; a bit needs two wells, "
            "such as those of DoubleWell."
        )
    spread = np.sqrt(start.weights @ (start.x - start.weights @ start.x) ** 2)
    edge = float(spread) / 100 if width is None else width
    if not 0 < edge < float("inf"):
        raise InvalidInput(f"{what}: width = {width}; it must be > 0.")
    far = start.x[-1] if keep == "right" else start.x[0]
    half = _law(np.sort(np.linspace(boundary, far, _FINE)), start)
    fine = np.linspace(start.x[0], start.x[-1], _FINE)
    smooth = _law(fine, start, -np.logaddexp(0, -sign * (fine - boundary) / edge))
    distance = squared_distance_of_laws(start, half)
    landauer = -np.log(kept) / system.beta
    image, rise, bend = _map(start, smooth)
    # V is the same at both ends: F + W₂²/τ of the smooth target, less that of equilibrium.
    excess = np.interp(fine, start.x, start.log_density)
    gained = float(smooth.weights @ (smooth.log_density - excess)) / system.beta
    moved = float(start.weights @ (image - start.x) ** 2)
    return Erasure(
        work=float(landauer + distance / duration),
        landauer=float(landauer),
        distance=float(np.sqrt(distance)),
        driving=driving_along(system, start, image, rise, bend),
        left=float(smooth.weights @ (sign * (fine - boundary) < 0)),
        expected=gained + moved / duration,
    )


def _map(start: LineLaw, end: LineLaw) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """T, T' = p_0/p_1(T) and T'' = T' (∂ln p_0 − T' ∂ln p_1(T)) at the nodes."""
    image = monotone_map(start, end)
    rise = np.exp(start.log_density - np.interp(image, end.x, end.log_density))
    first, last = (np.gradient(law.log_density, law.x, edge_order=2) for law in (start, end))
    return image, rise, rise * (first - rise * np.interp(image, end.x, last))


def _law(x: np.ndarray, start: LineLaw, more: np.ndarray | float = 0.0) -> LineLaw:
    """The law at other nodes, times a factor whose logarithm is ``more``."""
    from scipy.interpolate import CubicSpline

    logs = CubicSpline(start.x, start.log_density)(x) + more
    top = logs.max()
    return LineLaw(x, logs - top - np.log(np.trapezoid(np.exp(logs - top), x)))
