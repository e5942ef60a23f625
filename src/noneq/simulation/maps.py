"""Systems that move in whole steps."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from noneq._typing import Key
from noneq.errors import InvalidInput
from noneq.simulation.solvers import AbstractSolver
from noneq.systems.base import AbstractMap
from noneq.systems.spin_words import REPLICAS, packed, sweep_words, unpacked
from noneq.systems.spins import Ising


_MOST = 2**31


def steps_between(times: np.ndarray) -> np.ndarray:
    """Steps between recorded times, (T − 1,).

    Raises:
        InvalidInput: times that do not lie whole steps apart, or over 2³¹ steps.
    """
    since = times - times[0]
    counts = np.round(since)
    # Times may come in float32.
    off = np.abs(since - counts) > np.clip(1e-6 * np.abs(times), 1e-6, 1e-2)
    if off.any():
        raise InvalidInput(
            f"simulate: time {times[np.argmax(off)]:g} lies {since[np.argmax(off)]:g} after the "
            "first; this system moves in steps of 1, so times must be whole steps apart."
        )
    if counts[-1] >= _MOST:
        raise InvalidInput(f"simulate: {counts[-1]:g} steps; at most {_MOST - 1} are possible.")
    steps = np.diff(counts).astype(np.int64)
    if (steps < 1).any():
        raise InvalidInput("simulate: two times fall into one step; they must be 1 or more apart.")
    return steps


def advance_map(system: AbstractMap, states: Array, first: Array, steps: Array, key: Key) -> Array:
    """States at the end of every interval, ``(T − 1, n, *event)``; noise follows the step."""
    if isinstance(system, Ising) and len(states) >= REPLICAS:
        chances = system.counted_chances()
        if chances is not None:
            return _advance_spins(chances, states, steps, key)
    return _advance(system, states, first, steps, key)


@eqx.filter_jit
def _advance(system: AbstractMap, states: Array, first: Array, steps: Array, key: Key) -> Array:
    move = jax.vmap(lambda t, x, key: system.step(t, x, key=key), (None, 0, 0))
    n = states.shape[0]

    def one(k, x):
        return move(first + k, x, jax.random.split(jax.random.fold_in(key, k), n))

    def interval(carry, count):
        x, done = carry
        x = jax.lax.fori_loop(done, done + count, one, x)
        return (x, done + count), x

    return jax.lax.scan(interval, (states, jnp.zeros_like(steps[0])), steps)[1]


@eqx.filter_jit
def _advance_spins(
    chances: tuple[tuple[float, ...], ...], states: Array, steps: Array, key: Key
) -> Array:
    """The same for spins on a lattice, 32 replicas a word."""
    table = np.asarray(chances)

    def interval(carry, count):
        words, done = carry
        sweep = lambda k, words: sweep_words(words, table, key=jax.random.fold_in(key, k))
        words = jax.lax.fori_loop(done, done + count, sweep, words)
        return (words, done + count), unpacked(words, len(states), states.dtype)[:, None]

    return jax.lax.scan(interval, (packed(states[:, 0]), jnp.zeros_like(steps[0])), steps)[1]


def map_advance(
    system: AbstractMap, times: np.ndarray, solver: AbstractSolver | None, substeps: int | None
) -> Callable[[Array, Key], Array]:
    """From (states at the first time, key) to the states at all others."""
    if solver is not None or substeps is not None:
        raise InvalidInput(
            f"simulate: {type(system).__name__} moves in whole steps of its own; leave out solver "
            "and substeps."
        )
    first = jnp.asarray(times[0], jnp.zeros(()).dtype)
    steps = jnp.asarray(steps_between(times), jnp.int32)
    return lambda states, key: advance_map(system, states, first, steps, key)
