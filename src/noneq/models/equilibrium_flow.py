"""A learnt velocity that keeps a law."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Scalar, ScalarLike
from noneq.data.summary import Summary
from noneq.models.frame import Frame
from noneq.models.invariant_flow import AbstractInvariantFlow
from noneq.models.traits import AbstractModel
from noneq.nets.base import AbstractNetwork
from noneq.nets.constant import Constant


class EquilibriumFlowModel(AbstractInvariantFlow):
    """v = scale (F(y) − mean)/std of the normalised state y, F a network.

    Attributes:
        field: F.
        law: the law that v keeps.
        mean, std: of F over the law, for every component: those of v/scale are 0 and 1.
    """

    field: AbstractNetwork
    law: AbstractModel
    frame: Frame
    mean: Constant
    std: Constant

    def __init__(self, field: AbstractNetwork, law: AbstractModel, summary: Summary):
        """``mean`` and ``std`` are 0 and 1 until they are measured."""
        self.field = field
        self.law = law  # pyright: ignore[reportIncompatibleVariableOverride]
        self.frame = Frame(summary)  # pyright: ignore[reportIncompatibleVariableOverride]
        self.mean = Constant(jnp.zeros(summary.dim))
        self.std = Constant(jnp.ones(summary.dim))

    def velocity(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> Float[Array, "*event"]:
        y, time, condition = self.frame.enter(x, time, condition)
        raw = self.field(y, None, time, condition)
        return self.frame.normaliser.tangent((raw - self.mean.value) / self.std.value)

    def time_score(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> Scalar:
        return jnp.zeros(())
