"""Annealed importance sampling: partition functions from a ladder of ever colder laws."""

from abc import abstractmethod

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from noneq._typing import Key, Numbers, Scalar
from noneq.errors import InvalidInput
from noneq.estimate import Estimate, log_average
from noneq.kinds import AbstractChecked, checked
from noneq.traced import jit


class AbstractAnnealing(AbstractChecked):
    """Laws f_beta(x)/Z_beta between a simple one (beta = 0) and the law of interest (beta = 1)."""

    @abstractmethod
    def start(self, *, key: Key) -> PyTree:
        """One independent state of f_0/Z_0."""

    @abstractmethod
    def gain(self, state: PyTree, low: Scalar, high: Scalar) -> Scalar:
        """log f_high(x) − log f_low(x) of one state."""

    @abstractmethod
    def move(self, state: PyTree, beta: Scalar, *, key: Key) -> PyTree:
        """One step of a Markov chain that leaves f_beta/Z_beta invariant."""


@checked
def log_mean(log_weights: Numbers) -> Estimate:
    """log of a mean of positive weights, from their logarithms.

    **Equation**: log (1/n) Σ w_i; standard error by the delta method, std(w)/(√n mean(w));
    ``n`` of the estimate is the effective sample size (Σ w)²/Σ w². As E log ≤ log E, it is a
    lower bound of log E w in expectation, by about half the squared error. An effective size of
    a few weights means that the error itself cannot be trusted: it is too small.

    Args:
        log_weights: independent, shape ``(n, *batch)``; −∞ is weight zero.

    Raises:
        InvalidInput: fewer than two, or NaN, or +∞.

    Source: Neal 2001, section 4.
    """
    array = np.asarray(log_weights, np.float64)
    if array.ndim == 0 or array.shape[0] < 2:
        raise InvalidInput(f"log_mean: weights of shape {array.shape}; expected at least 2.")
    if np.isnan(array).any() or (array == np.inf).any():
        raise InvalidInput("log_mean: some log weights are NaN or infinite; check the energy.")
    n = array.shape[0]
    value = log_average(np.moveaxis(array, 0, -1))
    some = np.isfinite(value)
    # Weights over their mean.
    w = np.exp(array - np.where(some, value, 0.0))
    stderr = np.where(some, w.std(axis=0, ddof=1) / np.sqrt(n), np.inf)
    effective = np.where(some, n / np.maximum(np.mean(w**2, axis=0), 1e-300), 0.0)
    return Estimate(value, stderr, effective, bound="lower", unit="nat")


@checked
def anneal(
    laws: AbstractAnnealing, betas: Float[Array, " levels"], *, chains: int, key: Key
) -> tuple[Float[Array, " chains"], PyTree]:
    """Chains cooled from beta = 0 to 1, and the log weight of each.

    **Equation**: x_0 ~ f_0; log w += log f_{b_k}(x_{k−1}) − log f_{b_{k−1}}(x_{k−1}), then
    x_k by the chain of beta = b_k; E w = Z_1/Z_0, whatever the chains' mixing. The last state is a
    draw of f_1/Z_1 when weighted by w.

    Args:
        laws: the ladder.
        betas: rising from 0 to 1.
        chains: independent ones, side by side.

    Returns:
        log weights and the last states, leading axis ``chains``.

    Raises:
        InvalidInput: betas that do not rise from 0 to 1, or no chain.

    Source: Neal 2001, eq. 4–6.
    """
    steps = np.asarray(betas, np.float64)
    rises = steps.ndim == 1 and steps.size > 1 and bool((np.diff(steps) > 0).all())
    if not rises or steps[0] != 0 or steps[-1] != 1:
        raise InvalidInput("anneal: betas must rise strictly from 0 to 1, both included.")
    if chains < 1:
        raise InvalidInput(f"anneal: chains = {chains}; expected 1 or more.")
    return _annealed(laws, jnp.asarray(betas, jnp.result_type(float)), int(chains), key)


@checked
def log_partition_ratio(
    laws: AbstractAnnealing, *, temperatures: int, chains: int, key: Key
) -> Estimate:
    """log Z_1/Z_0 with its error: `log_mean` of the weights of `anneal`.

    Args:
        laws: the ladder.
        temperatures: its levels, beta = 0 and 1 among them, evenly spaced.
        chains: independent ones, at least 2.

    Raises:
        InvalidInput: fewer than two temperatures or chains.

    Source: Neal 2001; Salakhutdinov and Murray 2008.
    """
    if temperatures < 2 or chains < 2:
        raise InvalidInput(
            f"log_partition_ratio: temperatures = {temperatures}, chains = {chains}; expected at "
            "least 2 of each."
        )
    betas = jnp.linspace(0.0, 1.0, temperatures)
    return log_mean(anneal(laws, betas, chains=chains, key=key)[0])


@jit
def _annealed(laws: AbstractAnnealing, betas: Array, chains: int, key: Key) -> tuple[Array, PyTree]:
    start_key, move_key = jax.random.split(key)

    def step(carry: tuple, level: tuple) -> tuple[tuple, None]:
        state, log_weight = carry
        low, high, key = level
        log_weight += jax.vmap(lambda x: laws.gain(x, low, high))(state)
        keys = jax.random.split(key, chains)
        return (jax.vmap(lambda x, key: laws.move(x, high, key=key))(state, keys), log_weight), None

    state = jax.vmap(lambda key: laws.start(key=key))(jax.random.split(start_key, chains))
    levels = (betas[:-1], betas[1:], jax.random.split(move_key, betas.size - 1))
    (state, log_weight), _ = jax.lax.scan(step, (state, jnp.zeros(chains, betas.dtype)), levels)
    return log_weight, state
