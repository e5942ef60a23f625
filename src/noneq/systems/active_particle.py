"""An active Ornstein–Uhlenbeck particle."""

from typing import ClassVar

import numpy as np

from noneq.errors import InvalidInput
from noneq.systems.base import HasEntropyProduction
from noneq.systems.linear import AbstractSteadyLinear, linear_entropy_production


class AOUP(AbstractSteadyLinear, HasEntropyProduction):
    """A particle in a trap that propels itself with a velocity of finite memory.

    **Equation**: dx = (−k x + v) dt + √(2 dx) dW, dv = −v/tau dt + √(2 da)/tau dW; v is even under
    time reversal, and entropy production is da/[dx tau (1 + k tau)].

    Args:
        k: stiffness of the trap.
        tau: persistence time of the propulsion.
        dx: diffusivity of the position, by the heat bath.
        da: diffusivity that the propulsion alone would give at long times.

    Raises:
        InvalidInput: a number that is not positive.
    """

    symbols: ClassVar[tuple[str, ...]] = ("x", "v")

    k: float = 1.0
    tau: float = 0.5
    dx: float = 0.3
    da: float = 0.8

    def __check_init__(self) -> None:
        numbers = (self.k, self.tau, self.dx, self.da)
        if not (min(numbers) > 0 and np.isfinite(numbers).all()):
            raise InvalidInput(
                f"AOUP: k = {self.k}, tau = {self.tau}, dx = {self.dx}, da = {self.da}; expected "
                "finite numbers > 0."
            )

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(2,): position and propulsion."""
        return (2,)

    def matrices(self) -> tuple[np.ndarray, np.ndarray]:
        """A and D of (x, v)."""
        rates = np.array([[self.k, -1.0], [0.0, 1 / self.tau]])
        return rates, np.diag([self.dx, self.da / self.tau**2])

    def entropy_production_rate(self) -> float:
        """See the equation."""
        return linear_entropy_production(*self.matrices())
