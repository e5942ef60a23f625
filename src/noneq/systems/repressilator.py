"""Three genes in a ring, each of which represses the next: a genetic oscillator."""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, ScalarLike
from noneq.domains import Free
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.systems.base import AbstractDiffusion


class Repressilator(AbstractDiffusion):
    """Three genes in a ring, each of which represses the next; concentrations turn in a cycle.

    **Equation**: dx_i = [beta/(1 + (x_{i−1}/k)^hill) − gamma x_i] dt + sigma dW_i, i modulo 3.

    Starts are N((1, 1, 2), 0.1²). Noise may carry a concentration below zero; it represses nothing
    there.

    Args:
        beta: largest rate of production.
        k: concentration that halves it.
        hill: steepness of the repression.
        gamma: rate of decay.
        sigma: noise, the same for all; 0 is the ODE.

    Raises:
        InvalidInput: a parameter that is not finite or not positive (sigma may be 0).

    Source: Elowitz and Leibler 2000; parameters of Shen et al. 2024.
    """

    beta: float = 10.0
    k: float = 1.0
    hill: float = 3.0
    gamma: float = 1.0
    sigma: float = 0.1

    def __check_init__(self) -> None:
        for name in ("beta", "k", "hill", "gamma", "sigma"):
            value = getattr(self, name)
            least = "≥" if name == "sigma" else ">"
            if not (0 < value < math.inf or (name == "sigma" and value == 0)):
                raise InvalidInput(
                    f"Repressilator: {name} = {value}; expected a finite number {least} 0."
                )

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
        """0.01, in proportion to the fastest of production and decay."""
        slope = self.beta * self.hill / (4 * self.k)
        return 0.1 / max(self.gamma, slope, 1.0)

    @checked
    def initial(self, key: Key) -> Float[Array, "3"]:
        """A Gaussian of width 0.1 around (1, 1, 2)."""
        return jnp.asarray([1.0, 1.0, 2.0]) + 0.1 * jax.random.normal(key, (3,))

    def drift(self, t: ScalarLike, x: Float[Array, "3"]) -> Float[Array, "3"]:
        """Production less decay."""
        repressor = jnp.maximum(jnp.roll(x, 1), 0.0) / self.k
        return self.beta / (1.0 + repressor**self.hill) - self.gamma * x

    def diffusion(self, t: ScalarLike, x: Float[Array, "3"]) -> Array:
        """sigma."""
        return jnp.asarray(self.sigma, x.dtype)
