"""Harmonic traps that are moved or stiffened: the two processes whose work is known in full."""

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.domains import Free
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.systems.base import AbstractGradient
from noneq.systems.driven import AbstractDriven
from noneq.systems.protocols import AbstractProtocol, Protocol, extremes


class DraggedTrap(AbstractGradient, AbstractDriven):
    """A bead in a trap whose centre moves, started in equilibrium.

    **Equation**: V(x, λ) = stiffness (x − λ)²/2, λ the centre, dX = −V' dt + √(2/beta) dW. The work
    is Gaussian with variance 2⟨W⟩/beta, and ΔF = 0. The default moves the centre at speed 1 for a
    time of 2: ⟨W⟩ = 1 + e⁻² = 1.135335.

    Class attributes:
        parameter: what the protocol moves.

    Args:
        protocol: the centre over time.
        stiffness: of the trap.
        beta: inverse temperature.

    Raises:
        InvalidInput: stiffness or beta not positive.
    """

    parameter: ClassVar[str] = "centre"

    protocol: AbstractProtocol = Protocol((0.0, 2.0), (0.0, 2.0))
    stiffness: float = 1.0
    beta: float = 1.0

    def __check_init__(self) -> None:
        for name in ("stiffness", "beta"):
            _refuse_nonpositive(getattr(self, name), f"DraggedTrap: {name}")

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(1,)."""
        return (1,)

    @property
    def domain(self) -> Free:
        """The line."""
        return Free()

    @property
    def time_step(self) -> float:
        """0.01/stiffness."""
        return 0.01 / self.stiffness

    @checked
    def initial(self, key: Key) -> Float[Array, "1"]:
        """A draw of the equilibrium of the first centre."""
        noise = jax.random.normal(key, (1,))
        return self.protocol.initial + noise / np.sqrt(self.beta * self.stiffness)

    def potential_at(self, parameter: ScalarLike, t: ScalarLike, x: Float[Array, "1"]) -> Scalar:
        return self.stiffness * (x[0] - parameter) ** 2 / 2


class BreathingTrap(AbstractGradient, AbstractDriven):
    """A bead in a trap whose stiffness changes, started in equilibrium.

    **Equation**: V(x, λ) = λ x²/2, dX = −V' dt + √(2/beta) dW; ΔF = ln(λ_end/λ_start)/(2 beta). The
    default stiffens from 1 to 4 in a time of 1: ⟨W⟩ = 0.936042, ΔF = 0.693147.

    Class attributes:
        parameter: what the protocol moves.

    Args:
        protocol: the stiffness over time; it may be negative for a while, not at the start.
        beta: inverse temperature.

    Raises:
        InvalidInput: beta not positive, or a stiffness that is not positive at the start.
    """

    parameter: ClassVar[str] = "stiffness"

    protocol: AbstractProtocol = Protocol((0.0, 1.0), (1.0, 4.0))
    beta: float = 1.0

    def __check_init__(self) -> None:
        _refuse_nonpositive(self.beta, "BreathingTrap: beta")
        first = self.protocol.initial
        if not isinstance(first, Tracer):
            _refuse_nonpositive(float(first), "BreathingTrap: the stiffness at the start")

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(1,)."""
        return (1,)

    @property
    def domain(self) -> Free:
        """The line."""
        return Free()

    @property
    def time_step(self) -> float:
        """0.01 over the largest stiffness, in size."""
        return 0.01 / max(map(abs, extremes(self.protocol)))

    @checked
    def initial(self, key: Key) -> Float[Array, "1"]:
        """A draw of the equilibrium of the first stiffness."""
        return jax.random.normal(key, (1,)) / jnp.sqrt(self.beta * self.protocol.initial)

    def potential_at(self, parameter: ScalarLike, t: ScalarLike, x: Float[Array, "1"]) -> Scalar:
        return jnp.asarray(parameter) * x[0] ** 2 / 2


def _refuse_nonpositive(value: float, what: str) -> None:
    if not (np.isfinite(value) and value > 0):
        raise InvalidInput(f"{what} = {value}; it must be > 0.")
