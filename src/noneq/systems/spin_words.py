"""Many Ising lattices at once: one bit a spin, 32 replicas a word."""

import math
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt32

from noneq._typing import Key


REPLICAS = 32
"""Of one word."""
DIGITS = 24
"""Binary digits of the random numbers, and so of the probabilities."""
_FIRST, _SECOND = 0x9E3779B9, 0x243F6A88
"""Fixed half of a generator's first state, digits of the golden ratio and of π: never all zero."""

Words: TypeAlias = UInt32[Array, "words *shape"]
_Stream: TypeAlias = tuple[Array, Array, Array, Array]
"""State of a generator beside every word."""


def packed(x: Float[Array, "n *shape"]) -> Words:
    """Spins ±1 as bits, up is 1; replica r is bit r mod 32 of word r // 32."""
    spare = -len(x) % REPLICAS
    up = jnp.pad(x > 0, [(0, spare), *[(0, 0)] * (x.ndim - 1)])
    bits = up.reshape(-1, REPLICAS, *x.shape[1:]).astype(jnp.uint32)
    return jnp.sum(bits << _places(bits), axis=1, dtype=jnp.uint32)


def unpacked(words: Words, n: int, dtype: np.dtype) -> Float[Array, "n *shape"]:
    """The first n replicas as spins ±1."""
    bits = words[:, None] >> _places(words[:, None]) & 1
    return (2 * bits.astype(dtype) - 1).reshape(-1, *words.shape[1:])[:n]


def _places(bits: Array) -> Array:
    return jnp.arange(REPLICAS, dtype=jnp.uint32).reshape(1, -1, *(1,) * (bits.ndim - 2))


def sweep_words(x: Words, up: Float[np.ndarray, "2 counts"], *, key: Key) -> Words:
    """Both sublattices of a periodic lattice with even sides, the one of the first spin first.

    Every spin is compared with a random number of its own, 24 digits long, and goes up where that is
    smaller. The numbers are those of the generator xoshiro128+, begun anew in each half of a sweep at
    each word: by 64 threefry bits of the key, and in the second half by a hash of these.

    Args:
        x: replicas as words, see `packed`.
        up: probability that an attempt leaves the spin up, by spin (down, up) and by the number of
            its neighbours that are up.
        key: typed random key.

    Source: bits as replicas, Bhanot, Duke and Salvador, J. Stat. Phys. 44, 985 (1986);
    Blackman and Vigna, ACM Trans. Math. Softw. 47, 36 (2021).
    """
    rows = np.indices((*x.shape[1:-1], 1)).sum(axis=0) % 2 == 1
    pairs = x.reshape(*x.shape[:-1], x.shape[-1] // 2, 2)
    first, second = pairs[..., 0], pairs[..., 1]

    even, odd = jnp.where(rows, second, first), jnp.where(rows, first, second)
    seeds = jax.random.bits(key, (2, *even.shape), jnp.uint32)

    def half(turn: Array, state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        spins, other, seeds = state
        stream = seeds[0], seeds[1], jnp.full_like(spins, _FIRST), jnp.full_like(spins, _SECOND)
        new = _attempt(spins, _neighbours(other, rows ^ (turn == 1)), up, stream)
        return other, new, _mixed(seeds)

    # A loop of two turns: without it the compiler would compute the first half once a neighbour.
    even, odd, _ = jax.lax.fori_loop(0, 2, half, (even, odd, seeds))
    joined = jnp.stack([jnp.where(rows, odd, even), jnp.where(rows, even, odd)], axis=-1)
    return joined.reshape(x.shape)


def _neighbours(other: Array, shifted: Array) -> list[Array]:
    """The spins beside those of one sublattice, all of the other sublattice (see `sweep_halves`)."""
    last = other.ndim - 1
    after = jnp.where(shifted, jnp.roll(other, -1, last), other)
    before = jnp.where(shifted, other, jnp.roll(other, 1, last))
    axes = range(1, last)
    return [after, before, *(jnp.roll(other, by, axis) for axis in axes for by in (-1, 1))]


def _attempt(spins: Array, neighbours: list[Array], up: np.ndarray, stream: _Stream) -> Array:
    """New spins of one sublattice."""
    places = _chosen(spins, neighbours, np.round(up * 2**DIGITS).astype(np.int64))
    below = jnp.zeros_like(spins)
    for digit in range(DIGITS):
        # From the last digit to the first: a random 0 under a 1 is below, a 1 over a 0 is not.
        threshold = _any(at for value, at in places.items() if value >> digit & 1)
        random, stream = _next(stream)
        below = (threshold & ~random) | (below & (threshold | ~random))
    certain = [at for value, at in places.items() if value == 2**DIGITS]
    return below | _any(certain) if certain else below


def _chosen(spins: Array, neighbours: list[Array], chances: np.ndarray) -> dict[int, Array]:
    """Where each of the different chances applies, as bits."""
    planes = _sum_of_bits(neighbours)
    places: dict[int, Array] = {}
    for count in range(len(neighbours) + 1):
        here = ~jnp.zeros_like(spins)
        for place, plane in enumerate(planes):
            here &= plane if count >> place & 1 else ~plane
        low, high = (int(chance) for chance in chances[:, count])
        both = {low: here} if low == high else {low: here & ~spins, high: here & spins}
        for value, at in both.items():
            places[value] = places[value] | at if value in places else at
    return places


def _sum_of_bits(bits: list[Array]) -> list[Array]:
    """Binary digits of the number of ones among the words, digit by digit, the last one first."""
    planes: list[Array] = []
    for bit in bits:
        carry = bit
        for place, plane in enumerate(planes):
            planes[place], carry = plane ^ carry, plane & carry
        if len(planes) < math.ceil(math.log2(len(bits) + 1)):
            planes.append(carry)
    return planes


def _any(words: object) -> Array:
    found = jnp.uint32(0)
    for word in words:  # pyright: ignore[reportGeneralTypeIssues]
        found = found | word
    return found


def _next(stream: _Stream) -> tuple[Array, _Stream]:
    """A random word, and the state after it (xoshiro128+)."""
    a, b, c, d = stream
    word, t = a + d, b << 9
    c, d = c ^ a, d ^ b
    b, a = b ^ c, a ^ d
    return word, (a, b, c ^ t, d << 11 | d >> 21)


def _mixed(word: Array) -> Array:
    """Another word, a one-to-one function of the first of which every bit depends on all bits."""
    word = (word ^ word >> 16) * jnp.uint32(0x7FEB352D)
    word = (word ^ word >> 15) * jnp.uint32(0x846CA68B)
    return word ^ word >> 16
