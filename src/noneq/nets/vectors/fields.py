"""Fields on vector states: a time-conditioned multilayer perceptron."""

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


def silu(x: Array) -> Array:
    """x/(1 + e^{−x}) by tanh, which XLA vectorises on CPUs better than the exponential."""
    return x * (0.5 * jnp.tanh(0.5 * x) + 0.5)


class MLP(AbstractNet):
    """Recipe of a `FieldNetwork`.

    Args:
        width: units of each hidden layer.
        depth: number of hidden layers.

    Raises:
        InvalidInput: width or depth below 1, or out of reach of the compiler.
    """

    width: int = 128
    depth: int = 4

    def __check_init__(self) -> None:
        if not (1 <= self.width <= _MOST_WIDTH and 1 <= self.depth <= _MOST_DEPTH):
            raise InvalidInput(
                f"MLP: width = {self.width}, depth = {self.depth}; expected a width of "
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
    ) -> "FieldNetwork":
        return FieldNetwork(self, math.prod(event_shape), outputs, noise, clock, label, key=key)


class FieldNetwork(AbstractNetwork):
    """F(x, level, time, condition): SiLU layers; inputs enter the first layer side by side.

    Each input has its own first-layer matrix, so that under ``vmap`` whatever all samples share
    (noise level, time) is multiplied once and not once per sample. Physical time also gates the
    first and the last hidden layer: a law that moves or turns is static in a frame that is
    bilinear in x and functions of t, which sums alone learn slowly. Matrices are (inputs,
    outputs): under ``vmap`` a layer is then one product of rows, with no transpose.

    Source: gates as in Perez et al. 2018, eq. 2.
    """

    first: list[Float[Array, "_ width"]]
    gates: list[Float[Array, "width width"]]
    bias: Float[Array, " width"]
    hidden: list[tuple[Float[Array, "width width"], Float[Array, " width"]]]
    last: Float[Array, "width out"]
    last_bias: Float[Array, " out"]
    clock: Clock | None
    label: Label | None
    noise: bool = eqx.field(static=True)

    def __init__(
        self,
        recipe: MLP,
        inputs: int,
        outputs: int,
        noise: bool,
        clock: Clock | None,
        label: Label | None,
        *,
        key: Key,
    ):
        sizes = [inputs]
        sizes += [9] if noise else []
        sizes += [label.size] if label is not None else []
        sizes += [clock.size] if clock is not None else []
        gates = 2 if clock is not None else 0
        keys = iter(jax.random.split(key, len(sizes) + gates + recipe.depth))
        draw = lambda rows, columns: jax.random.normal(next(keys), (rows, columns))
        width = recipe.width
        # Every input block gets equal say, however many features it has.
        self.first = [draw(size, width) / math.sqrt(size) for size in sizes]
        self.gates = [draw(width, width) * (0.5 / math.sqrt(width)) for _ in range(gates)]
        self.bias = jnp.zeros(width)
        self.hidden = [
            (draw(width, width) * math.sqrt(2 / width), jnp.zeros(width))
            for _ in range(recipe.depth - 1)
        ]
        self.last = draw(width, outputs) * (0.1 / math.sqrt(width))
        self.last_bias = jnp.zeros(outputs)
        self.clock = clock
        self.label = label
        self.noise = noise

    def __call__(
        self,
        x: Float[Array, " inputs"],
        level: Any = None,
        time: Any = None,
        condition: Any = None,
    ) -> Float[Array, " outputs"]:
        blocks = [x]
        if self.noise:
            blocks.append(noise_features(level))
        if self.label is not None:
            blocks.append(self.label(condition))
        if self.clock is not None:
            blocks.append(self.clock(time))
        entries = [block @ matrix for matrix, block in zip(self.first, blocks, strict=True)]
        h = self.bias + sum(entries)
        if self.clock is not None:
            h = h + entries[0] * (entries[-1] @ self.gates[0])
        h = silu(h)
        for matrix, bias in self.hidden:
            h = silu(h @ matrix + bias)
        if self.clock is not None:
            h = h * (1 + entries[-1] @ self.gates[1])
        return h @ self.last + self.last_bias
