"""Random numbers as functions of a key and counters, so cheap that a step can afford them.

JAX draws the same bits, but spends a whole block of its generator on each number, and a loop on each
block; written out, the compiler joins it with what follows.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array


_TURNS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA
_OWN = 2**31
"""Counters from here on: `jax.random.fold_in` of a number below uses the others."""


def threefry(key: Array, high: Array, low: Array) -> tuple[Array, Array]:
    """Two words of random bits for each counter, Threefry-2x32 of 20 rounds.

    Args:
        key: its two words, (2,).
        high, low: words of the counters, of one shape.

    Source: Salmon, Moraes, Dror, Shaw, SC'11 (2011).
    """
    words = (key[0], key[1], key[0] ^ key[1] ^ jnp.uint32(_PARITY))
    x, y = high + words[0], low + words[1]
    for i in range(5):
        for turn in _TURNS[i % 2]:
            x = x + y
            y = ((y << jnp.uint32(turn)) | (y >> jnp.uint32(32 - turn))) ^ x
        x, y = x + words[(i + 1) % 3], y + words[(i + 2) % 3] + jnp.uint32(i + 1)
    return x, y


def uniforms(key: Array, counter: Array, count: int) -> Array:
    """Numbers between −1 and 1, both excluded, as many as asked for, for a key (2,) and a counter."""
    half = -(-count // 2)
    low = jnp.arange(half, dtype=jnp.uint32) + jnp.uint32(_OWN)
    high = jnp.broadcast_to(counter.astype(jnp.uint32), low.shape)
    bits = jnp.concatenate(threefry(key, high, low))[:count]
    middle = (bits >> jnp.uint32(9)).astype(jnp.float32) + 0.5
    return (middle * 2.0**-22 - 1.0).astype(jnp.zeros(()).dtype)


def normals(u: Array) -> Array:
    """Standard normal numbers from such uniform ones."""
    return jnp.sqrt(2.0).astype(u.dtype) * jax.lax.erf_inv(u)


def exponentials(u: Array) -> Array:
    """Exponential numbers of mean 1 from such uniform ones."""
    return -jnp.log((1 + u) / 2)
