"""How parameters follow the gradient: the rate's schedule, clipping and averaging, traced."""

import equinox as eqx
import jax.numpy as jnp
import optax
from jaxtyping import Array, Int

from noneq._typing import Scalar


class Pace(eqx.Module):
    """Adam with clipping, the rate's schedule and the average, as traced numbers.

    **Equation**: rate(i) = rate i/warmup below ``warmup``, then
    rate (1 + cos(π (i − warmup)/(steps − warmup)))/2 for the decay ``"cosine"`` and ``rate`` for
    ``"constant"``, as of ``optax.warmup_cosine_decay_schedule``, which takes no traced steps.
    """

    steps: Int[Array, ""]
    warmup: Int[Array, ""]
    rate: Scalar
    ema: Scalar
    clip: Scalar
    decay: str = eqx.field(static=True)

    @property
    def adam(self) -> optax.GradientTransformation:
        """The direction of a step of rate 1, of a gradient no longer than ``clip``."""
        return optax.chain(optax.clip_by_global_norm(self.clip), optax.scale_by_adam())

    def rate_at(self, step: Int[Array, ""]) -> Scalar:
        """Learning rate of a step, counted from 0."""
        rising = self.rate * (step / jnp.maximum(self.warmup, 1))
        if self.decay == "constant":
            return jnp.where(step < self.warmup, rising, self.rate)
        past = (step - self.warmup) / jnp.maximum(self.steps - self.warmup, 1)
        falling = self.rate * (0.5 * (1 + jnp.cos(jnp.pi * jnp.clip(past, 0, 1))))
        return jnp.where(step < self.warmup, rising, falling)
