"""Overdamped particles on springs between baths of different temperatures."""

from typing import Any

import numpy as np

from noneq.errors import InvalidInput
from noneq.systems.base import HasEntropyProduction
from noneq.systems.linear import AbstractSteadyLinear, linear_entropy_production


_COLDEST = 1e-6
"""Of the hot temperature, where a chain of a given rate is looked for."""


class BeadSpring(AbstractSteadyLinear, HasEntropyProduction):
    """A chain of beads between two walls, its baths linear from cold to hot.

    **Equation**: dx_i = (x_{i−1} − 2 x_i + x_{i+1}) dt + √(2 T_i) dW, x_0 = x_{N+1} = 0; stiffness
    and friction are 1. Two beads: (hot − cold)²/(4 cold hot).

    Args:
        beads: N.
        cold, hot: kT of the first and of the last bead.

    Raises:
        InvalidInput: fewer than two beads, or temperatures that are not positive.

    Source: Li et al. 2019, Nat. Commun. 10, 1666; temperatures of unit rate: Kim et al. 2020
    (NEEP), Phys. Rev. Lett. 125, 140604.
    """

    beads: int = 2
    cold: float = 1.0
    hot: float = 10.0

    def __check_init__(self) -> None:
        if self.beads < 2 or not (
            min(self.cold, self.hot) > 0 and np.isfinite(self.hot + self.cold)
        ):
            raise InvalidInput(
                f"BeadSpring: beads = {self.beads}, cold = {self.cold}, hot = {self.hot}; expected "
                "at least two beads and finite temperatures > 0."
            )

    @classmethod
    def of_rate(cls, beads: int, rate: float = 1.0, hot: float = 10.0) -> "BeadSpring":
        """The chain that produces entropy at a given rate: NEEP's series of lengths at rate 1.

        Raises:
            InvalidInput: a rate that is not positive, or that no cold temperature gives.
        """
        from scipy.optimize import brentq

        excess = lambda log: cls(beads, float(np.exp(log)), hot).entropy_production_rate() - rate
        lowest, highest = np.log(_COLDEST * hot), np.log(hot)
        if not (rate > 0 and excess(lowest) > 0):
            raise InvalidInput(
                f"BeadSpring.of_rate: rate = {rate}; expected a number between 0 and "
                f"{excess(lowest) + rate:.3g} nats per unit time."
            )
        root: Any = brentq(excess, lowest, highest, xtol=1e-13)
        return cls(beads, float(np.exp(root)), hot)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(beads,)."""
        return (self.beads,)

    def matrices(self) -> tuple[np.ndarray, np.ndarray]:
        """tridiag(−1, 2, −1), and the temperatures on the diagonal."""
        n = self.beads
        rates = 2 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)
        return rates, np.diag(np.linspace(self.cold, self.hot, n))

    def entropy_production_rate(self) -> float:
        """Tr[A^T D^{-1} A Sigma] − Tr A."""
        return linear_entropy_production(*self.matrices())


class CoupledParticles(AbstractSteadyLinear, HasEntropyProduction):
    """Two particles in traps of their own, coupled by a spring, in two baths.

    **Equation**: V = k0 (x² + y²)/2 + ka (x − y)²/2, friction 1; entropy production
    ka² (hot − cold)²/[2 (k0 + ka) cold hot].

    Args:
        k0: stiffness of the traps.
        ka: stiffness of the coupling.
        cold, hot: kT of the two baths.

    Raises:
        InvalidInput: stiffness or temperatures that are not positive (ka ≥ 0).
    """

    k0: float = 1.0
    ka: float = 1.0
    cold: float = 1.0
    hot: float = 3.0

    def __check_init__(self) -> None:
        numbers = (self.k0, self.cold, self.hot)
        if not (min(numbers) > 0 and self.ka >= 0 and np.isfinite([*numbers, self.ka]).all()):
            raise InvalidInput(
                f"CoupledParticles: k0 = {self.k0}, ka = {self.ka}, cold = {self.cold}, hot = "
                f"{self.hot}; expected finite numbers > 0 (ka ≥ 0)."
            )

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(2,)."""
        return (2,)

    def matrices(self) -> tuple[np.ndarray, np.ndarray]:
        """Second derivatives of V, and the temperatures on the diagonal."""
        rates = (self.k0 + self.ka) * np.eye(2) - self.ka * np.eye(2)[::-1]
        return rates, np.diag([self.cold, self.hot])

    def entropy_production_rate(self) -> float:
        """See the equation."""
        return linear_entropy_production(*self.matrices())
