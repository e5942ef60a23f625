"""What the gradient loop follows: a loss, or a direction that is no loss's gradient."""

from abc import abstractmethod
from typing import Any

import equinox as eqx
import jax
from jaxtyping import PyTree

from noneq._typing import Key, Scalar
from noneq.constant import learnable


class AbstractObjective(eqx.Module):
    """What the loop follows: a direction in parameter space, not necessarily a loss's gradient."""

    @abstractmethod
    def init(self, model: Any, *, key: Key) -> PyTree:
        """State carried from step to step (persistent chains), or None."""

    @abstractmethod
    def grad(
        self, model: Any, state: PyTree, batch: PyTree, *, key: Key
    ) -> tuple[Scalar, PyTree, PyTree]:
        """(loss, gradient with respect to the learnable arrays, new state)."""


class HasHoveringLoss(eqx.Module):
    """The loss of an objective may be a gap that hovers around zero, no measure of the fit."""

    @property
    @abstractmethod
    def hovers(self) -> bool:
        """Whether it is: then neither a rise nor a fall of the loss means anything."""


class AbstractLoss(AbstractObjective):
    """The usual case: the gradient of a plain loss, no state."""

    @abstractmethod
    def loss(self, model: Any, batch: PyTree, *, key: Key) -> Scalar:
        """Mean loss over the batch."""

    def init(self, model: Any, *, key: Key) -> None:
        return None

    def grad(
        self, model: Any, state: PyTree, batch: PyTree, *, key: Key
    ) -> tuple[Scalar, PyTree, PyTree]:
        free, fixed = eqx.partition(model, learnable(model))

        def loss(free: PyTree) -> Scalar:
            return self.loss(eqx.combine(free, fixed), batch, key=key)

        value, grads = jax.value_and_grad(loss)(free)
        return value, grads, state
