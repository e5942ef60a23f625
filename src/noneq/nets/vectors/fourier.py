"""A multilayer perceptron that sees Fourier features of the state."""

import math
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.nets.base import AbstractNet, AbstractNetwork
from noneq.nets.features import state_features
from noneq.nets.inputs import Clock, Label
from noneq.nets.vectors.fields import MLP, FieldNetwork


_MOST_OCTAVES = 12


class FourierMLP(AbstractNet):
    """Recipe of a `FourierNetwork`.

    Args:
        width: units of each hidden layer.
        depth: number of hidden layers.
        octaves: frequencies 1, 2, 4 … of each coordinate of the state.

    Raises:
        InvalidInput: width or depth that `MLP` refuses, or octaves outside 0 to 12.

    Source: the field of Zhang and Levin 2025 (features 2^0 … 2^3, layers 64–64).
    """

    width: int = 64
    depth: int = 2
    octaves: int = 4

    def __check_init__(self) -> None:
        MLP(self.width, self.depth)
        if not 0 <= self.octaves <= _MOST_OCTAVES:
            raise InvalidInput(
                f"FourierMLP: octaves = {self.octaves}; expected 0 to {_MOST_OCTAVES}."
            )

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
    ) -> "FourierNetwork":
        inputs = math.prod(event_shape) * (1 + 2 * self.octaves)
        recipe = MLP(self.width, self.depth)
        net = FieldNetwork(recipe, inputs, outputs, noise, clock, label, key=key)
        return FourierNetwork(net, self.octaves)


class FourierNetwork(AbstractNetwork):
    """F(x, level, time, condition) of x beside cos 2^k x and sin 2^k x, k < octaves.

    Args:
        net: the layers behind the features.
        octaves: frequencies of each coordinate.
    """

    net: FieldNetwork
    octaves: int = eqx.field(static=True)

    def __call__(
        self,
        x: Float[Array, " inputs"],
        level: Any = None,
        time: Any = None,
        condition: Any = None,
    ) -> Float[Array, " outputs"]:
        features = jnp.concatenate([x, state_features(x, self.octaves)])
        return self.net(features, level, time, condition)
