"""Local fields on regular grids: the same rule of a small neighbourhood at every site."""

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
from noneq.nets.grids.unet import check_field
from noneq.nets.inputs import Clock, Label
from noneq.nets.vectors.fields import silu


class LocalNet(AbstractNet):
    """Recipe of a `LocalNetwork`, for periodic fields ``(channels, *grid)`` of 1 to 3 dimensions.

    Unlike `UNet` it halves no grid and averages nothing: a shift of the input by any number of
    sites shifts the output, and a site sees others only up to ``window // 2`` sites away.

    Args:
        channels: of the hidden layer.
        depth: number of hidden layers; those after the first look at single sites.
        window: width of the neighbourhood, odd.
        mirrored: whether the rule is the same from the left and from the right along every axis,
            a sum over neighbours at equal distance.

    Raises:
        InvalidInput: a size out of range, an even window; at `init` states that are no field, or a
            grid narrower than the window.
    """

    channels: int = 32
    depth: int = 2
    window: int = 3
    mirrored: bool = False

    def __check_init__(self) -> None:
        if not (1 <= self.channels <= 1024 and 1 <= self.depth <= 16):
            raise InvalidInput(
                f"LocalNet: channels = {self.channels}, depth = {self.depth}; expected 1 to 1024 "
                "channels and a depth of 1 to 16."
            )
        if not (1 <= self.window <= 63 and self.window % 2):
            raise InvalidInput(
                f"LocalNet: window = {self.window}; expected an odd number of sites, 1 to 63."
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
    ) -> "LocalNetwork":
        check_field("LocalNet", event_shape)
        if min(event_shape[1:]) < self.window:
            raise InvalidInput(
                f"LocalNet: a grid of {event_shape[1:]} is narrower than window = {self.window}; "
                "choose a smaller window."
            )
        tell_key, net_key = jax.random.split(key)
        context = Context(self.channels, noise, clock, label, key=tell_key)
        return LocalNetwork(self, event_shape, outputs, context, key=net_key)


class LocalNetwork(AbstractNetwork):
    """F(x, level, time, condition) of a field: one convolution, then layers of every site alone.

    Outputs that are a multiple of the number of sites are channels of the same grid; any other
    number is a sum over sites, unchanged by shifts.
    """

    context: Context
    kernel: Float[Array, "*window inputs channels"]
    modulation: Modulation
    hidden: list[Linear]
    last: Linear
    event_shape: tuple[int, ...] = eqx.field(static=True)
    mirrored: bool = eqx.field(static=True)
    summed: bool = eqx.field(static=True)

    def __init__(
        self,
        recipe: LocalNet,
        event_shape: tuple[int, ...],
        outputs: int,
        context: Context,
        *,
        key: Key,
    ):
        inputs, *grid = event_shape
        first, tell, last, *keys = jax.random.split(key, 2 + recipe.depth)
        local, self.summed = per_site(outputs, math.prod(grid))
        shape = (recipe.window,) * len(grid)
        spread = 1 / math.sqrt(math.prod(shape) * inputs)
        self.context = context
        self.kernel = spread * jax.random.normal(first, (*shape, inputs, recipe.channels))
        self.modulation = Modulation(recipe.channels, recipe.channels, key=tell)
        self.hidden = [Linear(recipe.channels, recipe.channels, math.sqrt(2), key=k) for k in keys]
        self.last = Linear(recipe.channels, local, 0.5, key=last)
        self.event_shape = event_shape
        self.mirrored = recipe.mirrored

    def __call__(
        self,
        x: Float[Array, " inputs"],
        level: Any = None,
        time: Any = None,
        condition: Any = None,
    ) -> Float[Array, " outputs"]:
        context = self.context(level, time, condition)
        h = jnp.moveaxis(x.reshape(self.event_shape), 0, -1)
        h = silu(self.modulation(wrapped(h, self._kernel), context))
        for layer in self.hidden:
            h = silu(layer(h))
        out = jnp.moveaxis(self.last(h), -1, 0)
        return jnp.sum(out.reshape(out.shape[0], -1), axis=1) if self.summed else out.ravel()

    @property
    def _kernel(self) -> Array:
        kernel = self.kernel
        if self.mirrored:
            for axis in range(kernel.ndim - 2):
                kernel = (kernel + jnp.flip(kernel, axis)) / math.sqrt(2)
        return kernel


def wrapped(
    h: Float[Array, "*grid inputs"], kernel: Float[Array, "*window inputs outputs"]
) -> Float[Array, "*grid outputs"]:
    """Convolution of a periodic field ``(*grid, inputs)``; windows are odd."""
    dims = h.ndim - 1
    half = kernel.shape[0] // 2
    h = jnp.pad(h, [(half, half)] * dims + [(0, 0)], mode="wrap")
    axes = "DHW"[:dims]
    names = (f"N{axes}C", f"{axes}IO", f"N{axes}C")
    out = jax.lax.conv_general_dilated(
        h[None], kernel, (1,) * dims, [(0, 0)] * dims, dimension_numbers=names
    )
    return out[0]
