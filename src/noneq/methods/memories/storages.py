"""Rules by which an associative memory stores patterns."""

from abc import abstractmethod
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq.data.discrete import discretised
from noneq.data.ensembles import Snapshots, as_snapshots
from noneq.data.summary import Summary
from noneq.domains import Discrete
from noneq.errors import InvalidInput
from noneq.kinds import AbstractChecked
from noneq.methods.memories.pattern_memory import PatternMemory
from noneq.methods.memories.spin_memory import SpinMemory


class AbstractStorage(AbstractChecked):
    """From patterns to a memory."""

    @abstractmethod
    def prepared(self, data: Any, name: str) -> Snapshots:
        """Data that this rule can store, with their domain.

        Raises:
            InvalidInput: values that it cannot store; ``name`` is the method's.
        """

    @abstractmethod
    def stored(
        self, patterns: Float[Array, "m dim"], summary: Summary
    ) -> SpinMemory | PatternMemory:
        """The memory of these patterns: spins −1 and 1, or normalised states."""


class Hebbian(AbstractStorage):
    """J = (1/N) Σ_m x_m x_mᵀ without diagonal: up to 0.138 N random patterns.

    Args:
        beta: inverse temperature of the law; patterns are attractive above 1.
        sweeps: of heat-bath dynamics before a draw.

    Raises:
        InvalidInput: a beta that is not positive, or fewer than two sweeps.

    Source: Hopfield 1982; Amit, Gutfreund and Sompolinsky 1985 (the capacity).
    """

    beta: float = 4.0
    sweeps: int = 200

    def __check_init__(self) -> None:
        _check(self, self.beta, self.sweeps)

    def prepared(self, data: Any, name: str) -> Snapshots:
        return discretised(data, name)

    def stored(self, patterns: Float[Array, "m dim"], summary: Summary) -> SpinMemory:
        couplings = patterns.T @ patterns / patterns.shape[1]
        return SpinMemory(_hollow(couplings), summary, beta=self.beta, sweeps=self.sweeps)


class PseudoInverse(AbstractStorage):
    """J = Xᵀ(X Xᵀ)⁺X, the projector on the patterns, without diagonal: up to N of them.

    All of up to N − 1 linearly independent patterns are fixed points, however alike; basins
    shrink to nothing as their number nears N. From N on J vanishes and every state stays.

    Args:
        beta: inverse temperature of the law.
        sweeps: of heat-bath dynamics before a draw.

    Raises:
        InvalidInput: a beta that is not positive, or fewer than two sweeps.

    Source: Personnaz, Guyon and Dreyfus 1985; Kanter and Sompolinsky 1987 (without diagonal).
    """

    beta: float = 4.0
    sweeps: int = 200

    def __check_init__(self) -> None:
        _check(self, self.beta, self.sweeps)

    def prepared(self, data: Any, name: str) -> Snapshots:
        return discretised(data, name)

    def stored(self, patterns: Float[Array, "m dim"], summary: Summary) -> SpinMemory:
        projector = jnp.linalg.pinv(patterns) @ patterns
        couplings = _hollow((projector + projector.T) / 2)
        return SpinMemory(couplings, summary, beta=self.beta, sweeps=self.sweeps)


class Modern(AbstractStorage):
    """Patterns kept as they are, read by attention: a number exponential in N.

    Data of two values are spins; others are real states, normalised.

    Args:
        beta: inverse temperature of attention and law.

    Raises:
        InvalidInput: a beta that is not positive.

    Source: Ramsauer et al. 2021.
    """

    beta: float = 2.0

    def __check_init__(self) -> None:
        _check(self, self.beta, 2)

    def prepared(self, data: Any, name: str) -> Snapshots:
        flat = as_snapshots(data)
        two = isinstance(flat.domain, Discrete) or np.unique(flat.values).size == 2
        return discretised(flat, name) if two else flat

    def stored(self, patterns: Float[Array, "m dim"], summary: Summary) -> PatternMemory:
        return PatternMemory(patterns, summary, beta=self.beta)


def _hollow(matrix: Float[Array, "spins spins"]) -> Float[Array, "spins spins"]:
    return matrix * (1 - jnp.eye(matrix.shape[0], dtype=matrix.dtype))


def _check(storage: AbstractStorage, beta: float, sweeps: int) -> None:
    name = type(storage).__name__
    if not 0 < beta < float("inf"):
        raise InvalidInput(f"{name}: beta = {beta}; expected a positive number.")
    if sweeps < 2:
        raise InvalidInput(f"{name}: sweeps = {sweeps}; expected at least 2.")
