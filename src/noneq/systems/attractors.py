"""Strange attractors of three coordinates."""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, ScalarLike
from noneq.domains import Free
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.systems.base import AbstractODE
from noneq.systems.one_state import of_state


class Lorenz(AbstractODE):
    """Convection in three modes, the first strange attractor.

    **Equation**: x' = sigma (y − x), y' = x (rho − z) − y, z' = x y − beta z.

    Starts are Gaussian around (0, 0, rho − 1) with the standard deviation √(beta (rho − 1)), the
    distance of the fixed points from the axis (1 where there are none); they reach the attractor
    within about ten units of time. Every trajectory is bounded. Volumes shrink at the rate
    sigma + 1 + beta everywhere.

    Args:
        sigma: Prandtl number.
        rho: Rayleigh number over its critical value.
        beta: aspect of the rolls.

    Raises:
        InvalidInput: a parameter that is not positive and finite.

    Source: Lorenz 1963, eqs. 25–27.
    """

    sigma: float = 10.0
    rho: float = 28.0
    beta: float = 8 / 3

    def __check_init__(self) -> None:
        _positive("Lorenz", sigma=self.sigma, rho=self.rho, beta=self.beta)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(3,)."""
        return (3,)

    @property
    def domain(self) -> Free:
        """All of space."""
        return Free()

    @property
    def time_step(self) -> float:
        """0.01 at the classical parameters, in proportion to the fastest of the linear rates."""
        return 0.28 / max(self.sigma, self.rho, self.beta, 1.0)

    @checked
    def initial(self, key: Key) -> Float[Array, "3"]:
        """A Gaussian of the attractor's size around its middle."""
        lift = self.rho - 1.0
        width = math.sqrt(self.beta * lift) if lift > 0 else 1.0
        return jnp.asarray([0.0, 0.0, lift]) + width * jax.random.normal(key, (3,))

    @of_state
    def drift(self, t: ScalarLike, x: Float[Array, "3"]) -> Float[Array, "3"]:
        """The right-hand side."""
        a, b, c = x
        return jnp.stack([self.sigma * (b - a), a * (self.rho - c) - b, a * b - self.beta * c])


class Rossler(AbstractODE):
    """A spiral that folds back on itself: the simplest chaotic flow.

    **Equation**: x' = −y − z, y' = x + a y, z' = b + z (x − c).

    Starts are (0, −c, 0) plus a standard normal whose z is taken positive: on the spiral, from where
    the attractor is reached within a few turns. Starts far outside may run away.

    Args:
        a: growth of the spiral.
        b: inflow of z.
        c: the x at which z begins to grow.

    Raises:
        InvalidInput: a parameter that is not positive and finite.

    Source: Rössler 1976, eq. 2.
    """

    a: float = 0.2
    b: float = 0.2
    c: float = 5.7

    def __check_init__(self) -> None:
        _positive("Rossler", a=self.a, b=self.b, c=self.c)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(3,)."""
        return (3,)

    @property
    def domain(self) -> Free:
        """All of space."""
        return Free()

    @property
    def time_step(self) -> float:
        """0.02 at the classical parameters, less where z decays or grows faster."""
        return 0.114 / max(self.c, 1.0)

    @checked
    def initial(self, key: Key) -> Float[Array, "3"]:
        """A point on the spiral."""
        kick = jax.random.normal(key, (3,))
        return jnp.stack([kick[0], kick[1] - self.c, jnp.abs(kick[2])])

    @of_state
    def drift(self, t: ScalarLike, x: Float[Array, "3"]) -> Float[Array, "3"]:
        """The right-hand side."""
        u, v, w = x
        return jnp.stack([-v - w, u + self.a * v, self.b + w * (u - self.c)])


def _positive(name: str, **values: float) -> None:
    for label, value in values.items():
        if not 0 < value < math.inf:
            raise InvalidInput(f"{name}: {label} = {value}; expected a finite number > 0.")
