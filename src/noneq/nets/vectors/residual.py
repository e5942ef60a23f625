"""Residual fields on vector states, with Fourier features of the state."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.nets.base import AbstractNet, AbstractNetwork
from noneq.nets.context import Context, Linear, Modulation, layer_norm
from noneq.nets.features import state_features
from noneq.nets.inputs import Clock, Label
from noneq.nets.vectors.fields import silu


class ResNet(AbstractNet):
    """Recipe of a `ResidualNetwork`: for sharp, many-humped or high-dimensional laws.

    Args:
        width: units of the residual stream.
        blocks: residual blocks of two layers each.
        fourier: octaves of Fourier features of the state, sin and cos of 2^k x for
            k = 0 … fourier − 1; 0 for none.

    Raises:
        InvalidInput: a size out of range.
    """

    width: int = 128
    blocks: int = 3
    fourier: int = 0

    def __check_init__(self) -> None:
        if not (1 <= self.width <= 16_384 and 1 <= self.blocks <= 64 and 0 <= self.fourier <= 16):
            raise InvalidInput(
                f"ResNet: width = {self.width}, blocks = {self.blocks}, fourier = {self.fourier}; "
                "expected a width of 1 to 16,384, 1 to 64 blocks and 0 to 16 octaves."
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
    ) -> "ResidualNetwork":
        tell_key, net_key = jax.random.split(key)
        context = Context(self.width, noise, clock, label, key=tell_key)
        return ResidualNetwork(self, math.prod(event_shape), outputs, context, key=net_key)


class ResidualBlock(eqx.Module):
    """h + W₂ SiLU(W₁ modulated(norm(h))) on the last axis.

    Source: Peebles and Xie 2023, section 3.2 (adaptive layer norm), without the gate.
    """

    modulation: Modulation
    first: Linear
    second: Linear

    def __init__(self, width: int, told: int, *, key: Key):
        """``told``: size of the context."""
        keys = jax.random.split(key, 3)
        self.modulation = Modulation(told, width, key=keys[0])
        self.first = Linear(width, width, math.sqrt(2), key=keys[1])
        self.second = Linear(width, width, 0.3, key=keys[2])

    def __call__(
        self, h: Float[Array, "*sites width"], context: Float[Array, " told"]
    ) -> Float[Array, "*sites width"]:
        inner = self.first(self.modulation(layer_norm(h), context))
        return h + self.second(silu(inner))


class ResidualNetwork(AbstractNetwork):
    """F(x, level, time, condition): a stream of residual blocks that the context modulates."""

    context: Context
    first: Linear
    blocks: list[ResidualBlock]
    modulation: Modulation
    last: Linear
    fourier: int = eqx.field(static=True)

    def __init__(self, recipe: ResNet, inputs: int, outputs: int, context: Context, *, key: Key):
        first, last, tell, *keys = jax.random.split(key, 3 + recipe.blocks)
        width = recipe.width
        self.context = context
        self.fourier = recipe.fourier
        self.first = Linear(inputs * (1 + 2 * recipe.fourier), width, key=first)
        self.blocks = [ResidualBlock(width, width, key=k) for k in keys]
        self.modulation = Modulation(width, width, key=tell)
        self.last = Linear(width, outputs, 0.1, key=last)

    def __call__(
        self,
        x: Float[Array, " inputs"],
        level: Any = None,
        time: Any = None,
        condition: Any = None,
    ) -> Float[Array, " outputs"]:
        context = self.context(level, time, condition)
        h = self.first(jnp.concatenate([x, state_features(x, self.fourier)]))
        for block in self.blocks:
            h = block(h, context)
        return self.last(silu(self.modulation(h, context)))
