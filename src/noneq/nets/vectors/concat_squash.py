"""Layers gated and shifted by time: the network of continuous flows."""

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
from noneq.nets.features import noise_features
from noneq.nets.inputs import Clock, Label


_MOST_WIDTH, _MOST_DEPTH = 16_384, 128
"""Above these the compiler gives up with an abort, which nothing can catch."""


class ConcatSquash(AbstractNet):
    """Recipe of a `ConcatSquashNetwork`.

    Args:
        width: units of each hidden layer.
        depth: number of hidden layers.

    Raises:
        InvalidInput: width or depth below 1, or out of reach of the compiler.
    """

    width: int = 64
    depth: int = 3

    def __check_init__(self) -> None:
        if not (1 <= self.width <= _MOST_WIDTH and 1 <= self.depth <= _MOST_DEPTH):
            raise InvalidInput(
                f"ConcatSquash: width = {self.width}, depth = {self.depth}; expected a width of "
                f"1 to {_MOST_WIDTH:,} and a depth of 1 to {_MOST_DEPTH}."
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
    ) -> "ConcatSquashNetwork":
        inputs = math.prod(event_shape)
        return ConcatSquashNetwork(self, inputs, outputs, noise, clock, label, key=key)


class Squash(eqx.Module):
    """One layer: (W x + b) · sigmoid(G c + d) + V c; without features c it is W x + b."""

    weight: Float[Array, "inputs outputs"]
    bias: Float[Array, " outputs"]
    gate: Float[Array, "features outputs"] | None
    gate_bias: Float[Array, " outputs"] | None
    shift: Float[Array, "features outputs"] | None

    def __init__(self, inputs: int, outputs: int, features: int, scale: float, *, key: Key):
        keys = jax.random.split(key, 3)
        draw = lambda key, rows: jax.random.normal(key, (rows, outputs)) * (scale / math.sqrt(rows))
        self.weight, self.bias = draw(keys[0], inputs), jnp.zeros(outputs)
        self.gate = draw(keys[1], features) if features else None
        self.gate_bias = jnp.zeros(outputs) if features else None
        self.shift = draw(keys[2], features) if features else None

    def __call__(self, x: Float[Array, " inputs"], features: Any) -> Float[Array, " outputs"]:
        h = x @ self.weight + self.bias
        if self.gate is None:
            return h
        # sigmoid(a) = (1 + tanh(a/2))/2, the form that compilers vectorise.
        gate = 0.5 * jnp.tanh(0.5 * (features @ self.gate + self.gate_bias)) + 0.5
        return h * gate + features @ self.shift


class ConcatSquashNetwork(AbstractNetwork):
    """F(x, level, time, condition): concat-squash layers with tanh between them.

    **Equation**: h ← tanh((W h + b) · sigmoid(G c + d) + V c), c the features of level, time and
    condition; no tanh after the last layer.

    Under ``vmap`` gates and shifts of features that all samples share are computed once.

    Source: Grathwohl et al. 2019 (reference code), where c is the bare flow time; here it is the
    Fourier features of the level, `Clock` and `Label`.
    """

    layers: list[Squash]
    clock: Clock | None
    label: Label | None
    noise: bool = eqx.field(static=True)

    def __init__(
        self,
        recipe: ConcatSquash,
        inputs: int,
        outputs: int,
        noise: bool,
        clock: Clock | None,
        label: Label | None,
        *,
        key: Key,
    ):
        features = (9 if noise else 0) + sum(part.size for part in (clock, label) if part)
        sizes = [inputs, *(recipe.width,) * recipe.depth, outputs]
        scales = [1.0] * recipe.depth + [0.1]
        self.layers = [
            Squash(rows, columns, features, scale, key=key)
            for rows, columns, scale, key in zip(
                sizes[:-1], sizes[1:], scales, jax.random.split(key, len(scales)), strict=True
            )
        ]
        self.clock, self.label, self.noise = clock, label, noise

    def __call__(
        self,
        x: Float[Array, " inputs"],
        level: Any = None,
        time: Any = None,
        condition: Any = None,
    ) -> Float[Array, " outputs"]:
        blocks = [noise_features(level)] if self.noise else []
        if self.clock is not None:
            blocks.append(self.clock(time))
        if self.label is not None:
            blocks.append(self.label(condition))
        features = jnp.concatenate(blocks) if blocks else None
        for layer in self.layers[:-1]:
            x = jnp.tanh(layer(x, features))
        return self.layers[-1](x, features)
