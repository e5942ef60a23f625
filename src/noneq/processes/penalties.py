"""Terms that are added to an objective."""

from abc import abstractmethod
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.kinds import AbstractChecked


class AbstractPenalty(AbstractChecked):
    """A term added to the loss of training states.

    Attributes:
        every: one in so many states of a batch bears it; 1 for all.
    """

    every: eqx.AbstractVar[int]

    @abstractmethod
    def __call__(
        self,
        model: Any,
        x: Float[Array, " dim"],
        tau: ScalarLike,
        time: Any,
        *,
        condition: Any = None,
        key: Key,
    ) -> Scalar:
        """Penalty at one noised, normalised state.

        Args:
            model: the learnt part (a denoiser) with its process.
            x: state at clock tau.
            time: physical time, or None.
        """

    def mean(
        self,
        model: Any,
        x: Float[Array, "n dim"],
        tau: Float[Array, " n"],
        time: Any,
        *,
        condition: Any = None,
        key: Key,
    ) -> Scalar:
        """Mean over every so-manieth state; states in the order of their clocks stay spread."""
        x, tau, time, condition = jax.tree.map(
            lambda a: a[:: self.every], (x, tau, time, condition)
        )
        over = (0, 0, None if time is None else 0, None if condition is None else 0, 0)
        one = lambda x, tau, time, condition, key: self(
            model, x, tau, time, condition=condition, key=key
        )
        keys = jax.random.split(key, x.shape[0])
        return jnp.mean(jax.vmap(one, over)(x, tau, time, condition, keys))
