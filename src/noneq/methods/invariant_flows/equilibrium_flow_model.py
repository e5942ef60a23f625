"""A learnt velocity that keeps a law."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Scalar, ScalarLike
from noneq.constant import Constant
from noneq.data.summary import Summary
from noneq.frames.checks import check_time
from noneq.frames.frame import Frame
from noneq.inference.velocities import velocity_at
from noneq.kinds import checked
from noneq.methods.denoising.time_scores import time_score
from noneq.methods.invariant_flows.base import AbstractInvariantFlow
from noneq.nets.base import AbstractNetwork
from noneq.traits import AbstractModel


class EquilibriumFlowModel(AbstractInvariantFlow):
    """v = scale (F(y) − mean)/std of the normalised state y, F a network, beside a known motion.

    Attributes:
        field: F.
        law: the law that v keeps.
        mean, std: of F over the law, for every component: those of v/scale are 0 and 1. Where
            the data tell the speed, 0 and one over the rate that F is measured in.
        known: a system or model whose velocity is added, or None.
    """

    field: AbstractNetwork
    law: AbstractModel
    frame: Frame
    mean: Constant
    std: Constant
    known: Any

    def __init__(
        self, field: AbstractNetwork, law: AbstractModel, summary: Summary, known: Any = None
    ):
        """``mean`` and ``std`` are 0 and 1 until they are measured."""
        self.field = field
        self.law = law  # pyright: ignore[reportIncompatibleVariableOverride]
        self.frame = Frame(summary)  # pyright: ignore[reportIncompatibleVariableOverride]
        self.mean = Constant(jnp.zeros(summary.dim))
        self.std = Constant(jnp.ones(summary.dim))
        self.known = known

    @checked
    def velocity(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> Float[Array, "*event"]:
        y, clock, label = self.frame.enter(x, time, condition)
        raw = self.field(y, None, clock, label)
        learnt = self.frame.normaliser.tangent((raw - self.mean.value) / self.std.value)
        return learnt if self.known is None else learnt + velocity_at(self.known, x, time, label)

    def time_score(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> Scalar:
        if not self._moving:
            return jnp.zeros(())
        return time_score(self.law, x, check_time(time, self.frame.times), condition)
