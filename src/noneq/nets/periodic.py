"""Sines and cosines of periodic coordinates, as inputs of any network."""

import dataclasses
import math
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, ScalarLike
from noneq.constant import Constant
from noneq.data.summary import Summary
from noneq.errors import InvalidInput
from noneq.nets.base import AbstractNet, AbstractNetwork
from noneq.nets.inputs import Clock, Label
from noneq.nets.sets import SetNet
from noneq.nets.vectors.gradient import Gradient


HARMONICS = 4


class Angles(eqx.Module):
    """Periodic coordinates of a state as sines and cosines; the others stay as they are.

    **Equation**: x becomes a_k sin kθ and cos kθ, θ = 2πx/P, k = 1..K, where a_k² =
    1 + (P/2πk width)²: states of a ``width`` far below the period then differ by about 1, as
    those on a line do.

    Attributes:
        period: P ``(dim,)`` in the units of x, 0 where a coordinate is not periodic.
        shape, axis: of the state, and which axis the features lie along.
        circles: which places along that axis are periodic.
        harmonics: K.
    """

    period: Constant
    shape: tuple[int, ...] = eqx.field(static=True)
    axis: int = eqx.field(static=True)
    circles: tuple[bool, ...] = eqx.field(static=True)
    harmonics: int = eqx.field(static=True)

    def __init__(
        self,
        periods: tuple[float, ...],
        shape: tuple[int, ...] | None = None,
        axis: int = 0,
        harmonics: int = HARMONICS,
    ):
        self.shape = (len(periods),) if shape is None else shape
        rows = np.moveaxis(np.reshape(np.asarray(periods) > 0, self.shape), axis, -1)
        self.circles = tuple(rows.reshape(-1, rows.shape[-1])[0].tolist())
        self.period = Constant(jnp.asarray(periods, float))
        self.axis, self.harmonics = axis, harmonics

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of the features."""
        count = len(self.circles) + (2 * self.harmonics - 1) * sum(self.circles)
        return (*self.shape[: self.axis], count, *self.shape[self.axis + 1 :])

    def __call__(self, x: Float[Array, " dim"], width: ScalarLike) -> Float[Array, " features"]:
        circles = np.asarray(self.circles)
        along = lambda values: jnp.moveaxis(values.reshape(self.shape), self.axis, -1)
        state, period = along(x), along(self.period.value)[..., circles]
        turn = 2 * jnp.pi * state[..., circles] / period
        blocks = [state[..., ~circles]]
        for k in range(1, self.harmonics + 1):
            reach = period / (2 * jnp.pi * k * width)
            blocks += [jnp.sqrt(1 + reach**2) * jnp.sin(k * turn), jnp.cos(k * turn)]
        return jnp.ravel(jnp.moveaxis(jnp.concatenate(blocks, axis=-1), -1, self.axis))


class Periodic(AbstractNet):
    """Recipe of a `PeriodicNetwork`.

    Args:
        net: recipe of the network behind the features.
        periods: of every number of the normalised state, 0 for none.
        std: standard deviation of the normalised states.
        harmonics: sines and cosines of each periodic coordinate.
    """

    net: AbstractNet
    periods: tuple[float, ...]
    std: float = 1.0
    harmonics: int = HARMONICS

    def init(
        self,
        event_shape: tuple[int, ...],
        outputs: int,
        *,
        noise: bool,
        clock: Clock | None,
        label: Label | None,
        key: Key,
    ) -> "PeriodicNetwork":
        shape, axis = _layout(self.net, self.periods, event_shape)
        angles = Angles(self.periods, shape, axis, self.harmonics)
        net = self.net.init(
            angles.output_shape, outputs, noise=noise, clock=clock, label=label, key=key
        )
        return PeriodicNetwork(net, angles, Constant(jnp.asarray(self.std)), noise)


class PeriodicNetwork(AbstractNetwork):
    """F(x, level, time, condition) = N(angles of x, level, time, condition), N any network.

    Periodic coordinates of x are normalised states, whatever the noise.
    """

    net: AbstractNetwork
    angles: Angles
    std: Constant
    noise: bool = eqx.field(static=True)

    def __call__(
        self,
        x: Float[Array, " inputs"],
        level: Any = None,
        time: Any = None,
        condition: Any = None,
    ) -> Float[Array, " outputs"]:
        # The level is ln(sigma/alpha)/4.
        width = self.std.value
        if self.noise:
            width = jnp.sqrt(width**2 + jnp.exp(8 * jnp.minimum(level, 4.0)))
        return self.net(self.angles(x, width), level, time, condition)


def around(net: AbstractNet, summary: Summary) -> AbstractNet:
    """The recipe for states of such data: itself, or on a torus one that sees angles.

    Raises:
        InvalidInput: the gradient of a potential on a domain that is only in part a torus.
    """
    if not summary.periods:
        return net
    if isinstance(net, Gradient) and 0.0 in summary.periods:
        raise InvalidInput(
            "Gradient: a domain with periodic and other coordinates scales them differently, which "
            "no gradient follows; use its net alone."
        )
    inner = vars(net).get("net")
    if isinstance(inner, AbstractNet):
        return dataclasses.replace(net, net=around(inner, summary))
    return Periodic(net, summary.periods, summary.std)


def _layout(
    net: AbstractNet, periods: tuple[float, ...], event_shape: tuple[int, ...]
) -> tuple[tuple[int, ...], int]:
    """Shape of the state, and the axis that holds its coordinates.

    That is the last one of particles and the first one of fields; states whose coordinates are
    periodic here and not there along it are one vector.
    """
    circles = np.reshape(np.asarray(periods) > 0, event_shape)
    axis = len(event_shape) - 1 if isinstance(net, SetNet) else 0
    rows = np.moveaxis(circles, axis, -1).reshape(-1, event_shape[axis])
    return (event_shape, axis) if (rows == rows[0]).all() else ((math.prod(event_shape),), 0)
