"""Optimal protocols without derivatives of the system: the score of a law of protocols."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import PyTree

from noneq._typing import Key, Scalar
from noneq.constant import learnable
from noneq.control.protocols.curve import Curve
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.learning.loop import train
from noneq.learning.method import History, Progress
from noneq.learning.objectives import AbstractObjective
from noneq.learning.training import Training


class SearchGradient(AbstractObjective):
    """Gradient of the mean cost of protocols drawn around a mean one.

    **Equation**: for values z = μ + s ε, ε normal, ∇_μ E J(z) = E[J(z) ε]/s (score function); pairs ±ε
    share their noise, and the costs enter by their ranks, so that rare disasters do not steer.

    Args:
        cost: ``cost(curves, key)``, ``(m,)`` costs of m curves stacked along a first axis.
        spread: s.
        pairs: of protocols in each step.
    """

    cost: Any
    spread: float
    pairs: int

    def init(self, model: Any, *, key: Key) -> None:
        return None

    def grad(
        self, model: Curve, state: PyTree, batch: PyTree, *, key: Key
    ) -> tuple[Scalar, PyTree, PyTree]:
        draw_key, cost_key = jax.random.split(key)
        free, fixed = eqx.partition(model, learnable(model))
        mean, whole = ravel_pytree(free)
        half = jax.random.normal(draw_key, (self.pairs, mean.size), mean.dtype)
        noise = jnp.concatenate([half, -half])
        curves = eqx.combine(jax.vmap(whole)(mean + self.spread * noise), fixed)
        costs = self.cost(curves, cost_key)
        ranks = jnp.argsort(jnp.argsort(costs)) / (2 * self.pairs - 1) - 0.5
        return jnp.mean(costs), whole(ranks @ noise / (self.pairs * self.spread)), state


@checked
def evolve(
    cost: Callable[..., Any],
    curve: Curve,
    *,
    spread: float = 0.2,
    pairs: int = 16,
    training: Training = Training(steps=100, batch=1, rate=0.05, ema=0.9, warmup=5),
    key: Key,
    progress: Progress | None = None,
) -> tuple[Curve, History]:
    """Move a protocol against the score-function gradient of any cost, derivatives of it unneeded.

    Args:
        cost: ``cost(curves, key)`` gives ``(m,)`` costs of m curves, stacked along a first axis of their
            arrays (``jax.vmap`` over a function of one curve does); a mean over paths drawn with the
            key. It may count events and follow jumps.
        curve: to begin with.
        spread: of the drawn values around the mean, in the unit of `Curve.z`.
        pairs: of protocols drawn in each step.
        training, progress: as in `descend`.

    Returns:
        the mean protocol, and the history.

    Raises:
        InvalidInput: a spread that is not positive, or no pairs.

    Source: Wierstra et al. 2014, J. Mach. Learn. Res. 15, 949; Salimans et al. 2017.
    """
    if not (0 < spread < float("inf") and pairs >= 1):
        raise InvalidInput(
            f"evolve: spread = {spread}, pairs = {pairs}; expected a positive number and one or more."
        )
    rows = {"none": np.zeros(1, np.float32)}
    objective = SearchGradient(cost, float(spread), pairs)
    return train(curve, objective, rows, training, key=key, progress=progress)
