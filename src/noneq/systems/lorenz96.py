"""The ring of Lorenz: many coordinates, each driven by three neighbours."""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, ScalarLike
from noneq.domains import Free
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.systems.base import AbstractDiffusion
from noneq.systems.one_state import of_state


class Lorenz96(AbstractDiffusion):
    """A ring of coordinates that carry each other along; chaotic at forcing 8.

    **Equation**: dx_i = [(x_{i+1} − x_{i−2}) x_{i−1} − x_i + forcing] dt + sigma dW_i, i modulo dim.

    Paths start near the rest state x_i = forcing, from N(forcing, 1).

    Args:
        dim: coordinates, at least 4.
        forcing: constant force.
        sigma: noise, the same for all; 0 is the ODE.

    Raises:
        InvalidInput: fewer than 4 coordinates, or numbers that are not finite.

    Source: Lorenz 1996.
    """

    dim: int = 10
    forcing: float = 8.0
    sigma: float = 0.0

    def __check_init__(self) -> None:
        if self.dim < 4 or not math.isfinite(self.forcing) or not 0 <= self.sigma < math.inf:
            raise InvalidInput(
                f"Lorenz96: dim = {self.dim}, forcing = {self.forcing}, sigma = {self.sigma}; expected "
                "dim ≥ 4, a finite forcing and sigma ≥ 0."
            )

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(dim,)."""
        return (self.dim,)

    @property
    def domain(self) -> Free:
        """All of space."""
        return Free()

    @property
    def time_step(self) -> float:
        """0.002: explicit steps of first order must follow the chaos."""
        return 0.002

    @checked
    def initial(self, key: Key) -> Float[Array, "dim"]:
        """N(forcing, 1)."""
        return self.forcing + jax.random.normal(key, (self.dim,))

    @of_state
    def drift(self, t: ScalarLike, x: Float[Array, "dim"]) -> Float[Array, "dim"]:
        """Transport, decay and forcing."""
        carried = (jnp.roll(x, -1) - jnp.roll(x, 2)) * jnp.roll(x, 1)
        return carried - x + self.forcing

    def diffusion(self, t: ScalarLike, x: Float[Array, "dim"]) -> Array:
        """sigma."""
        return jnp.asarray(self.sigma, x.dtype)
