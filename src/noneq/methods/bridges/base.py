"""What a bridge is: the path between two given states of successive snapshots."""

from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.data.summary import Summary
from noneq.kinds import AbstractChecked
from noneq.learning.method import History
from noneq.statistics.linear_reference import LinearReference


class Passage(NamedTuple):
    """A state on the way, and the conditional values whose means given it are the marginal ones.

    Attributes:
        x: the state.
        velocity: of the flow that carries the conditional law, dx/dt.
        score: ∇ log of the conditional law; None without noise.
        spread: standard deviation of the conditional law (one number), by which the error of the
            score is weighted; None without noise.
    """

    x: Float[Array, " dim"]
    velocity: Float[Array, " dim"]
    score: Float[Array, " dim"] | None
    spread: Any


class AbstractBridge(AbstractChecked):
    """The law of a path given both of its ends, a duration apart in physical time.

    States are vectors in the user's units, taken from the centre of the data (the mean of each
    coordinate), so that only a bridge with a place of its own needs to know where that is.
    ``stochastic`` says whether it is the bridge of an SDE: then the flow that it learns comes with
    a score, and drift = velocity + sigma² score/2 is an SDE of the same marginals.
    """

    stochastic: ClassVar[bool]

    @abstractmethod
    def at(
        self,
        x0: Float[Array, " dim"],
        x1: Float[Array, " dim"],
        phase: ScalarLike,
        duration: ScalarLike,
        *,
        key: Key,
    ) -> Passage:
        """A state at ``phase`` (0 start, 1 end) of the path from x0 to x1, with its targets."""

    @abstractmethod
    def cost(self, x0: np.ndarray, x1: np.ndarray, duration: float) -> np.ndarray:
        """What couplings make small, ``(n, dim)`` and ``(m, dim)`` to ``(n, m)``.

        For a stochastic bridge −log of the transition density, so that 1 is its regularisation.
        """

    @abstractmethod
    def drift(self, x: Float[Array, " dim"], time: ScalarLike) -> Float[Array, " dim"]:
        """Drift of the reference, to which the network adds."""

    @abstractmethod
    def diffusion(self) -> Scalar | float:
        """sigma of dX = drift dt + sigma dW; 0 without noise."""


class HasMeasure(eqx.Module):
    """A bridge takes something from the data: a noise in their unit, their centre."""

    @abstractmethod
    def measured(self, summary: Summary) -> Any:
        """The bridge with it, as it is kept in a fitted model: arrays are `Constant`."""


class HasTables(eqx.Module):
    """A bridge computes something on the host before training."""

    @abstractmethod
    def tabulated(self, durations: tuple[float, ...]) -> Any:
        """The bridge for intervals of these durations; used in training alone.

        Raises:
            InvalidInput: an interval that it cannot bridge.
        """


class HasRefit(eqx.Module):
    """A bridge whose reference can be fitted anew between two rounds of training."""

    @abstractmethod
    def refitted(self, states: np.ndarray, drifts: np.ndarray) -> Any:
        """The bridge of the reference nearest to these drifts.

        Args:
            states: (n, times, dim) states of paths, from the centre of the data.
            drifts: (n, times, dim) the model's drift there.
        """


class HasLinearReference(eqx.Module):
    """A bridge of a linear SDE: its path is linear in both ends and the noise."""

    @abstractmethod
    def linear(self, dim: int) -> LinearReference:
        """The SDE of states of this size, from the centre of the data."""


class HasDraws(eqx.Module):
    """A bridge that costs too much inside a training step: its passages are drawn before it."""

    @abstractmethod
    def drawn(self, rows: dict[str, Any], *, key: Key) -> dict[str, Any]:
        """The rows of a pool with a ``passage`` and its ``phase`` for every pair."""


class HasClock(eqx.Module):
    """A bridge whose reference depends on physical time."""

    @abstractmethod
    def since(self, time: ScalarLike) -> Any:
        """The bridge over an interval that begins at ``time``."""


class HasLesson(eqx.Module):
    """A bridge whose reference is learnt from velocities before all else."""

    @abstractmethod
    def taught(
        self,
        reference: Any,
        rows: dict[str, np.ndarray],
        *,
        key: Key,
        progress: Any,
        checkpoint: Path | None,
    ) -> tuple[Any, History]:
        """The measured bridge with its reference learnt.

        Args:
            reference: the measured bridge.
            rows: ``x`` (n, dim) from the centre of the data, ``time`` (n,), ``velocity`` (n, dim);
                ``before`` and ``after`` (n,), the intervals to the neighbouring times.
            key, progress, checkpoint: as in `AbstractMethod.fit`.
        """


def begun(bridge: AbstractBridge, time: ScalarLike) -> AbstractBridge:
    """The bridge over an interval that begins at ``time``."""
    return bridge.since(time) if isinstance(bridge, HasClock) else bridge
