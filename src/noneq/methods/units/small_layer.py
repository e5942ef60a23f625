"""A layer with so few states that they can be counted: exact sums and draws."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key
from noneq.methods.units.bipartite import Bipartite


_MOST_ENUMERATED = 2**18
_CHUNK = 4096


class SmallLayer(eqx.Module):
    """All states of one layer of a `Bipartite`, letters written in base ``letters``.

    Args:
        hidden: whether it is the hidden layer.
        letters: levels of each unit.
        units: of the layer.
    """

    hidden: bool
    letters: int
    units: int

    def log_law(self, machine: Bipartite) -> Float[Array, " states"]:
        """Unnormalised log probability of every state; Z of the machine is their sum."""
        density = machine.log_hidden if self.hidden else machine.log_density
        each = lambda number: density(letters_of(number[None], self.letters, self.units))[0]
        count = self.letters**self.units
        return jax.lax.map(each, jnp.arange(count), batch_size=min(count, _CHUNK))

    def draws(self, machine: Bipartite, n: int, *, key: Key) -> Float[Array, "n dim"]:
        """Independent visible states of the machine's law."""
        states_key, visible_key = jax.random.split(key)
        numbers = draw_numbers(self.log_law(machine), n, key=states_key)
        states = letters_of(numbers, self.letters, self.units)
        if not self.hidden:
            return states
        return machine.draw(machine.bias + states @ machine.weight, key=visible_key)


def small_layer(machine: Bipartite, dim: int) -> SmallLayer | None:
    """The layer with fewer states, None if they are more than 2^18."""
    hidden, letters = machine.offset.size, machine.visible.alphabet
    by_hidden = not letters or hidden * math.log(2) <= dim * math.log(letters)
    layer = SmallLayer(True, 2, hidden) if by_hidden else SmallLayer(False, letters, dim)
    return layer if layer.letters**layer.units <= _MOST_ENUMERATED else None


def letters_of(numbers: Array, letters: int, units: int) -> Float[Array, "n units"]:
    """Letters 0 … letters − 1 of the states with these numbers, the lowest digit first."""
    powers = jnp.asarray([letters**i for i in range(units)], jnp.int32)
    return (numbers[:, None] // powers % letters).astype(jnp.zeros(()).dtype)


def draw_numbers(log_p: Float[Array, " states"], n: int, *, key: Key) -> Array:
    """n numbers with these unnormalised log probabilities.

    A block first and a place in it then: one sum over all states would blur rare ones in float32.
    """
    block_key, place_key = jax.random.split(key)
    side = math.ceil(math.sqrt(log_p.size))
    table = jnp.pad(log_p, (0, side**2 - log_p.size), constant_values=-jnp.inf).reshape(side, side)
    block = jax.random.categorical(block_key, jax.nn.logsumexp(table, axis=1), shape=(n,))
    return block * side + jax.random.categorical(place_key, table[block])
