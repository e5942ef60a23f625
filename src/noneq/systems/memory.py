"""Motion with a memory, as part of a larger motion without."""

from typing import ClassVar

import numpy as np

from noneq.errors import InvalidInput
from noneq.systems.base import HasEntropyProduction, HasParity
from noneq.systems.linear import AbstractSteadyLinear


class MemoryLangevin(AbstractSteadyLinear, HasParity, HasEntropyProduction):
    """A particle in a trap whose friction remembers, in equilibrium. The state is (x, v, z).

    **Equation**: x'' = −frequency² x − ∫_0^t K(t − s) v(s) ds + R, K = (friction/tau) e^{−t/tau},
    ⟨R(t) R(s)⟩ = kT K(|t − s|), mass 1. The same with a force z of the bath:
    z' = −z/tau − (friction/tau) v + √(2 kT friction)/tau ξ. The covariance is
    diag(kT/frequency², kT, kT friction/tau). Correlations and kernel: `noneq.thermo.exact`.

    Args:
        frequency: of the trap.
        friction: ∫ K dt.
        tau: memory time.
        temperature: kT.

    Raises:
        InvalidInput: a number that is not positive.
    """

    symbols: ClassVar[tuple[str, ...]] = ("x", "v", "z")

    frequency: float = 1.0
    friction: float = 1.0
    tau: float = 0.5
    temperature: float = 1.0

    def __check_init__(self) -> None:
        numbers = (self.frequency, self.friction, self.tau, self.temperature)
        if not (min(numbers) > 0 and np.isfinite(numbers).all()):
            raise InvalidInput(
                f"MemoryLangevin: frequency = {self.frequency}, friction = {self.friction}, "
                f"tau = {self.tau}, temperature = {self.temperature}; expected finite numbers > 0."
            )

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(3,): position, velocity and force of the bath."""
        return (3,)

    @property
    def parity(self) -> tuple[int, ...]:
        """The velocity alone is odd."""
        return (1, -1, 1)

    def matrices(self) -> tuple[np.ndarray, np.ndarray]:
        """A and D of (x, v, z)."""
        rates = np.array(
            [
                [0.0, -1.0, 0.0],
                [self.frequency**2, 0.0, -1.0],
                [0.0, self.friction / self.tau, 1 / self.tau],
            ]
        )
        return rates, np.diag([0.0, 0.0, self.temperature * self.friction / self.tau**2])

    def entropy_production_rate(self) -> float:
        """Zero: the noise and the friction obey the fluctuation–dissipation theorem (v is odd)."""
        return 0.0
