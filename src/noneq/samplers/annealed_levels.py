"""Levels between a Gaussian and a law known by its energy."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq.errors import InvalidInput
from noneq.kinds import AbstractChecked


class AnnealedLevels(AbstractChecked):
    """How a law is reached from N(0, I): levels exp(−|y|²/2 − beta f), beta = u², u even in [0, 1].

    Args:
        levels: number of inverse temperatures from 0 to 1, both included.
        steps: Metropolis-adjusted Langevin steps at each level, beside one jump.
        step_size: largest step, in units of the normalised data (see `langevin_move`).
        particles: least number that is moved side by side for a draw or a normalisation.

    Raises:
        InvalidInput: a value outside its range.
    """

    levels: int = 64
    steps: int = 3
    step_size: float = 1.0
    particles: int = 512

    def __check_init__(self) -> None:
        if self.levels < 2 or self.steps < 1 or self.particles < 2:
            raise InvalidInput(
                f"AnnealedLevels: levels = {self.levels}, steps = {self.steps}, particles = "
                f"{self.particles}; expected at least 2, 1 and 2."
            )
        if not 0 < self.step_size < float("inf"):
            raise InvalidInput(
                f"AnnealedLevels: step_size = {self.step_size}; expected a finite number > 0."
            )

    @property
    def betas(self) -> Float[Array, " levels"]:
        """The ladder: finest where the tilt sets in."""
        return jnp.linspace(0.0, 1.0, self.levels) ** 2
