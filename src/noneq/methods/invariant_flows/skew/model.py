"""Flows that a skew operator makes of a score."""

from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Scalar, ScalarLike
from noneq.data.summary import Summary
from noneq.frames.frame import Frame
from noneq.kinds import checked
from noneq.methods.invariant_flows.base import AbstractInvariantFlow
from noneq.methods.invariant_flows.skew.operators import AbstractSkewOperator
from noneq.traits import AbstractModel


class SkewFlowModel(AbstractInvariantFlow):
    """v = A s + div A, s the score of the law: invariant for every skew A and whatever law s is of.

    A acts on states in units of the data's standard deviation, y = (x − shift)/scale, where
    s_y = scale s_x and v_x = scale v_y. Of a law that moves each time's law is kept by that time's
    velocity.

    Attributes:
        operator: A.
        law: the law that v keeps.
    """

    operator: AbstractSkewOperator
    law: AbstractModel
    frame: Frame

    residual_says_nothing: ClassVar[bool] = True

    def __init__(self, operator: AbstractSkewOperator, law: AbstractModel, summary: Summary):
        self.operator = operator
        self.law = law  # pyright: ignore[reportIncompatibleVariableOverride]
        self.frame = Frame(summary)  # pyright: ignore[reportIncompatibleVariableOverride]

    @checked
    def velocity(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> Float[Array, "*event"]:
        y, time, condition = self.frame.enter(x, time, condition)
        s = self.normalised_score(x, time=time, condition=condition)
        return self.frame.normaliser.tangent(self.operator(y, s))

    def normalised_score(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> Float[Array, " dim"]:
        """∇ log p in units of the data's standard deviation."""
        score = self.score(x, time=time, condition=condition)
        return jnp.ravel(score) * self.frame.normaliser.scale.value

    @property
    def tensor(self) -> np.ndarray:
        """A's tensor in the data's own units: v = A ∇ log p (+ div A) with this A."""
        scale = np.asarray(self.frame.normaliser.scale.value, np.float64)
        return self.operator.in_units(np.asarray(self.operator.tensor.value, np.float64), scale)

    def time_score(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> Scalar:
        return jnp.zeros(())
