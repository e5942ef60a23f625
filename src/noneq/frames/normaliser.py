"""Between the user's states and the vectors of unit scale that networks see."""

import math

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Scalar
from noneq.constant import Constant
from noneq.data.summary import Summary


class Normaliser(eqx.Module):
    """y = (x − shift)/scale on flattened states; measured on the training part in float64."""

    shift: Constant
    scale: Constant
    event_shape: tuple[int, ...] = eqx.field(static=True)

    def __init__(self, summary: Summary):
        self.event_shape = summary.event_shape
        inner = (1,) * (len(summary.event_shape) - 1)
        spread = lambda values: Constant(
            jnp.asarray(
                np.broadcast_to(
                    np.reshape(np.asarray(values, np.float64), (-1, *inner)), summary.event_shape
                ).ravel()
            )
        )
        self.shift = spread(summary.shift)
        self.scale = spread(summary.scale)

    @property
    def dim(self) -> int:
        """Numbers in one state."""
        return math.prod(self.event_shape)

    @property
    def log_scale(self) -> Scalar:
        """log |dx/dy|, what log densities lose on the way back."""
        return jnp.sum(jnp.log(self.scale.value))

    def forward(self, x: Float[Array, "*event"]) -> Float[Array, " dim"]:
        """State to vector."""
        return (jnp.ravel(x) - self.shift.value) / self.scale.value

    def inverse(self, y: Float[Array, " dim"]) -> Float[Array, "*event"]:
        """Vector to state."""
        return jnp.reshape(y * self.scale.value + self.shift.value, self.event_shape)

    def gradient(self, g: Float[Array, " dim"]) -> Float[Array, "*event"]:
        """Gradient in y to gradient in x."""
        return jnp.reshape(g / self.scale.value, self.event_shape)

    def tangent(self, v: Float[Array, " dim"]) -> Float[Array, "*event"]:
        """Velocity of y to velocity of x."""
        return jnp.reshape(v * self.scale.value, self.event_shape)

    def host(self, values: np.ndarray) -> np.ndarray:
        """Batch of states ``(n, *event)`` to float32 vectors ``(n, dim)``, in float64 on the way."""
        flat = values.reshape(values.shape[0], -1).astype(np.float64)
        shift, scale = np.asarray(self.shift.value), np.asarray(self.scale.value)
        return ((flat - shift) / scale).astype(np.float32)
