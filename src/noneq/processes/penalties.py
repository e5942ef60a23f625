"""Terms that are added to an objective."""

from abc import abstractmethod
from typing import Any

import equinox as eqx
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike


class AbstractPenalty(eqx.Module):
    """A term added to the loss of every training state."""

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
