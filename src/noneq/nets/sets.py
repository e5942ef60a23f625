"""Permutation-equivariant fields on particles."""

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
from noneq.nets.inputs import Clock, Label
from noneq.nets.vectors.fields import silu
from noneq.nets.vectors.residual import ResidualBlock


class SetNet(AbstractNet):
    """Recipe of a `SetNetwork`, for particles ``(particles, dim)``.

    Args:
        width: features of a particle.
        blocks: each lets the particles meet, then thinks about each of them.
        heads: of the attention, O(particles²); 0 lets particles meet in their mean, O(particles).
        centred: sees positions relative to their mean only, so that moving all particles leaves
            the output unchanged.

    Raises:
        InvalidInput: a size out of range, heads that do not divide the width; at `init` states
            that are no ``(particles, dim)``.
    """

    width: int = 64
    blocks: int = 3
    heads: int = 4
    centred: bool = False

    def __check_init__(self) -> None:
        if not (1 <= self.width <= 4096 and 1 <= self.blocks <= 64 and self.heads >= 0):
            raise InvalidInput(
                f"SetNet: width = {self.width}, blocks = {self.blocks}, heads = {self.heads}; "
                "expected a width of 1 to 4096, 1 to 64 blocks and 0 or more heads."
            )
        if self.heads and self.width % self.heads:
            raise InvalidInput(
                f"SetNet: heads = {self.heads} does not divide width = {self.width}."
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
    ) -> "SetNetwork":
        if len(event_shape) != 2:
            raise InvalidInput(
                f"SetNet: states have shape {event_shape}; expected (particles, dim). Use MLP or "
                "ResNet for vectors and UNet for fields."
            )
        tell_key, net_key = jax.random.split(key)
        context = Context(self.width, noise, clock, label, key=tell_key)
        return SetNetwork(self, event_shape, outputs, context, key=net_key)


class Meeting(eqx.Module):
    """h_i + W_o Σ_j a_ij v_j: attention weighted by likeness and by distance, or the plain mean.

    **Equation**: a_ij = softmax_j(q_i·k_j/√d − r |x_i − x_j|²) with a learnt r for every head, of
    either sign; without heads a_ij = 1/N.

    Source: Vaswani et al. 2017, eq. 1; Zaheer et al. 2017, eq. 4 (mean). The distance is added.
    """

    modulation: Modulation
    ask: Linear | None
    tell: Linear
    reach: Float[Array, " heads"] | None
    last: Linear
    heads: int = eqx.field(static=True)

    def __init__(self, width: int, heads: int, *, key: Key):
        keys = jax.random.split(key, 4)
        self.modulation = Modulation(width, width, key=keys[0])
        self.ask = Linear(width, 2 * width, key=keys[1]) if heads else None
        self.tell = Linear(width, width, key=keys[2])
        # Some heads begin far-sighted, others short-sighted.
        self.reach = jnp.arange(heads, dtype=float) if heads else None
        self.last = Linear(width, width, 0.3, key=keys[3])
        self.heads = heads

    def __call__(
        self,
        h: Float[Array, "particles width"],
        distances: Float[Array, "particles particles"],
        context: Float[Array, " told"],
    ) -> Float[Array, "particles width"]:
        seen = self.modulation(layer_norm(h), context)
        values = self.tell(seen)
        if self.ask is None or self.reach is None:
            return h + self.last(silu(seen + jnp.mean(values, axis=0)))
        split = lambda a: a.reshape(len(h), self.heads, -1)
        queries, keys = (split(a) for a in jnp.split(self.ask(seen), 2, axis=-1))
        logits = jnp.einsum("ihd,jhd->hij", queries, keys) / math.sqrt(queries.shape[-1])
        weights = jax.nn.softmax(logits - self.reach[:, None, None] * distances, axis=-1)
        met = jnp.einsum("hij,jhd->ihd", weights, split(values))
        return h + self.last(met.reshape(h.shape))


class SetNetwork(AbstractNetwork):
    """F(x, level, time, condition) of particles; permuting them permutes the output.

    Outputs that are a multiple of the number of particles are vectors of each particle; any other
    number is a sum over particles, unchanged by permutations.
    """

    context: Context
    first: Linear
    meetings: list[Meeting]
    blocks: list[ResidualBlock]
    modulation: Modulation
    last: Linear
    event_shape: tuple[int, ...] = eqx.field(static=True)
    centred: bool = eqx.field(static=True)
    summed: bool = eqx.field(static=True)

    def __init__(
        self,
        recipe: SetNet,
        event_shape: tuple[int, ...],
        outputs: int,
        context: Context,
        *,
        key: Key,
    ):
        particles, dim = event_shape
        first, last, tell, *keys = jax.random.split(key, 3 + 2 * recipe.blocks)
        local, self.summed = per_site(outputs, particles)
        width = recipe.width
        self.event_shape = event_shape
        self.centred = recipe.centred
        self.context = context
        self.first = Linear(dim, width, key=first)
        self.meetings = [Meeting(width, recipe.heads, key=k) for k in keys[::2]]
        self.blocks = [ResidualBlock(width, width, key=k) for k in keys[1::2]]
        self.modulation = Modulation(width, width, key=tell)
        self.last = Linear(width, local, 0.1, key=last)

    def __call__(
        self,
        x: Float[Array, " inputs"],
        level: Any = None,
        time: Any = None,
        condition: Any = None,
    ) -> Float[Array, " outputs"]:
        context = self.context(level, time, condition)
        x = x.reshape(self.event_shape)
        x = x - jnp.mean(x, axis=0) if self.centred else x
        distances = jnp.sum((x[:, None] - x) ** 2, axis=-1)
        h = self.first(x)
        for meeting, block in zip(self.meetings, self.blocks, strict=True):
            h = block(meeting(h, distances, context), context)
        out = self.last(silu(self.modulation(h, context)))
        return jnp.sum(out, axis=0) if self.summed else out.ravel()
