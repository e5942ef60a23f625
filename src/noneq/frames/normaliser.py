"""Between the user's states and the vectors of unit scale that networks see."""

import math
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Scalar
from noneq.constant import Constant
from noneq.data.scales import transforms
from noneq.data.summary import Summary


class Normaliser(eqx.Module):
    """y = (T(x − origin) − shift)/scale on flattened states; measured in float64 on the training part.

    T is the identity but for coordinates with a transform, whose origin is 0 (see
    `noneq.data.scales.transforms`).

    Args:
        shift, scale: one number each of a state's.
        origin: one number per leading coordinate, in double precision; empty where it is zero.
        transform: one word per leading coordinate; empty where there is none.
    """

    shift: Constant
    scale: Constant
    origin: tuple[float, ...]
    event_shape: tuple[int, ...] = eqx.field(static=True)
    transform: tuple[str, ...] = eqx.field(static=True)

    def __init__(self, summary: Summary):
        self.event_shape = summary.event_shape
        self.origin, self.transform = summary.origin, summary.transform
        spread = lambda values: Constant(jnp.asarray(_each(values, summary.event_shape).ravel()))
        self.shift = spread(np.asarray(summary.shift) - np.asarray(summary.origin or 0.0))
        self.scale = spread(summary.scale)

    @property
    def dim(self) -> int:
        """Numbers in one state."""
        return math.prod(self.event_shape)

    @property
    def log_scale(self) -> Scalar:
        """log |du/dy| of u = T(x): what log densities lose on the way back without a transform."""
        return jnp.sum(jnp.log(self.scale.value))

    def log_volume(self, x: Float[Array, "*event"]) -> Scalar:
        """log |dx/dy| at a state: what log densities lose on the way back."""
        if not self.transform:
            return self.log_scale
        return self.log_scale - jnp.sum(transforms.log_slope(self.transform, x, axis=0, xp=jnp))

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
        u = self._about(x, -1)
        if self.transform:
            u = transforms.forward(self.transform, u, axis=0, xp=jnp)
        return (jnp.ravel(u) - self.shift.value) / self.scale.value

    def inverse(self, y: Float[Array, " dim"]) -> Float[Array, "*event"]:
        """Vector to state."""
        u = jnp.reshape(y * self.scale.value + self.shift.value, self.event_shape)
        if self.transform:
            u = transforms.inverse(self.transform, u, axis=0, xp=jnp)
        return self._about(u, 1)

    def _about(self, x: Float[Array, "*event"], sign: int) -> Float[Array, "*event"]:
        """The state moved by the origin, in the precision that it has."""
        if not self.origin:
            return x
        inner = (1,) * (len(self.event_shape) - 1)
        return x + sign * jnp.reshape(jnp.stack([*map(jnp.asarray, self.origin)]), (-1, *inner))

    def gradient(
        self, g: Float[Array, " dim"], x: Float[Array, "*event"] | None = None
    ) -> Float[Array, "*event"]:
        """Gradient of a log density in y to that in x, with the gradient of the Jacobian.

        Args:
            g: ∇_y log p.
            x: the state; only needed where there is a transform.
        """
        gradient = jnp.reshape(g / self.scale.value, self.event_shape)
        if not self.transform:
            return gradient
        return gradient * self._slope(x) + transforms.log_slope_gradient(self.transform, x)

    def tangent(
        self, v: Float[Array, " dim"], x: Float[Array, "*event"] | None = None
    ) -> Float[Array, "*event"]:
        """Velocity of y to velocity of x, which is needed where there is a transform."""
        velocity = jnp.reshape(v * self.scale.value, self.event_shape)
        return velocity / self._slope(x) if self.transform else velocity

    def ito(self, g: Float[Array, " dim"], x: Float[Array, "*event"]) -> Float[Array, "*event"]:
        """What noise g dW of y adds to the drift of x (Itô): −½ (log T')'/T'² (scale g)²."""
        if not self.transform:
            return jnp.zeros(self.event_shape)
        noise = jnp.reshape(g * self.scale.value, self.event_shape) / self._slope(x)
        return -0.5 * transforms.log_slope_gradient(self.transform, x) * noise**2

    def _slope(self, x: Any) -> Float[Array, "*event"]:
        return jnp.exp(transforms.log_slope(self.transform, x, axis=0, xp=jnp))

    def host(self, values: np.ndarray) -> np.ndarray:
        """Batch of states ``(n, *event)`` to float32 vectors ``(n, dim)``, in float64 on the way."""
        about = values.astype(np.float64) - (
            0.0 if self.origin_state is None else self.origin_state
        )
        if self.transform:
            about = transforms.forward(self.transform, about, axis=1)
        flat = about.reshape(about.shape[0], -1)
        shift, scale = np.asarray(self.shift.value), np.asarray(self.scale.value)
        return ((flat - shift) / scale).astype(np.float32)


def _each(values: Any, event_shape: tuple[int, ...]) -> np.ndarray:
    """One number per leading coordinate as one for each of a state's, ``(*event_shape)``."""
    inner = (1,) * (len(event_shape) - 1)
    return np.broadcast_to(np.reshape(np.asarray(values, np.float64), (-1, *inner)), event_shape)
