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
from noneq.methods.bridges.affine import AffinePart
from noneq.methods.bridges.base import AbstractBridge, Passage
from noneq.nets.base import AbstractNetwork
from noneq.processes.dissipation import EntropyProduction, HasDissipation


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


class AbstractLearntField(AbstractTransportField):
    """A field beside whose reference networks learn.

    Attributes:
        bridge: the reference.
    """

    bridge: eqx.AbstractVar[AbstractBridge]

    @property
    def stochastic(self) -> bool:
        return self.bridge.stochastic

    def diffusion(self) -> Scalar | float:
        return self.bridge.diffusion()


class TransportField(AbstractLearntField, HasDissipation):
    """Velocity and score of p(x, t) at states from the centre, in the user's units.

    **Equation**: velocity = reference drift + scale/pace F_1(x/scale, t), score = F_2(x/scale, t)/scale
    with the two halves of one network's output (F_2 for a stochastic bridge); one more number is the
    rate of growth, F_3/pace, where masses grow. An affine part is added to both.

    Attributes:
        net: F.
        bridge: whose reference drift the network adds to.
        scale: (dim,) standard deviations of the data, widened by those of the bridge.
        pace: mean interval of the snapshots.
        affine: what the moments of the pairs give, or None.
        growing: whether masses grow.
    """

    net: AbstractNetwork
    bridge: AbstractBridge
    scale: Constant
    pace: Constant
    growing: bool = eqx.field(static=True, default=False)
    affine: AffinePart | None = None

    def parts(
        self, x: Float[Array, " dim"], time: ScalarLike, condition: Any
    ) -> tuple[Array, Array | None, Array | None]:
        """(velocity, score, rate of growth); None what there is not."""
        scale, size = self.scale.value, x.size
        out = self.net(x / scale, None, time, condition)
        velocity = self.bridge.drift(x, time) + out[:size] * scale / self.pace.value
        score = out[size : 2 * size] / scale if self.bridge.stochastic else None
        if self.affine is not None and score is not None:
            more, whole = self.affine(x, time)
            velocity, score = velocity + more, score + whole
        return velocity, score, (out[-1] / self.pace.value if self.growing else None)

    def __call__(
        self, x: Float[Array, " dim"], time: ScalarLike, condition: Any
    ) -> tuple[Array, Array | None]:
        velocity, score, _ = self.parts(x, time, condition)
        return velocity, score

    def dissipation(
        self,
        x: Float[Array, " dim"],
        tau: ScalarLike,
        time: Any,
        condition: Any,
        along: Float[Array, "k dim"],
    ) -> Scalar:
        """pace uᵀ D⁻¹ u, D = sigma²/2."""
        velocity = self(x, time, condition)[0]
        return 2 * self.pace.value * jnp.sum((velocity / self.diffusion()) ** 2)


class MatchingLoss(AbstractLoss):
    """Mean square error of the conditional velocity and of the weighted conditional score.

    **Equation**: mean over pairs, phases and paths of
    |pace (u − u*)/scale|² + |spread (s − s*)|², each over dim; spread the width of the conditional
    law, sigma √(s(1 − s)Δ) for `Brownian`, so that the second term is |spread s + xi|². Where masses
    grow, a pair whose start has r descendants counts r^{s − 1} at phase s, and the square of
    pace (g − ln r/Δ) is added: then ∂_t p + div(p u) = g p.

    Args:
        bridge: with its tables.
        drop: fraction of conditions that are hidden.
        penalty: on entropy production, or None.

    Source: Tong et al. 2024, eq. 9; Tong et al. 2024b, eq. 10 (weight of the score: its eq. 12 in
    units of the score).
    """

    bridge: AbstractBridge
    drop: float = 0.0
    penalty: EntropyProduction | None = None

    def loss(self, model: AbstractTransportField, batch: dict[str, Any], *, key: Key) -> Scalar:
        phase_key, path_key, drop_key = jax.random.split(key, 3)
        count = batch["time"].shape[0]
        condition = left_open(batch["condition"], self.drop, key=drop_key)
        if "passage" in batch:
            phase, passage = batch["phase"], batch["passage"]
        else:
            phase = phases(count, self.bridge.stochastic, key=phase_key)
            rows = (batch["start"], batch["end"], phase, batch["duration"])
            keys = jax.random.split(path_key, count)
            at = lambda x0, x1, s, duration, key: self.bridge.at(x0, x1, s, duration, key=key)
            passage = jax.vmap(at)(*rows, keys)
        time = batch["time"] + phase * batch["duration"]
        log_growth = batch.get("log_growth")

        def one(passage: Passage, time: Array, condition: Any, gain: Any, duration: Any) -> Scalar:
            state = (passage.x, time, condition)
            if isinstance(model, TransportField):
                velocity, score, rate = model.parts(*state)
            else:
                velocity, score, rate = *model(*state), None
            miss = model.pace.value * ((velocity - passage.velocity) / model.scale.value)
            loss = jnp.mean(miss**2)
            if passage.score is not None and score is not None:
                loss = loss + jnp.mean((passage.spread * (score - passage.score)) ** 2)
            if rate is not None and gain is not None:
                loss = loss + (model.pace.value * (rate - gain / duration)) ** 2
            return loss

        over = (0, 0, None if condition is None else 0, None if log_growth is None else 0, 0)
        losses = jax.vmap(one, over)(passage, time, condition, log_growth, batch["duration"])
        if log_growth is None:
            loss = jnp.mean(losses)
        else:
            loss = jnp.mean(jnp.exp((phase - 1) * batch["log_weight"]) * losses)
        if self.penalty is None:
            return loss
        states, key = passage.x, jax.random.fold_in(key, 1)
        return loss + self.penalty.mean(model, states, phase, time, condition=condition, key=key)


def phases(count: int, stochastic: bool, *, key: Key) -> Float[Array, " count"]:
    """Uniform phases in strata: same law, a quieter gradient; rows of a batch are random already."""
    margin = _MARGIN if stochastic else 0.0
    phase = (jnp.arange(count) + jax.random.uniform(key, (count,))) / count
    return margin + (1 - 2 * margin) * phase
