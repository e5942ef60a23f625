"""Hidden Markov models in which every hidden state shows one symbol: aggregated Markov chains.

Each of M symbols has K hidden states of its own. Every hidden Markov model on M symbols is one of
these with enough hidden states. The likelihood is that of filtering; its gradient is exact.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from noneq._typing import Key


_SMOOTH = 1e-6
_STARTS, _FIRST_STEPS, _STEPS = 4, 40, 80
_FEW = 2**15
"""Symbols that the starts are compared on, at least."""


class Aggregated(NamedTuple):
    """A fitted chain.

    Attributes:
        logits: ``(M, K, M, K)``, log of the transition matrix up to a constant of each row.
    """

    logits: Float[np.ndarray, "M K M K"]

    @property
    def copies(self) -> int:
        """K."""
        return self.logits.shape[1]


def transition_blocks(logits: Float[Array, "M K M K"]) -> Float[Array, "M K M K"]:
    """Transition probabilities from (symbol, copy) to (symbol, copy)."""
    shape = logits.shape
    flat = logits.reshape(*shape[:2], -1)
    probabilities = jax.nn.softmax(flat, -1)
    floor = _SMOOTH / flat.shape[-1]
    return ((1 - _SMOOTH) * probabilities + floor).reshape(shape)


def log_likelihoods(logits: Float[Array, "M K M K"], y: Int[Array, "L n"]) -> Float[Array, " n"]:
    """ln P of every column of symbols, which starts from the stationary law."""
    symbols, copies = logits.shape[:2]
    T = transition_blocks(logits)
    law = _stationary(T.reshape(symbols * copies, -1)).reshape(symbols, copies)
    steps = jnp.moveaxis(T, 2, 1).reshape(symbols**2, copies**2)
    weight = jax.nn.one_hot(y[0], symbols) @ law
    first = weight.sum(1)

    def filtered(weight, pair):
        # A product with rows of 0 and 1 is quicker than an index, forwards and backwards.
        step = (jax.nn.one_hot(pair, symbols**2) @ steps).reshape(-1, copies, copies)
        weight = jnp.einsum("nk,nkl->nl", weight, step)
        size = weight.sum(1)
        return weight / size[:, None], jnp.log(size)

    _, logs = jax.lax.scan(filtered, weight / first[:, None], y[:-1] * symbols + y[1:])
    return jnp.log(first) + logs.sum(0)


def fit_aggregated(y: Int[np.ndarray, "L n"], symbols: int, copies: int, *, key: Key) -> Aggregated:
    """The likeliest aggregated chain, by L-BFGS.

    The likelihood has local maxima: four random starts climb on an eighth of the sequences, and the
    best of them goes on with all. A chain without hidden states is counted.

    Args:
        y: symbols 0 … M − 1, columns are sequences.
        symbols, copies: M and K.
        key: of the starts.
    """
    shape = (symbols, copies, symbols, copies)
    pairs = np.full((symbols, symbols), 0.5)
    np.add.at(pairs, (y[:-1], y[1:]), 1.0)
    counted = np.log(pairs / pairs.sum(1, keepdims=True))[:, None, :, None]
    if copies == 1:
        return Aggregated(counted)
    noise = np.asarray(jax.random.normal(key, (_STARTS, *shape)), np.float64)
    few = y[:, : max(y.shape[1] // 8, min(y.shape[1], _FEW // len(y)))]
    tried = [_climbed(counted + start, few, _FIRST_STEPS) for start in noise]
    best = max(tried, key=lambda found: found[1])[0]
    return Aggregated(_climbed(best, y, _STEPS)[0])


def _climbed(start: np.ndarray, y: np.ndarray, steps: int) -> tuple[np.ndarray, float]:
    """The maximum near a start, and the mean log likelihood there."""
    from scipy.optimize import minimize

    device, size, shape = jnp.asarray(y), y.size, start.shape

    def loss(flat):
        values, slope = _slope(jnp.asarray(flat.reshape(shape), jnp.zeros(()).dtype), device)
        slope = np.asarray(slope, np.float64)
        return -np.sum(np.asarray(values, np.float64)) / size, -slope.ravel() / size

    options = {"maxiter": steps, "maxcor": 20, "ftol": 1e-9, "gtol": 1e-6}
    found = minimize(loss, start.ravel(), jac=True, method="L-BFGS-B", options=options)
    return found.x.reshape(shape), -float(found.fun)


@jax.jit
def _slope(logits: Array, y: Array) -> tuple[Array, Array]:
    def total(logits):
        values = log_likelihoods(logits, y)
        return values.sum(), values

    slope, values = jax.grad(total, has_aux=True)(logits)
    return values, slope


@jax.jit
def irreversibility(logits: Array, y: Int[Array, "L n"]) -> Float[Array, " n"]:
    """ln P(y_1 … y_L) − ln P(y_L … y_1) of every column."""
    return log_likelihoods(logits, y) - log_likelihoods(logits, y[::-1])


def _stationary(T: Float[Array, "H H"]) -> Float[Array, " H"]:
    """pi T = pi; the matrix has no zeros."""
    size = len(T)
    return jnp.linalg.solve(jnp.eye(size) - T.T + 1.0, jnp.ones(size))
