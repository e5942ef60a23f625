"""Flows that keep a law by their form: a learnt skew matrix field on its score."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Scalar, ScalarLike
from noneq.constant import Constant
from noneq.data.summary import Summary
from noneq.frames.frame import Frame
from noneq.kinds import checked
from noneq.methods.invariant_flows.base import AbstractInvariantFlow
from noneq.nets.base import AbstractNetwork
from noneq.traits import AbstractModel


class StreamFlowModel(AbstractInvariantFlow):
    """v = scale (A s + div A)/size of the normalised state y, A(y) a skew matrix made of a network.

    **Equation**: p v_i ∝ Σ_j ∂_j(A_ij p), so that div(p v) = 0 whatever A is; in the plane A_01 p is
    the stream function of the current p v.

    Attributes:
        field: the entries of A above its diagonal.
        law: the law that v keeps.
        size: root of the mean of |A s + div A|²/dim over the law.
    """

    field: AbstractNetwork
    law: AbstractModel
    frame: Frame
    size: Constant

    def __init__(self, field: AbstractNetwork, law: AbstractModel, summary: Summary):
        """``size`` is 1 until it is measured."""
        self.field = field
        self.law = law  # pyright: ignore[reportIncompatibleVariableOverride]
        self.frame = Frame(summary)  # pyright: ignore[reportIncompatibleVariableOverride]
        self.size = Constant(jnp.ones(()))

    @checked
    def velocity(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> Float[Array, "*event"]:
        y, clock, label = self.frame.enter(x, time, condition)
        normaliser = self.frame.normaliser
        s = jnp.ravel(self.score(x, time=time, condition=condition)) * normaliser.scale.value
        entries = lambda y: self.field(y, None, clock, label)
        return normaliser.tangent(stream(entries, y, s) / self.size.value)

    def time_score(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> Scalar:
        """Zero: the law of each time is kept by that time's velocity."""
        return jnp.zeros(())


def stream(
    entries: Callable[[Array], Array], y: Float[Array, " dim"], s: Float[Array, " dim"]
) -> Float[Array, " dim"]:
    """A(y) s + div A(y), A skew with ``entries(y)`` above its diagonal, row by row."""
    rows, columns = np.triu_indices(y.size, 1)
    if rows.size == 0:
        return jnp.zeros_like(y)
    values, push = jax.linearize(entries, y)
    slopes = jax.vmap(push, out_axes=1)(jnp.eye(y.size, dtype=y.dtype))
    pairs = np.arange(rows.size)
    # Row i gains A_ij s_j + ∂_j A_ij, row j the opposite with i.
    upper = values * s[columns] + slopes[pairs, columns]
    lower = values * s[rows] + slopes[pairs, rows]
    return jnp.zeros_like(y).at[rows].add(upper).at[columns].add(-lower)
