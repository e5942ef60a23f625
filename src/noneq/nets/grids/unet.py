"""Fields on regular grids: a small U-Net of any number of dimensions."""

import itertools
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
from noneq.nets.context import Context, Linear, Modulation, per_site
from noneq.nets.inputs import Clock, Label
from noneq.nets.vectors.fields import silu


_PADDINGS = ("circular", "zero")


class UNet(AbstractNet):
    """Recipe of a `GridNetwork`, for fields ``(channels, *grid)`` of 1 to 3 dimensions.

    Args:
        channels: of the finest grid; all coarser ones have twice as many.
        levels: how often the grid is halved.
        blocks: residual blocks per level on the way down, and on the way up.
        padding: ``"circular"`` for periodic grids: a shift of the input by 2^levels sites (or a
            multiple) shifts the output; ``"zero"`` for grids with edges.
        groups: of the group norm; divides ``channels``.

    Raises:
        InvalidInput: a size out of range, groups that do not divide the channels, an unknown
            padding; at `init` a state that is no field, or a grid that cannot be halved so often.
    """

    channels: int = 32
    levels: int = 2
    blocks: int = 1
    padding: str = "circular"
    groups: int = 8

    def __check_init__(self) -> None:
        if not (1 <= self.channels <= 1024 and 0 <= self.levels <= 8 and 1 <= self.blocks <= 16):
            raise InvalidInput(
                f"UNet: channels = {self.channels}, levels = {self.levels}, blocks = {self.blocks}; "
                "expected 1 to 1024 channels, 0 to 8 levels and 1 to 16 blocks."
            )
        if self.groups < 1 or self.channels % self.groups:
            raise InvalidInput(
                f"UNet: groups = {self.groups} does not divide channels = {self.channels}."
            )
        if self.padding not in _PADDINGS:
            raise InvalidInput(f"UNet: padding = {self.padding!r}; expected 'circular' or 'zero'.")

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
    ) -> "GridNetwork":
        check_field("UNet", event_shape)
        grid, factor = event_shape[1:], 2**self.levels
        if any(size % factor for size in grid):
            most = max(k for k in range(9) if not any(size % 2**k for size in grid))
            raise InvalidInput(
                f"UNet: a grid of {grid} cannot be halved {self.levels} times; set levels = {most} "
                f"(net.levels={most}) or give a grid whose sizes {factor} divides."
            )
        tell_key, net_key = jax.random.split(key)
        context = Context(2 * self.channels, noise, clock, label, key=tell_key)
        return GridNetwork(self, event_shape, outputs, context, key=net_key)


def check_field(name: str, event_shape: tuple[int, ...]) -> None:
    """Refuse states that are no field of 1 to 3 dimensions.

    Raises:
        InvalidInput: naming the network.
    """
    if not 2 <= len(event_shape) <= 4:
        raise InvalidInput(
            f"{name}: states have shape {event_shape}; expected fields (channels, *grid) of 1 to 3 "
            "dimensions. Use MLP or ResNet for vectors; give a single channel as (1, *grid)."
        )


class Convolution(eqx.Module):
    """Three sites wide in every direction, on ``(*grid, channels)``.

    Channels come last: on CPUs the gradient of a convolution is then twice as fast.
    """

    kernel: Float[Array, "*window inputs outputs"]
    bias: Float[Array, " outputs"]
    padding: str = eqx.field(static=True)

    def __init__(
        self,
        dims: int,
        inputs: int,
        outputs: int,
        padding: str,
        gain: float = math.sqrt(2),
        *,
        key: Key,
    ):
        spread = gain / math.sqrt(3**dims * inputs)
        self.kernel = spread * jax.random.normal(key, (*(3,) * dims, inputs, outputs))
        self.bias = jnp.zeros(outputs)
        self.padding = padding

    def __call__(self, h: Float[Array, "*grid inputs"]) -> Float[Array, "*grid outputs"]:
        # A product of neighbourhoods with a matrix: inside a compiled loop, where training runs,
        # XLA's convolution on CPUs takes ten times as long.
        grid, dims = h.shape[:-1], h.ndim - 1
        mode = "wrap" if self.padding == "circular" else "constant"
        wide = jnp.pad(h, [*[(1, 1)] * dims, (0, 0)], mode=mode)
        shifted = [
            wide[tuple(slice(i, i + n) for i, n in zip(corner, grid, strict=True))]
            for corner in itertools.product(range(3), repeat=dims)
        ]
        matrix = self.kernel.reshape(-1, self.kernel.shape[-1])
        return jnp.concatenate(shifted, axis=-1) @ matrix + self.bias


def group_norm(h: Float[Array, "*grid channels"], groups: int) -> Float[Array, "*grid channels"]:
    """Mean 0 and variance 1 over the grid and the channels of each group."""
    parts = h.reshape(-1, groups, h.shape[-1] // groups)
    parts = parts - jnp.mean(parts, axis=(0, 2), keepdims=True)
    parts = parts * jax.lax.rsqrt(jnp.mean(parts**2, axis=(0, 2), keepdims=True) + 1e-5)
    return parts.reshape(h.shape)


class GridBlock(eqx.Module):
    """Two convolutions beside the identity; the context modulates between them.

    Source: Ho et al. 2020, appendix B, with the modulation of Dhariwal and Nichol 2021, eq. 3.
    """

    first: Convolution
    modulation: Modulation
    second: Convolution
    groups: int = eqx.field(static=True)

    def __init__(self, recipe: UNet, dims: int, width: int, told: int, *, key: Key):
        """``told``: size of the context."""
        keys = jax.random.split(key, 3)
        self.first = Convolution(dims, width, width, recipe.padding, key=keys[0])
        self.modulation = Modulation(told, width, key=keys[1])
        self.second = Convolution(dims, width, width, recipe.padding, 0.3, key=keys[2])
        self.groups = recipe.groups

    def __call__(
        self, h: Float[Array, "*grid width"], context: Float[Array, " told"]
    ) -> Float[Array, "*grid width"]:
        inner = self.first(silu(group_norm(h, self.groups)))
        inner = self.modulation(group_norm(inner, self.groups), context)
        return h + self.second(silu(inner))


def halved(h: Float[Array, "*grid channels"]) -> Float[Array, "*half more"]:
    """Every 2 × … × 2 patch as one site with 2^dims as many channels."""
    dims = h.ndim - 1
    split = [part for size in h.shape[:-1] for part in (size // 2, 2)]
    h = h.reshape(*split, h.shape[-1])
    h = h.transpose(*range(0, 2 * dims, 2), *range(1, 2 * dims, 2), 2 * dims)
    return h.reshape(*split[::2], -1)


def doubled(h: Float[Array, "*grid channels"]) -> Float[Array, "*double channels"]:
    """Every site repeated in every direction."""
    for axis in range(h.ndim - 1):
        h = jnp.repeat(h, 2, axis=axis)
    return h


class GridNetwork(AbstractNetwork):
    """F(x, level, time, condition) of a field, by a U-Net.

    Down: 2 × 2 patches times a matrix. Up: a matrix, repeat, add the finer grid's own field,
    convolve. Strided and transposed convolutions, whose gradients are slow on CPUs, do not occur.

    Outputs that are a multiple of the number of sites are channels of the same grid; any other
    number is a sum over sites of local outputs.
    """

    context: Context
    first: Convolution
    down: list[list[GridBlock]]
    coarsen: list[Linear]
    bottom: GridBlock
    refine: list[Linear]
    up: list[list[GridBlock]]
    last: Convolution
    event_shape: tuple[int, ...] = eqx.field(static=True)
    groups: int = eqx.field(static=True)
    summed: bool = eqx.field(static=True)

    def __init__(
        self,
        recipe: UNet,
        event_shape: tuple[int, ...],
        outputs: int,
        context: Context,
        *,
        key: Key,
    ):
        channels, *grid = event_shape
        fine, told, dims = recipe.channels, 2 * recipe.channels, len(grid)
        keys = iter(jax.random.split(key, 3 + 2 * recipe.levels * (1 + recipe.blocks)))
        local, self.summed = per_site(outputs, math.prod(grid))
        self.event_shape = event_shape
        self.groups = recipe.groups
        self.context = context
        width = lambda level: fine if level == 0 else 2 * fine
        blocks = lambda level: [
            GridBlock(recipe, dims, width(level), told, key=next(keys))
            for _ in range(recipe.blocks)
        ]
        self.first = Convolution(dims, channels, fine, recipe.padding, 1.0, key=next(keys))
        self.down = [blocks(level) for level in range(recipe.levels)]
        self.coarsen = [
            Linear(2**dims * width(level), width(level + 1), key=next(keys))
            for level in range(recipe.levels)
        ]
        self.bottom = GridBlock(recipe, dims, width(recipe.levels), told, key=next(keys))
        self.refine = [
            Linear(width(level + 1), width(level), key=next(keys)) for level in range(recipe.levels)
        ]
        self.up = [blocks(level) for level in range(recipe.levels)]
        self.last = Convolution(dims, fine, local, recipe.padding, 0.1, key=next(keys))

    def __call__(
        self,
        x: Float[Array, " inputs"],
        level: Any = None,
        time: Any = None,
        condition: Any = None,
    ) -> Float[Array, " outputs"]:
        context = self.context(level, time, condition)
        h = self.first(jnp.moveaxis(x.reshape(self.event_shape), 0, -1))
        kept = []
        for blocks, coarsen in zip(self.down, self.coarsen, strict=True):
            for block in blocks:
                h = block(h, context)
            kept.append(h)
            h = coarsen(halved(h))
        h = self.bottom(h, context)
        for blocks, refine in zip(reversed(self.up), reversed(self.refine), strict=True):
            h = doubled(refine(h)) + kept.pop()
            for block in blocks:
                h = block(h, context)
        out = jnp.moveaxis(self.last(silu(group_norm(h, self.groups))), -1, 0)
        return jnp.sum(out.reshape(out.shape[0], -1), axis=1) if self.summed else out.ravel()
