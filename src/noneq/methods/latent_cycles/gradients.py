"""How far back the likelihood gradient of a latent chain looks, and where its sums stand."""

from abc import abstractmethod
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from noneq._typing import Key
from noneq.errors import InvalidInput
from noneq.kinds import AbstractChecked
from noneq.methods.latent_cycles.chain import every_state
from noneq.methods.latent_cycles.kernels import OneHotKernels, stationary_law, transition_matrix


class AbstractCycleGradient(AbstractChecked):
    """The response of log P to the chain's past.

    With a_z = ⟨p(x | z)/P(x)⟩_data = ∂⟨log P⟩/∂pi_z, a change dT of the chain changes the mean
    log-likelihood by Σ pi_z dT[z, z'] lambda_z'. A constant added to lambda changes nothing, so
    that a − 1, of mean zero, stands for a.
    """

    @abstractmethod
    def responses(
        self, matrix: Float[Array, "states states"], a: Float[Array, " states"]
    ) -> tuple[Float[Array, " states"], Float[Array, " states"]]:
        """lambda for the reading and for the writing of earlier steps."""


class ExactGradient(AbstractCycleGradient):
    """All of the past: lambda = (I − T + 1 piᵀ)^{-1} a."""

    def responses(
        self, matrix: Float[Array, "states states"], a: Float[Array, " states"]
    ) -> tuple[Float[Array, " states"], Float[Array, " states"]]:
        law = stationary_law(matrix)
        free = jnp.eye(len(law), dtype=law.dtype) - matrix + law[None, :]
        full = jnp.linalg.solve(free, a - 1)
        return full, full


class TwoStepGradient(AbstractCycleGradient):
    """The last two conditional steps only, P of the visible state before them held fixed.

    lambda = a for the reading, none for the writing. Source: arXiv:2512.11415.
    """

    def responses(
        self, matrix: Float[Array, "states states"], a: Float[Array, " states"]
    ) -> tuple[Float[Array, " states"], Float[Array, " states"]]:
        return a - 1, jnp.zeros_like(a)


class NStepGradient(AbstractCycleGradient):
    """The last n visible states: Σ_{k ≤ n−2} T^k a for the reading, k ≤ n − 3 for the writing.

    Two steps are `TwoStepGradient`, infinitely many `ExactGradient`.

    Args:
        steps: n.

    Raises:
        InvalidInput: fewer than two.
    """

    steps: int = 4

    def __check_init__(self) -> None:
        if self.steps < 2:
            raise InvalidInput(f"NStepGradient: steps = {self.steps}; expected 2 or more.")

    def responses(
        self, matrix: Float[Array, "states states"], a: Float[Array, " states"]
    ) -> tuple[Float[Array, " states"], Float[Array, " states"]]:
        def further(total: Array, _: None) -> tuple[Array, Array]:
            return a - 1 + matrix @ total, total

        reading, earlier = jax.lax.scan(further, a - 1, None, length=self.steps - 2)
        return reading, earlier[-1] if self.steps > 2 else jnp.zeros_like(a)


class Support(NamedTuple):
    """Visible states that stand for all of them.

    Attributes:
        phi, log_base: their features ``(m, count)`` and log h ``(m,)``.
        log_weight: of each in sums over states ``(m,)``.
        law: pi, if the states themselves tell it; None takes that of T.
    """

    phi: Array
    log_base: Array
    log_weight: Array
    law: Array | None


class AbstractFantasies(AbstractChecked):
    """Where the sums over visible states are taken."""

    @abstractmethod
    def begin(self, kernels: OneHotKernels, dim: int, *, key: Key) -> PyTree:
        """State to carry from step to step."""

    @abstractmethod
    def support(self, kernels: OneHotKernels, state: PyTree, *, key: Key) -> tuple[Support, PyTree]:
        """States for this step, and what to carry on."""


class Enumerated(AbstractFantasies):
    """All visible states, each once: exact, for at most 2^16 of them."""

    def begin(self, kernels: OneHotKernels, dim: int, *, key: Key) -> PyTree:
        states = every_state(kernels, dim)
        if states is None:
            why = "too many to enumerate" if kernels.visible.alphabet else "real numbers"
            raise InvalidInput(
                f"LatentCycle: the visible states of {dim} units are {why}; take "
                "fantasies=Stratified() or Persistent() (command line: --set fantasies=Stratified)."
            )
        return states

    def support(self, kernels: OneHotKernels, state: PyTree, *, key: Key) -> tuple[Support, PyTree]:
        phi, log_base = kernels.features(state)
        return Support(phi, log_base, jnp.zeros(len(phi), phi.dtype), None), state


class Stratified(AbstractFantasies):
    """Fresh draws from every hidden state, weighed by the balance heuristic.

    **Equation**: Σ_x f(x) ≈ (1/m) Σ_m f(x_m)/P̃(x_m), P̃ = Σ_z p(x | z)/H: unbiased for every row
    of T, however rarely the chain visits it.

    Args:
        each: draws from each hidden state.

    Raises:
        InvalidInput: fewer than one.
    """

    each: int = 16

    def __check_init__(self) -> None:
        if self.each < 1:
            raise InvalidInput(f"Stratified: each = {self.each}; expected 1 or more.")

    def begin(self, kernels: OneHotKernels, dim: int, *, key: Key) -> PyTree:
        return None

    def support(self, kernels: OneHotKernels, state: PyTree, *, key: Key) -> tuple[Support, PyTree]:
        hidden = kernels.offset.shape[0]
        z = jnp.tile(jnp.arange(hidden), self.each)
        phi, log_base = kernels.features(kernels.written(z, key=key))
        mixture = jax.nn.logsumexp(kernels.log_writing(phi, log_base), axis=1) - jnp.log(hidden)
        return Support(phi, log_base, -mixture - jnp.log(len(z)), None), state


class Persistent(AbstractFantasies):
    """Markov chains of the model that go on from step to step (persistent contrastive divergence).

    **Equation**: pi_z = ⟨q̃(z | x_m)⟩, Σ_x f(x) ≈ (1/m) Σ_m f(x_m)/P(x_m).

    Args:
        chains: their number.

    Raises:
        InvalidInput: fewer than one.

    Source: Tieleman 2008; arXiv:2512.11415.
    """

    chains: int = 1000

    def __check_init__(self) -> None:
        if self.chains < 1:
            raise InvalidInput(f"Persistent: chains = {self.chains}; expected 1 or more.")

    def begin(self, kernels: OneHotKernels, dim: int, *, key: Key) -> PyTree:
        z = jnp.arange(self.chains) % kernels.offset.shape[0]
        return kernels.written(z, key=key)

    def support(self, kernels: OneHotKernels, state: PyTree, *, key: Key) -> tuple[Support, PyTree]:
        read_key, write_key = jax.random.split(key)
        phi, _ = kernels.features(state)
        reading = kernels.log_reading(phi)
        # What the chains were at is what they are written from: pi and draws belong together.
        law = jnp.mean(jnp.exp(reading), axis=0) + 1e-12
        x = kernels.written(jax.random.categorical(read_key, reading), key=write_key)
        phi, log_base = kernels.features(x)
        mixture = jax.nn.logsumexp(jnp.log(law) + kernels.log_writing(phi, log_base), axis=1)
        return Support(phi, log_base, -mixture - jnp.log(len(x)), law), x


def chain_of(kernels: OneHotKernels, support: Support) -> tuple[Array, Array, Array, Array]:
    """log p, log q̃ at the support, T and pi."""
    writing = kernels.log_writing(support.phi, support.log_base)
    reading = kernels.log_reading(support.phi)
    matrix = transition_matrix(writing, reading, support.log_weight)
    law = stationary_law(matrix) if support.law is None else support.law
    return writing, reading, matrix, law
