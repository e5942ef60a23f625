"""Where a Boltzmann machine's gradient takes the states of the model from."""

from abc import abstractmethod

import jax
from jaxtyping import Array, Float, PyTree

from noneq._typing import Key
from noneq.errors import InvalidInput
from noneq.kinds import AbstractChecked
from noneq.methods.units.bipartite import Bipartite, exchange, replicas


class AbstractNegativePhase(AbstractChecked):
    """Draws, exact or not, that stand for the model in ∂ log P = ⟨∂(−F)⟩_data − ⟨∂(−F)⟩_model."""

    @abstractmethod
    def begin(self, machine: Bipartite, *, key: Key) -> PyTree:
        """State to carry from step to step."""

    @abstractmethod
    def fantasies(
        self, machine: Bipartite, x: Float[Array, "n dim"], state: PyTree, *, key: Key
    ) -> tuple[Float[Array, "m dim"], PyTree]:
        """States for this step, given the data's, and what to carry on."""


class PersistentChains(AbstractNegativePhase):
    """Gibbs chains that go on from step to step (PCD).

    Args:
        chains: their number.
        steps: sweeps of each per gradient step.

    Raises:
        InvalidInput: fewer than one.

    Source: Tieleman 2008.
    """

    chains: int = 256
    steps: int = 1

    def __check_init__(self) -> None:
        _check(self, chains=self.chains, steps=self.steps)

    def begin(self, machine: Bipartite, *, key: Key) -> PyTree:
        return machine.independent(self.chains, key=key)

    def fantasies(
        self, machine: Bipartite, x: Float[Array, "n dim"], state: PyTree, *, key: Key
    ) -> tuple[Float[Array, "m dim"], PyTree]:
        state = _swept(machine, state, self.steps, key)
        return state, state


class ParallelTempering(AbstractNegativePhase):
    """Persistent chains at several temperatures that swap states (`exchange`): they mix.

    Args:
        temperatures: levels from independent units to the model, at least 2.
        chains: at each of them.
        steps: sweeps, each with swaps, per gradient step.

    Raises:
        InvalidInput: numbers below these.

    Source: Desjardins et al. 2010.
    """

    temperatures: int = 8
    chains: int = 64
    steps: int = 1

    def __check_init__(self) -> None:
        _check(self, chains=self.chains, steps=self.steps)
        if self.temperatures < 2:
            raise InvalidInput(
                f"ParallelTempering: temperatures = {self.temperatures}; expected at least 2."
            )

    def begin(self, machine: Bipartite, *, key: Key) -> PyTree:
        return replicas(machine, self.temperatures, self.chains, key=key)

    def fantasies(
        self, machine: Bipartite, x: Float[Array, "n dim"], state: PyTree, *, key: Key
    ) -> tuple[Float[Array, "m dim"], PyTree]:
        step = lambda x, key: (exchange(machine, x, key=key), None)
        state = jax.lax.scan(step, state, jax.random.split(key, self.steps))[0]
        return state[-1], state


def _swept(machine: Bipartite, x: Array, steps: int, key: Key) -> Array:
    step = lambda x, key: (machine.sweep(x, key=key), None)
    return jax.lax.scan(step, x, jax.random.split(key, steps))[0]


def _check(phase: AbstractNegativePhase, **counts: int) -> None:
    for name, count in counts.items():
        if count < 1:
            raise InvalidInput(f"{type(phase).__name__}: {name} = {count}; expected 1 or more.")
