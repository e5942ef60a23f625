"""Entropy production and the first guess of the potential, from states."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq.methods.dynamics.onsager.fields import OnsagerFields
from noneq.methods.dynamics.onsager.likelihood import BLOCKS, flat, learnt, placed
from noneq.traced import jit


_PART = 32_768


def rate(
    fields: OnsagerFields, states: Float[np.ndarray, "n dim"], influence: np.ndarray | None
) -> tuple[float, float]:
    """⟨vᵀ (ε M)⁻¹ v⟩ over states and its standard error.

    **Equation**: block b of the record, n_b of its n states, moves the mean by
    (n_b/n) (⟨σ⟩_b − ⟨σ⟩) + ∂⟨σ⟩/∂θ · (its influence on θ); the error is the root of the sum of
    the squares of these (infinitesimal jackknife).

    Args:
        states: in the order of the record, or independent ones.
        influence: of the blocks on the coefficients, (blocks, p); None counts the states alone.
    """
    size = min(_PART, 1 << max(len(states) - 1, 1).bit_length())
    place = np.arange(-(-len(states) // size) * size)
    x = jnp.asarray(states[np.minimum(place, len(states) - 1)], float)
    block = jnp.asarray(np.minimum(place * BLOCKS // len(states), BLOCKS - 1))
    there = jnp.asarray(place < len(states), float)
    found = [
        _sums(fields, x[i : i + size], there[i : i + size], block[i : i + size])
        for i in range(0, len(place), size)
    ]
    total, count, slope = (
        np.sum([np.asarray(one[i], np.float64) for one in found], axis=0) for i in range(3)
    )
    mean = total.sum() / len(states)
    moved = (total - count * mean) / len(states)
    if influence is not None:
        moved = moved + influence @ (slope / len(states))
    return float(mean), float(np.sqrt(BLOCKS / (BLOCKS - 1) * (moved**2).sum()))


@jit
def _sums(
    fields: OnsagerFields, x: Array, there: Array, block: Array
) -> tuple[Array, Array, Array]:
    """Σ of the dissipation and the number of states of each block, and the slope of the whole."""

    def each(leaves: Any) -> tuple[Array, Array]:
        found = jax.vmap(eqx.tree_at(learnt, fields, leaves).dissipation)(x) * there
        return found.sum(), found

    slope, found = jax.grad(each, has_aux=True)(learnt(fields))
    blocks = lambda v: jax.ops.segment_sum(v, block, BLOCKS)
    return blocks(found), blocks(there), jnp.concatenate([v.ravel() for v in slope])


def potential_guess(fields: OnsagerFields, states: Float[np.ndarray, "n dim"]) -> OnsagerFields:
    """V by score matching: E[½|∇V/ε|² − ΔV/ε] is least, a linear problem of its coefficients."""
    count = fields.potential.size
    gram, right = (np.asarray(v, np.float64) for v in _matching(fields, jnp.asarray(states, float)))
    size = np.sqrt(np.diag(gram))
    found = np.linalg.lstsq(gram / np.outer(size, size), right / size, rcond=1e-7)[0] / size
    theta = flat(fields)
    theta[:count] = float(fields.temperature.value) * found
    return placed(fields, theta)


@jit
def _matching(fields: OnsagerFields, x: Array) -> tuple[Array, Array]:
    functions = lambda x: fields.basis(x)[1 : 1 + fields.potential.size]
    slopes = jax.vmap(jax.jacfwd(functions))(x)
    bends = jax.vmap(lambda x: jnp.trace(jax.jacfwd(jax.jacfwd(functions))(x), axis1=1, axis2=2))(x)
    return jnp.einsum("npi,nqi->pq", slopes, slopes) / len(x), bends.mean(0)
