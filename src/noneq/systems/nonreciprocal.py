"""Fields that drive each other without an equal answer."""

from typing import ClassVar

import numpy as np

from noneq.errors import InvalidInput
from noneq.systems.base import HasEntropyProduction
from noneq.systems.linear import AbstractSteadyLinear, linear_entropy_production


class NonreciprocalFields(AbstractSteadyLinear, HasEntropyProduction):
    """Two fields on a ring of sites that rotate into each other.

    **Equation**: du = (Δu − r u + w v) dt + √(2 temperature) dW,
    dv = (Δv − r v − w u) dt + √(2 temperature) dW, Δ the second difference; entropy production
    Σ_q 2 w²/(r + 2 − 2 cos q), q = 2π j/sites, at any temperature.

    Args:
        sites: of the ring.
        r: relaxation rate of a uniform field.
        w: how fast u turns into v; 0 is equilibrium.
        temperature: kT.

    Raises:
        InvalidInput: fewer than three sites, r or temperature not positive.
    """

    symbols: ClassVar[tuple[str, ...]] = ("u", "v")

    sites: int = 16
    r: float = 0.5
    w: float = 0.8
    temperature: float = 1.0

    def __check_init__(self) -> None:
        numbers = (self.r, self.w, self.temperature)
        positive = min(self.r, self.temperature) > 0
        if self.sites < 3 or not (positive and np.isfinite(numbers).all()):
            raise InvalidInput(
                f"NonreciprocalFields: sites = {self.sites}, r = {self.r}, w = {self.w}, temperature "
                f"= {self.temperature}; expected at least three sites, r > 0 and temperature > 0."
            )

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(2, sites): u and v."""
        return (2, self.sites)

    def matrices(self) -> tuple[np.ndarray, np.ndarray]:
        """A and D of all numbers of u, then those of v."""
        one = np.eye(self.sites)
        own = (2 + self.r) * one - np.roll(one, 1, 0) - np.roll(one, -1, 0)
        rates = np.block([[own, -self.w * one], [self.w * one, own]])
        return rates, self.temperature * np.eye(2 * self.sites)

    def entropy_production_rate(self) -> float:
        """See the equation."""
        return linear_entropy_production(*self.matrices())
