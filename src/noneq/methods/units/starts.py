"""Training states from which hidden states and mixture components are initialised."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from noneq._typing import Key


def far_apart(phi: Float[Array, "n count"], wanted: int, *, key: Key) -> Int[Array, " wanted"]:
    """Row numbers of training states, each drawn by |distance|² to the nearest one before.

    Copies of a state are drawn only when there are no other states left.

    Source: Arthur and Vassilvitskii 2007 (k-means++).
    """
    first_key, key = jax.random.split(key)
    squared = lambda row: jnp.sum((phi - phi[row]) ** 2, axis=-1)
    first = jax.random.randint(first_key, (), 0, len(phi))

    def step(nearest: Array, key: Key) -> tuple[Array, Array]:
        row = jax.random.categorical(key, jnp.log(nearest + jnp.finfo(phi.dtype).tiny))
        return jnp.minimum(nearest, squared(row)), row

    rest = jax.lax.scan(step, squared(first), jax.random.split(key, wanted)[1:])[1]
    return jnp.concatenate([first[None], rest])
