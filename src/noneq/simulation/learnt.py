"""A fitted model as a system: its drift and diffusion, simulated like those of nature."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, ScalarLike
from noneq.domains import AbstractDomain
from noneq.errors import InvalidInput
from noneq.systems.base import AbstractDiffusion
from noneq.traits import HasDrift, require


class LearntSystem(AbstractDiffusion):
    """dX = f(t, X) dt + B(t, X) dW with the drift and the diffusion of a fitted model.

    `simulate` makes one of a model that it is given.

    Args:
        model: with the trait `HasDrift`.
        start: time whose law `initial` draws from.
        internal_step: step of the integration, in physical time.

    Raises:
        InvalidInput: a step that is not positive.
        MissingTrait: a model without drift.
    """

    model: Any
    start: float
    internal_step: float

    def __check_init__(self) -> None:
        require(self.model, HasDrift, "a simulation")
        if not 0 < self.internal_step < float("inf"):
            raise InvalidInput(
                f"LearntSystem: internal_step = {self.internal_step}; expected a positive time."
            )

    @property
    def event_shape(self) -> tuple[int, ...]:
        """That of the model."""
        return self.model.event_shape

    @property
    def domain(self) -> AbstractDomain:
        """That of the model."""
        return self.model.domain

    @property
    def time_step(self) -> float:
        """As given."""
        return self.internal_step

    def initial(self, key: Key) -> Float[Array, "*event"]:
        """One draw of the model at the start."""
        return self.model.sample(1, time=self.start, key=key)[0]

    def drift(self, t: ScalarLike, x: Float[Array, "*event"]) -> Float[Array, "*event"]:
        """The model's drift."""
        return self.model.drift(t, x)

    def diffusion(self, t: ScalarLike, x: Float[Array, "*event"]) -> Array:
        """The model's diffusion."""
        return jnp.asarray(self.model.diffusion(t, x), x.dtype)
