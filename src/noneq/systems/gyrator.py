"""A particle in an anisotropic trap, with a temperature for each axis."""

import numpy as np

from noneq.errors import InvalidInput
from noneq.systems.base import HasEntropyProduction
from noneq.systems.linear import AbstractSteadyLinear, linear_entropy_production


class BrownianGyrator(AbstractSteadyLinear, HasEntropyProduction):
    """Two baths drive a particle around the centre of a tilted trap.

    **Equation**: V = kx x²/2 + ky y²/2 + u x y, dx = −∂_x V dt + √(2 tx) dW, likewise y;
    entropy production u² (tx − ty)²/[tx ty (kx + ky)].

    Args:
        kx, ky: stiffness along the axes.
        u: coupling of the axes.
        tx, ty: kT of the bath of each axis.

    Raises:
        InvalidInput: a potential that does not bind (kx ky ≤ u²), or temperatures that are not > 0.

    Source: Filliger and Reimann 2007, Phys. Rev. Lett. 99, 230602.
    """

    kx: float = 1.0
    ky: float = 2.0
    u: float = 0.5
    tx: float = 1.0
    ty: float = 3.0

    def __check_init__(self) -> None:
        numbers = (self.kx, self.ky, self.u, self.tx, self.ty)
        binds = min(self.kx, self.ky) > 0 and self.kx * self.ky > self.u**2
        if not (binds and min(self.tx, self.ty) > 0 and np.isfinite(numbers).all()):
            raise InvalidInput(
                f"BrownianGyrator: kx = {self.kx}, ky = {self.ky}, u = {self.u}, tx = {self.tx}, "
                f"ty = {self.ty}; expected kx ky > u² and temperatures > 0."
            )

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(2,)."""
        return (2,)

    def matrices(self) -> tuple[np.ndarray, np.ndarray]:
        """Second derivatives of V, and the temperatures on the diagonal."""
        return np.array([[self.kx, self.u], [self.u, self.ky]]), np.diag([self.tx, self.ty])

    def entropy_production_rate(self) -> float:
        """See the equation."""
        return linear_entropy_production(*self.matrices())
