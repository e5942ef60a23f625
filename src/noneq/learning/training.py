"""Settings of the gradient loop, and how the parameters follow the gradient."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Int

from noneq._typing import Scalar
from noneq.errors import InvalidInput
from noneq.kinds import AbstractChecked


class Training(AbstractChecked):
    """Settings of the gradient loop.

    Args:
        steps: optimiser steps.
        batch: random samples per step; 0 takes the whole data set, each sample once.
        rate: Adam's learning rate, after ``warmup`` linear steps.
        decay: ``"cosine"`` to zero at the last step, or ``"constant"``.
        ema: decay of the moving average of the parameters (the result); 0 keeps the last ones.
        clip: largest global norm of the gradient.
        patience: chunks without a better held-out loss after which to stop; 0 never stops.
        held_out: fraction of the data kept for that loss (used if patience > 0).

    Raises:
        InvalidInput: a value outside its range.
    """

    steps: int = 10_000
    batch: int = 1024
    rate: float = 2e-3
    warmup: int = 100
    decay: str = "cosine"
    ema: float = 0.999
    clip: float = 1.0
    patience: int = 0
    held_out: float = 0.1

    def __check_init__(self) -> None:
        ranges = {
            "steps": (self.steps >= 1, "at least 1"),
            "batch": (self.batch >= 0, "0 or more"),
            "rate": (0 < self.rate < float("inf"), "a positive number"),
            "warmup": (self.warmup >= 0, "0 or more"),
            "decay": (self.decay in ("cosine", "constant"), "'cosine' or 'constant'"),
            "ema": (0 <= self.ema < 1, "in [0, 1)"),
            "clip": (self.clip > 0, "a positive number"),
            "patience": (self.patience >= 0, "0 or more"),
            "held_out": (0 < self.held_out < 1, "between 0 and 1"),
        }
        for name, (good, expected) in ranges.items():
            if not good:
                raise InvalidInput(
                    f"Training: {name} = {getattr(self, name)!r}; expected {expected}."
                )

    @property
    def chunk(self) -> int:
        """Steps between two looks at the clock, the held-out loss and the signals."""
        return int(np.clip(self.steps // 20, 1, 200))

    @property
    def pace(self) -> "Pace":
        """How the parameters follow the gradient."""
        warmup = min(self.warmup, self.steps // 10)
        count = lambda value: jnp.asarray(value, jnp.int32)
        number = lambda value: jnp.asarray(value, float)
        return Pace(
            count(self.steps),
            count(warmup),
            number(self.rate),
            number(self.ema),
            number(self.clip),
            self.decay,
        )


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
