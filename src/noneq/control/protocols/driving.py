"""The driving of least work as a system: it can be simulated, and its work is measured as any other."""

from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.control.protocols.ends import end_potentials
from noneq.control.protocols.path import AbstractPath
from noneq.domains import Free
from noneq.kinds import checked
from noneq.systems.base import AbstractGradient
from noneq.systems.driven import AbstractDriven
from noneq.systems.protocols import AbstractProtocol, Protocol


class TransportDriving(AbstractGradient, AbstractDriven):
    """Overdamped motion under the potentials of a path between both ends of a driven system.

    **Equation**: V is that of the system before its start, then V_s, s = t/τ, which carries the law
    along straight lines, then the system's after its end: V jumps at both ends, and
    `noneq.thermo.work` counts both jumps. The protocol is s, at −1 before and 2 after.

    Attributes:
        driven: the system whose ends they are.
        path: of the potentials between.
        protocol: s over time.
        beta: inverse temperature.
        starts: ``(n, dim)`` states of the first equilibrium, of which paths start.

    Source: Aurell, Mejía-Monasterio and Muratore-Ginanneschi 2011; Nakazato and Ito 2021.
    """

    symbols: ClassVar[tuple[str, ...]] = ("x",)

    driven: AbstractDriven
    path: AbstractPath
    starts: Float[Array, "n dim"]
    protocol: AbstractProtocol
    beta: float

    def __init__(self, driven: AbstractDriven, path: AbstractPath, starts: Array):
        start, end = driven.protocol.span
        self.driven, self.path, self.starts = driven, path, starts
        self.protocol = Protocol((start, start, end, end), (-1.0, 0.0, 1.0, 2.0))
        self.beta = float(driven.beta)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """The system's."""
        return self.driven.event_shape

    @property
    def domain(self) -> Free:
        """The whole space."""
        return Free()

    @property
    def time_step(self) -> float:
        """0.03 over a typical curvature, at most ½ over the largest and a hundredth of the time."""
        start, end = self.protocol.span
        typical, largest = self.path.curvatures
        return min(0.03 / typical, 0.5 / largest, (end - start) / 100)

    @checked
    def initial(self, key: Key) -> Float[Array, " dim"]:
        """One of the states of the first equilibrium."""
        return self.starts[jax.random.randint(key, (), 0, self.starts.shape[0])]

    def potential_at(self, parameter: ScalarLike, t: ScalarLike, x: Float[Array, " dim"]) -> Scalar:
        before, after = end_potentials(self.driven)
        s = jnp.clip(jnp.asarray(parameter, x.dtype), 0.0, 1.0)
        inside = self.path.potential(s, x)
        return jnp.where(
            jnp.asarray(parameter) < 0, before(x), jnp.where(parameter > 1, after(x), inside)
        )
