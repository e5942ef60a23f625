"""A tiny method with a chain of hidden states: three states driven around a ring."""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

from noneq.constant import Constant
from noneq.data import Snapshots
from noneq.data.summary import summarise
from noneq.domains import AbstractDomain
from noneq.frames.checks import check_count
from noneq.learning.method import AbstractMethod, Fit
from noneq.traits import AbstractModel, HasChain, HasStateMeans


class RingModel(AbstractModel, HasChain, HasStateMeans):
    event_shape: tuple[int, ...] = eqx.field(static=True)
    domain: AbstractDomain
    matrix: Constant

    def sample(self, n, *, time=None, condition=None, key):
        check_count(n)
        return jax.random.normal(key, (n, *self.event_shape))

    def snapshots(self, n, *, times, condition=None, key):
        frames = [self.sample(n, time=t, key=key) for t in times]
        return Snapshots.from_frames(frames, times, domain=self.domain)

    def transition_matrix(self):
        return self.matrix.value

    def stationary(self):
        return jnp.full(3, 1 / 3)

    def state_means(self):
        return jnp.broadcast_to(jnp.arange(3.0)[:, None], (3, *self.event_shape))


class Ring(AbstractMethod):
    """Learns nothing; the chain of its model is set by its fields."""

    source: ClassVar[str] = "beyond2025"
    forward: float = 0.3
    backward: float = 0.1

    def init(self, summary, *, key) -> RingModel:
        there = self.forward * jnp.roll(jnp.eye(3), 1, 1)
        moves = there + self.backward * jnp.roll(jnp.eye(3), -1, 1)
        matrix = moves + jnp.diag(1 - moves.sum(1))
        return RingModel(summary.event_shape, summary.domain, Constant(matrix))

    def fit(
        self, data, *, key, init=None, progress=None, checkpoint=None, shift: Any = None
    ) -> Fit:
        summary = summarise(data)
        return Fit(self.init(summary, key=key), {"step": [1.0], "loss": [0.0]}, self, summary)
