"""Fields on regular grids as patches that are mixed by perceptrons: fast where convolutions are not."""

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
from noneq.nets.context import Context, Linear, Modulation, layer_norm, per_site
from noneq.nets.grids.unet import check_field
from noneq.nets.inputs import Clock, Label
from noneq.nets.vectors.fields import silu
from noneq.nets.vectors.residual import ResidualBlock


class PatchMLP(AbstractNet):
    """Recipe of a `PatchNetwork`, for fields ``(channels, *grid)`` of 1 to 3 dimensions.

    On a CPU it costs a fraction of a `UNet`, as it is made of matrix products alone. It knows
    nothing of translations: it sees sites by their place, as images of digits or faces need it.
    The mixing matrix has the square of the number of patches as entries; choose ``patch`` so that
    there are at most about a thousand.

    Args:
        patch: sites along each edge of a patch; divides every size of the grid.
        width: features of a patch.
        blocks: each lets the patches meet, then thinks about each of them.

    Raises:
        InvalidInput: a size out of range; at `init` a state that is no field, or a grid that
            patches do not fill.

    Source: Tolstikhin et al. 2021 (MLP-Mixer), section 2, with modulation by the context.
    """

    patch: int = 2
    width: int = 64
    blocks: int = 3

    def __check_init__(self) -> None:
        if not (1 <= self.patch <= 64 and 1 <= self.width <= 4096 and 1 <= self.blocks <= 64):
            raise InvalidInput(
                f"PatchMLP: patch = {self.patch}, width = {self.width}, blocks = {self.blocks}; "
                "expected patches of 1 to 64 sites, a width of 1 to 4096 and 1 to 64 blocks."
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
    ) -> "PatchNetwork":
        check_field("PatchMLP", event_shape)
        grid = event_shape[1:]
        if any(size % self.patch for size in grid):
            raise InvalidInput(
                f"PatchMLP: patches of {self.patch} sites do not fill a grid of {grid}; set "
                f"net.patch to a divisor of {math.gcd(*grid)}."
            )
        tell_key, net_key = jax.random.split(key)
        context = Context(self.width, noise, clock, label, key=tell_key)
        return PatchNetwork(self, event_shape, outputs, context, key=net_key)


def to_patches(x: Float[Array, "channels *grid"], patch: int) -> Float[Array, "patches entries"]:
    """Cut a field into patches; the entries of a patch are its channels and sites."""
    cut = x.reshape(x.shape[0], *(n for size in x.shape[1:] for n in (size // patch, patch)))
    places = range(1, cut.ndim, 2)
    inside = range(2, cut.ndim, 2)
    return cut.transpose(*places, 0, *inside).reshape(x[0].size // patch ** (x.ndim - 1), -1)


def from_patches(
    patches: Float[Array, "patches entries"], grid: tuple[int, ...], patch: int
) -> Float[Array, "channels *grid"]:
    """The field that `to_patches` cut."""
    dims = len(grid)
    cut = patches.reshape(*(size // patch for size in grid), -1, *(patch,) * dims)
    order = [dims] + [axis for i in range(dims) for axis in (i, dims + 1 + i)]
    return cut.transpose(order).reshape(-1, *grid)


class Mixing(eqx.Module):
    """h + M₂ SiLU(M₁ modulated(norm(h))), with M₁ and M₂ acting across the patches."""

    modulation: Modulation
    first: Linear
    second: Linear

    def __init__(self, patches: int, width: int, *, key: Key):
        keys = jax.random.split(key, 3)
        self.modulation = Modulation(width, width, key=keys[0])
        self.first = Linear(patches, patches, math.sqrt(2), key=keys[1])
        self.second = Linear(patches, patches, 0.3, key=keys[2])

    def __call__(
        self, h: Float[Array, "patches width"], context: Float[Array, " told"]
    ) -> Float[Array, "patches width"]:
        inner = self.modulation(layer_norm(h), context).T
        return h + self.second(silu(self.first(inner))).T


class PatchNetwork(AbstractNetwork):
    """F(x, level, time, condition) of a field, by mixing its patches.

    Outputs that are a multiple of the number of sites form a field; any other number is a sum over
    the sites.
    """

    context: Context
    first: Linear
    mixings: list[Mixing]
    blocks: list[ResidualBlock]
    modulation: Modulation
    last: Linear
    event_shape: tuple[int, ...] = eqx.field(static=True)
    patch: int = eqx.field(static=True)
    summed: bool = eqx.field(static=True)

    def __init__(
        self,
        recipe: PatchMLP,
        event_shape: tuple[int, ...],
        outputs: int,
        context: Context,
        *,
        key: Key,
    ):
        channels, *grid = event_shape
        first, last, tell, *keys = jax.random.split(key, 3 + 2 * recipe.blocks)
        local, self.summed = per_site(outputs, math.prod(grid))
        width, inside = recipe.width, recipe.patch ** len(grid)
        patches = math.prod(grid) // inside
        self.event_shape = event_shape
        self.patch = recipe.patch
        self.context = context
        self.first = Linear(channels * inside, width, key=first)
        self.mixings = [Mixing(patches, width, key=k) for k in keys[::2]]
        self.blocks = [ResidualBlock(width, width, key=k) for k in keys[1::2]]
        self.modulation = Modulation(width, width, key=tell)
        self.last = Linear(width, local * inside, 0.1, key=last)

    def __call__(
        self,
        x: Float[Array, " inputs"],
        level: Any = None,
        time: Any = None,
        condition: Any = None,
    ) -> Float[Array, " outputs"]:
        context = self.context(level, time, condition)
        h = self.first(to_patches(x.reshape(self.event_shape), self.patch))
        for mixing, block in zip(self.mixings, self.blocks, strict=True):
            h = block(mixing(h, context), context)
        out = self.last(silu(self.modulation(h, context)))
        out = from_patches(out, self.event_shape[1:], self.patch)
        return jnp.sum(out.reshape(out.shape[0], -1), axis=1) if self.summed else out.ravel()
