"""A control as a network beside a linear feedback."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, ScalarLike
from noneq.constant import Constant
from noneq.control.feedback import AbstractControl, PolynomialControl
from noneq.control.problem import ControlProblem
from noneq.data.summary import Summary
from noneq.frames.normaliser import Normaliser
from noneq.nets.base import AbstractNet, AbstractNetwork
from noneq.nets.inputs import Clock


_HARMONICS = 4.0
"""Of the clock of a network, over the horizon."""
_KNOTS = 17
"""In time, of the linear feedback."""
_LARGEST = 64
"""Numbers of a state up to which there is a linear feedback."""


class NetworkControl(AbstractControl):
    """u = (N(y, t) + c(t) + G(t) y)/√T, y the normalised state; c and G start at 0.

    The linear feedback is what most problems need most; large states have its constant only.
    """

    normaliser: Normaliser
    net: AbstractNetwork
    linear: PolynomialControl
    unit: Constant
    shape: tuple[int, ...] = eqx.field(static=True)

    def __init__(self, recipe: AbstractNet, summary: Summary, problem: ControlProblem, key: Key):
        self.normaliser = Normaliser(summary)
        self.shape = problem.control_shape
        clock = Clock(summary, _HARMONICS / summary.span)
        self.net = recipe.init(
            summary.event_shape, int(np.prod(self.shape)), noise=False, clock=clock, label=None,
            key=key,
        )  # fmt: skip
        degree = 1 if summary.dim <= _LARGEST else 0
        self.linear = PolynomialControl(summary, problem, _KNOTS, degree)
        self.unit = Constant(jnp.asarray(1 / np.sqrt(problem.horizon), float))

    def __call__(self, t: ScalarLike, x: Float[Array, "*event"]) -> Float[Array, "*noise"]:
        y = self.normaliser.forward(x)
        deep = self.net(y, time=jnp.asarray(t, y.dtype)).reshape(self.shape)
        return self.unit.value * deep + self.linear(t, x)
