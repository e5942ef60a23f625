"""Noise level, time and condition as one vector, and how it steers the layers of a network."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key
from noneq.nets.features import noise_features
from noneq.nets.inputs import Clock, Label
from noneq.nets.vectors.fields import silu


class Linear(eqx.Module):
    """h ↦ h W + b on the last axis; W is (inputs, outputs), so that rows need no transpose."""

    matrix: Float[Array, "inputs outputs"]
    bias: Float[Array, " outputs"]

    def __init__(self, inputs: int, outputs: int, gain: float = 1.0, *, key: Key):
        """``gain``: standard deviation of the outputs for independent inputs of unit variance."""
        self.matrix = jax.random.normal(key, (inputs, outputs)) * (gain / math.sqrt(inputs))
        self.bias = jnp.zeros(outputs)

    def __call__(self, h: Float[Array, "*sites inputs"]) -> Float[Array, "*sites outputs"]:
        return h @ self.matrix + self.bias


class Context(eqx.Module):
    """A vector of what a network is told beside the state: two SiLU layers of its features.

    Every kind of input has its own matrix, so that under ``vmap`` whatever all samples share is
    multiplied once. A network that is told nothing gets a learnt constant.
    """

    entries: list[Float[Array, "_ width"]]
    bias: Float[Array, " width"]
    second: Linear
    clock: Clock | None
    label: Label | None
    noise: bool = eqx.field(static=True)

    def __init__(
        self, width: int, noise: bool, clock: Clock | None, label: Label | None, *, key: Key
    ):
        sizes = [9] if noise else []
        sizes += [label.size] if label is not None else []
        sizes += [clock.size] if clock is not None else []
        last, *keys = jax.random.split(key, len(sizes) + 1)
        self.entries = [
            jax.random.normal(k, (size, width)) / math.sqrt(size)
            for k, size in zip(keys, sizes, strict=True)
        ]
        self.bias = jnp.zeros(width)
        self.second = Linear(width, width, math.sqrt(2), key=last)
        self.clock = clock
        self.label = label
        self.noise = noise

    def __call__(self, level: Any, time: Any, condition: Any) -> Float[Array, " width"]:
        blocks = [noise_features(level)] if self.noise else []
        blocks += [self.label(condition)] if self.label is not None else []
        blocks += [self.clock(time)] if self.clock is not None else []
        parts = [block @ matrix for block, matrix in zip(blocks, self.entries, strict=True)]
        return silu(self.second(silu(sum(parts, self.bias))))


class Modulation(eqx.Module):
    """h ↦ h (1 + scale) + shift per channel, both linear in the context.

    Source: Perez et al. 2018, eq. 2.
    """

    linear: Linear

    def __init__(self, width: int, channels: int, *, key: Key):
        self.linear = Linear(width, 2 * channels, 0.5, key=key)

    def __call__(
        self, h: Float[Array, "*sites channels"], context: Float[Array, " width"]
    ) -> Float[Array, "*sites channels"]:
        scale, shift = jnp.split(self.linear(context), 2)
        return h * (1 + scale) + shift


def layer_norm(h: Float[Array, "*sites channels"]) -> Float[Array, "*sites channels"]:
    """Mean 0 and variance 1 over the channels of each site."""
    h = h - jnp.mean(h, axis=-1, keepdims=True)
    return h * jax.lax.rsqrt(jnp.mean(h**2, axis=-1, keepdims=True) + 1e-5)


def per_site(outputs: int, sites: int) -> tuple[int, bool]:
    """How many numbers each site (pixel, particle) gives, and whether these are summed.

    A multiple of the sites is one vector each; any other number (an energy) is a sum of local
    contributions, as an extensive quantity is.
    """
    return (outputs, True) if outputs % sites else (outputs // sites, False)
