"""A masked perceptron: every output sees only the coordinates before its own."""

import jax
import jax.numpy as jnp
import numpy as np
from equinox import Module
from jaxtyping import Array, Float

from noneq._typing import Key
from noneq.constant import Constant
from noneq.nets.context import Context, Modulation
from noneq.nets.inputs import Clock, Label
from noneq.nets.vectors.fields import silu


_CONTEXT = 64


class Layer(Module):
    """h ↦ h (W ∘ mask) + b."""

    matrix: Float[Array, "inputs outputs"]
    bias: Float[Array, " outputs"]
    mask: Constant

    def __init__(self, mask: np.ndarray, gain: float, *, key: Key):
        """``gain``: standard deviation of the outputs for independent inputs of unit variance."""
        fan = np.maximum(mask.sum(0), 1)
        self.matrix = jax.random.normal(key, mask.shape) * jnp.asarray(gain / np.sqrt(fan), float)
        self.bias = jnp.zeros(mask.shape[1])
        self.mask = Constant(jnp.asarray(mask, float))

    def __call__(self, h: Float[Array, " inputs"]) -> Float[Array, " outputs"]:
        return h @ (self.matrix * self.mask.value) + self.bias


class MaskedNetwork(Module):
    """F(x, time, condition): the outputs of coordinate i depend on x_j only for j before i.

    **Equation**: with positions p of the coordinates (1 … dim) and degrees m of the hidden units,
    a weight is kept from input j to unit k if m_k ≥ p_j, from unit k to unit l if m_l ≥ m_k, from
    unit k to output i if p_i > m_k, and from input j straight to output i if p_i > p_j.

    Physical time and condition scale and shift every hidden layer; units of degree 0 see
    nothing else, so that the first coordinate follows them too.

    Args:
        order: the coordinates in the order of their positions, a permutation of 0 … dim − 1.
        inputs, outputs: numbers per coordinate, side by side.
        width, depth: units of a hidden layer, and number of such layers.
        clock, label: features of time and condition, None if there is none.

    Source: Germain et al. 2015, section 4.
    """

    first: Layer
    hidden: list[Layer]
    last: Layer
    direct: Layer
    context: Context | None
    modulations: list[Modulation]

    def __init__(
        self,
        order: tuple[int, ...],
        inputs: int,
        outputs: int,
        *,
        width: int,
        depth: int,
        clock: Clock | None,
        label: Label | None,
        key: Key,
    ):
        told = clock is not None or label is not None
        dim = len(order)
        position = np.empty(dim, int)
        position[list(order)] = np.arange(1, dim + 1)
        least = 0 if told or dim == 1 else 1
        degree = least + np.arange(width) * (dim - least) // width
        entering, leaving = np.repeat(position, inputs), np.repeat(position, outputs)
        keys = iter(jax.random.split(key, 2 * depth + 3))
        self.first = Layer(degree >= entering[:, None], 1.0, key=next(keys))
        between = degree >= degree[:, None]
        self.hidden = [Layer(between, 2**0.5, key=next(keys)) for _ in range(depth - 1)]
        self.last = Layer(leaving > degree[:, None], 0.1, key=next(keys))
        self.direct = Layer(leaving > entering[:, None], 0.1, key=next(keys))
        self.context = None
        self.modulations = []
        if told:
            self.context = Context(_CONTEXT, False, clock, label, key=next(keys))
            self.modulations = [Modulation(_CONTEXT, width, key=next(keys)) for _ in range(depth)]

    def __call__(
        self, x: Float[Array, " inputs"], time: object = None, condition: object = None
    ) -> Float[Array, " outputs"]:
        told = None if self.context is None else self.context(None, time, condition)
        h = x
        for i, layer in enumerate([self.first, *self.hidden]):
            h = layer(h)
            if told is not None:
                h = self.modulations[i](h, told)
            h = silu(h)
        return self.last(h) + self.direct(x)


def random_order(dim: int, seed: int | None) -> tuple[int, ...]:
    """A random order of the coordinates; None keeps theirs."""
    order = np.arange(dim) if seed is None else np.random.default_rng(seed).permutation(dim)
    return tuple(order.tolist())
