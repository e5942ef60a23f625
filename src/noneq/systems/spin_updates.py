"""Attempts to flip spins: whole sublattices, colours, or one random spin after the other."""

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from noneq._typing import Key


Table: TypeAlias = tuple[Int[np.ndarray, "sites degree"], Float[np.ndarray, "sites degree"]]
"""Numbers of the spins that act on each spin, and their couplings."""
Colours: TypeAlias = tuple[tuple[int, ...], ...]
"""Numbers of the spins of each class."""
Chance: TypeAlias = Callable[[Array, Array, Any], Array]
"""Probability of a flip as a function of (spins, local fields, 1/T), all of one shape."""


def sweep_halves(
    x: Float[Array, "*shape"],
    local: Callable[[Array, np.ndarray], Array],
    chance: Chance,
    beta: float | np.ndarray,
    *,
    key: Key,
) -> Float[Array, "*shape"]:
    """Both sublattices of a periodic lattice with even sides, the one of the first spin first.

    A sublattice is stored densely: its j-th spin along the last axis lies at 2j or 2j + 1,
    whichever has the right parity; ``local`` gets the other sublattice, and where (rows) the spins
    lie at 2j + 1.
    """
    rows = np.indices((*x.shape[:-1], 1)).sum(axis=0) % 2 == 1
    uniform = jax.random.uniform(key, (2, *x.shape[:-1], x.shape[-1] // 2))
    even, odd = _halves(x, rows)
    cold_even, cold_odd = _halves(beta, rows) if isinstance(beta, np.ndarray) else (beta, beta)
    even = _attempt(even, local(odd, rows), cold_even, chance, uniform[0])
    odd = _attempt(odd, local(even, ~rows), cold_odd, chance, uniform[1])
    pairs = jnp.stack([jnp.where(rows, odd, even), jnp.where(rows, even, odd)], axis=-1)
    return pairs.reshape(x.shape)


def sweep_colours(
    x: Float[Array, "*event"],
    table: Table,
    colours: Colours,
    chance: Chance,
    beta: float | np.ndarray,
    *,
    key: Key,
) -> Float[Array, "*event"]:
    """One colour after the other, the spins of a colour together."""
    # Short classes are filled up with a spin that does not exist; what is written there is lost.
    most = max(map(len, colours))
    padded = jnp.asarray([[*c, *[x.size] * (most - len(c))] for c in colours])
    others, weights = jnp.asarray(table[0]), jnp.asarray(table[1], x.dtype)
    cold = jnp.broadcast_to(jnp.asarray(beta, x.dtype), x.shape).reshape(-1)
    uniform = jax.random.uniform(key, padded.shape)

    def one(spins, colour):
        sites, draws = colour
        local = jnp.sum(weights[sites] * spins[others[sites]], axis=-1)
        new = _attempt(spins[sites], local, cold[sites], chance, draws)
        return spins.at[sites].set(new, mode="drop"), None

    return jax.lax.scan(one, x.reshape(-1), (padded, uniform))[0].reshape(x.shape)


def flip_at_random(
    x: Float[Array, "*event"],
    table: Table,
    chance: Chance,
    beta: float | np.ndarray,
    *,
    key: Key,
) -> Float[Array, "*event"]:
    """All attempts of one unit of time, where every spin makes one at rate 1.

    Their number is Poisson with mean n, each is at a random spin; more than n + 9√n + 30 (once in
    10¹⁵) are not made.
    """
    n = x.size
    most = math.ceil(n + 9 * math.sqrt(n) + 30)
    others, weights = jnp.asarray(table[0]), jnp.asarray(table[1], x.dtype)
    cold = jnp.broadcast_to(jnp.asarray(beta, x.dtype), x.shape).reshape(-1)
    number_key, site_key, key = jax.random.split(key, 3)
    made = jnp.arange(most) < jax.random.poisson(number_key, n)
    # An attempt that is not made writes to a spin that does not exist.
    sites = jnp.where(made, jax.random.randint(site_key, (most,), 0, n), n)
    uniform = jax.random.uniform(key, (most,))

    def one(spins, attempt):
        site, draw = attempt
        local = jnp.sum(weights[site] * spins[others[site]])
        new = _attempt(spins[site], local, cold[site], chance, draw)
        return spins.at[site].set(new, mode="drop"), None

    return jax.lax.scan(one, x.reshape(-1), (sites, uniform))[0].reshape(x.shape)


def _halves(x: Any, rows: np.ndarray) -> tuple[Any, Any]:
    xp = np if isinstance(x, np.ndarray) else jnp
    pairs = x.reshape(*x.shape[:-1], x.shape[-1] // 2, 2)
    first, second = pairs[..., 0], pairs[..., 1]
    return xp.where(rows, second, first), xp.where(rows, first, second)


def _attempt(spins: Array, local: Array, beta: Any, chance: Chance, uniform: Array) -> Array:
    return jnp.where(uniform < chance(spins, local, beta), -spins, spins)
