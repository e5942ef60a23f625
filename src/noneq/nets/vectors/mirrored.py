"""Fields that share a mirror symmetry with the law of the data."""

import math
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.nets.base import AbstractNet, AbstractNetwork
from noneq.nets.inputs import Clock, Label
from noneq.nets.vectors.fields import MLP


class Mirrored(AbstractNet):
    """Recipe of a `MirroredNetwork`, at twice the cost: v(R y) = R v(y).

    For data whose law has the symmetry: normalised coordinates are about the mean of the data.

    Args:
        net: recipe of the network inside.
        signs: R, one sign for each number of the flattened state: (−1, −1, 1) turns x and y round.

    Raises:
        InvalidInput: signs that are not ±1, at `init` of another number than the state has, or
            outputs that are no field.
    """

    net: AbstractNet = MLP()
    signs: tuple[int, ...] = (-1, -1, 1)

    def __check_init__(self) -> None:
        if not self.signs or any(sign not in (-1, 1) for sign in self.signs):
            raise InvalidInput(f"Mirrored: signs = {self.signs}; expected 1 or −1 for each.")

    @checked
    def init(
        self,
        event_shape: tuple[int, ...],
        outputs: int,
        *,
        noise: bool,
        clock: Clock | None,
        label: Label | None,
        key: Key,
    ) -> "MirroredNetwork":
        dim = math.prod(event_shape)
        if not len(self.signs) == dim == outputs:
            raise InvalidInput(
                f"Mirrored: {len(self.signs)} signs, states of {dim} numbers and {outputs} outputs; "
                "expected equally many."
            )
        net = self.net.init(event_shape, outputs, noise=noise, clock=clock, label=label, key=key)
        return MirroredNetwork(net, tuple(float(sign) for sign in self.signs))


class MirroredNetwork(AbstractNetwork):
    """F(y) = (N(y) + R N(R y))/2, N any network."""

    net: AbstractNetwork
    signs: tuple[float, ...] = eqx.field(static=True)

    def __call__(
        self,
        x: Float[Array, " inputs"],
        level: Any = None,
        time: Any = None,
        condition: Any = None,
    ) -> Float[Array, " outputs"]:
        mirror = jnp.asarray(self.signs, x.dtype)
        inside = lambda x: self.net(x, level, time, condition)
        return (inside(x) + mirror * inside(mirror * x)) / 2
