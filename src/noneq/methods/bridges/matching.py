"""The learnt velocity and score in physical time, and the loss that bridges give them."""

from abc import abstractmethod
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.constant import Constant
from noneq.learning.objectives import AbstractLoss
from noneq.learning.rows import left_open
from noneq.methods.bridges.base import AbstractBridge
from noneq.nets.base import AbstractNetwork


_MARGIN = 1e-3
"""Phases closer to an end than this are not drawn for a stochastic bridge, whose flow diverges."""


class AbstractTransportField(eqx.Module):
    """Velocity and score of p(x, t) at states from the centre of the data, in the user's units.

    Attributes:
        scale: (dim,) units in which errors of the velocity are measured.
        pace: mean interval of the snapshots.
    """

    scale: eqx.AbstractVar[Constant]
    pace: eqx.AbstractVar[Constant]

    @property
    @abstractmethod
    def stochastic(self) -> bool:
        """Whether there is noise, and with it a score."""

    @abstractmethod
    def diffusion(self) -> Scalar | float:
        """sigma."""

    @abstractmethod
    def __call__(
        self, x: Float[Array, " dim"], time: ScalarLike, condition: Any
    ) -> tuple[Array, Array | None]:
        """(velocity, score); the score is None without noise."""

    def turned(self, x: Array, time: ScalarLike, condition: Any, sign: ScalarLike) -> Array:
        """velocity + sign sigma² score/2: drift of the SDE forward (1) and backward (−1) in time."""
        velocity, score = self(x, time, condition)
        if score is None:
            return velocity
        sigma = self.diffusion()
        # In an order that does not overflow.
        return velocity + sign * (sigma * (sigma * score) / 2)


class TransportField(AbstractTransportField):
    """Velocity and score of p(x, t) at states from the centre, in the user's units.

    **Equation**: velocity = reference drift + scale/pace F_1(x/scale, t), score = F_2(x/scale, t)/scale
    with the two halves of one network's output (F_2 for a stochastic bridge).

    Attributes:
        net: F.
        bridge: whose reference drift the network adds to.
        scale: (dim,) standard deviations of the data, widened by those of the bridge.
        pace: mean interval of the snapshots.
    """

    net: AbstractNetwork
    bridge: AbstractBridge
    scale: Constant
    pace: Constant

    def __call__(
        self, x: Float[Array, " dim"], time: ScalarLike, condition: Any
    ) -> tuple[Array, Array | None]:
        scale = self.scale.value
        out = self.net(x / scale, None, time, condition)
        velocity = self.bridge.drift(x, time) + out[: x.size] * scale / self.pace.value
        return velocity, (out[x.size :] / scale if self.bridge.stochastic else None)

    @property
    def stochastic(self) -> bool:
        return self.bridge.stochastic

    def diffusion(self) -> Scalar | float:
        return self.bridge.diffusion()


class MatchingLoss(AbstractLoss):
    """Mean square error of the conditional velocity and of the weighted conditional score.

    **Equation**: mean over pairs, phases and paths of
    |pace (u − u*)/scale|² + |spread (s − s*)|², each over dim; spread the width of the conditional
    law, sigma √(s(1 − s)Δ) for `Brownian`, so that the second term is |spread s + xi|².

    Args:
        bridge: with its tables.
        drop: fraction of conditions that are hidden.

    Source: Tong et al. 2024, eq. 9; Tong et al. 2024b, eq. 10 (weight of the score: its eq. 12 in
    units of the score).
    """

    bridge: AbstractBridge
    drop: float = 0.0

    def loss(self, model: AbstractTransportField, batch: dict[str, Any], *, key: Key) -> Scalar:
        phase_key, path_key, drop_key = jax.random.split(key, 3)
        count = batch["start"].shape[0]
        margin = _MARGIN if self.bridge.stochastic else 0.0
        # Stratified phases: same law, a quieter gradient; rows of a batch are random already.
        phase = (jnp.arange(count) + jax.random.uniform(phase_key, (count,))) / count
        phase = margin + (1 - 2 * margin) * phase
        condition = left_open(batch["condition"], self.drop, key=drop_key)

        def one(x0: Array, x1: Array, phase: Array, time: Array, duration: Array, condition: Any,
                key: Key) -> Scalar:  # fmt: skip
            passage = self.bridge.at(x0, x1, phase, duration, key=key)
            velocity, score = model(passage.x, time + phase * duration, condition)
            miss = model.pace.value * ((velocity - passage.velocity) / model.scale.value)
            loss = jnp.mean(miss**2)
            if passage.score is None or score is None:
                return loss
            return loss + jnp.mean((passage.spread * (score - passage.score)) ** 2)

        keys = jax.random.split(path_key, count)
        over = (0, 0, 0, 0, 0, None if condition is None else 0, 0)
        losses = jax.vmap(one, over)(
            batch["start"], batch["end"], phase, batch["time"], batch["duration"], condition, keys
        )
        return jnp.mean(losses)
