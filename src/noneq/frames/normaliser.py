"""Between the user's states and the vectors of unit scale that networks see."""

import math
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Scalar
from noneq.constant import Constant
from noneq.data.summary import Summary


class Normaliser(eqx.Module):
    """y = (x − origin − shift)/scale on flattened states; measured on the training part in float64.

    Args:
        shift, scale: one number each of a state's.
        origin: one number per leading coordinate, in double precision; empty where it is zero.
    """

    shift: Constant
    scale: Constant
    origin: tuple[float, ...]
    event_shape: tuple[int, ...] = eqx.field(static=True)

    def __init__(self, summary: Summary):
        self.event_shape = summary.event_shape
        self.origin = summary.origin
        spread = lambda values: Constant(jnp.asarray(_each(values, summary.event_shape).ravel()))
        self.shift = spread(np.asarray(summary.shift) - np.asarray(summary.origin or 0.0))
        self.scale = spread(summary.scale)

    @property
    def dim(self) -> int:
        """Numbers in one state."""
        return math.prod(self.event_shape)

    @property
    def log_scale(self) -> Scalar:
        """log |dx/dy|, what log densities lose on the way back."""
        return jnp.sum(jnp.log(self.scale.value))

    @property
    def origin_state(self) -> np.ndarray | None:
        """The origin ``(*event_shape)`` in float64 on the host; None where it is zero."""
        return _each(self.origin, self.event_shape) if self.origin else None

    @property
    def centre(self) -> np.ndarray:
        """Origin and shift together ``(dim,)``, in float64 on the host."""
        origin = self.origin_state
        shift = np.asarray(self.shift.value, np.float64)
        return shift if origin is None else origin.ravel() + shift

    def forward(self, x: Float[Array, "*event"]) -> Float[Array, " dim"]:
        """State to vector."""
        return (jnp.ravel(self._about(x, -1)) - self.shift.value) / self.scale.value

    def inverse(self, y: Float[Array, " dim"]) -> Float[Array, "*event"]:
        """Vector to state."""
        x = jnp.reshape(y * self.scale.value + self.shift.value, self.event_shape)
        return self._about(x, 1)

    def _about(self, x: Float[Array, "*event"], sign: int) -> Float[Array, "*event"]:
        """The state moved by the origin, in the precision that it has."""
        if not self.origin:
            return x
        inner = (1,) * (len(self.event_shape) - 1)
        return x + sign * jnp.reshape(jnp.stack([*map(jnp.asarray, self.origin)]), (-1, *inner))

    def gradient(self, g: Float[Array, " dim"]) -> Float[Array, "*event"]:
        """Gradient in y to gradient in x."""
        return jnp.reshape(g / self.scale.value, self.event_shape)

    def tangent(self, v: Float[Array, " dim"]) -> Float[Array, "*event"]:
        """Velocity of y to velocity of x."""
        return jnp.reshape(v * self.scale.value, self.event_shape)

    def host(self, values: np.ndarray) -> np.ndarray:
        """Batch of states ``(n, *event)`` to float32 vectors ``(n, dim)``, in float64 on the way."""
        origin = 0.0 if self.origin_state is None else self.origin_state.ravel()
        flat = values.reshape(values.shape[0], -1).astype(np.float64) - origin
        shift, scale = np.asarray(self.shift.value), np.asarray(self.scale.value)
        return ((flat - shift) / scale).astype(np.float32)


def _each(values: Any, event_shape: tuple[int, ...]) -> np.ndarray:
    """One number per leading coordinate as one for each of a state's, ``(*event_shape)``."""
    inner = (1,) * (len(event_shape) - 1)
    return np.broadcast_to(np.reshape(np.asarray(values, np.float64), (-1, *inner)), event_shape)
