"""Cholesky factors and triangular systems, written out for small matrices.

Of a few coordinates LAPACK's calls, one a state, cost more than all else.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


_SMALL = 3


def lower_root(matrix: Float[Array, "dim dim"]) -> Float[Array, "dim dim"]:
    """The lower-triangular L with L Lᵀ = matrix, positive definite."""
    dim = matrix.shape[0]
    if dim > _SMALL:
        return jnp.linalg.cholesky(matrix)
    rows = [[jnp.zeros((), matrix.dtype)] * dim for _ in range(dim)]
    for i in range(dim):
        for j in range(i + 1):
            rest = matrix[i, j] - sum(rows[i][k] * rows[j][k] for k in range(j))
            rows[i][j] = jnp.sqrt(rest) if i == j else rest / rows[j][j]
    return jnp.stack([jnp.stack(row) for row in rows])


def solved(root: Float[Array, "dim dim"], right: Float[Array, " dim"]) -> Float[Array, " dim"]:
    """L⁻¹ right."""
    dim = root.shape[0]
    if dim > _SMALL:
        return jax.scipy.linalg.solve_triangular(root, right, lower=True)
    found: list[Array] = []
    for i in range(dim):
        rest = right[i] - sum(root[i, k] * found[k] for k in range(i))
        found.append(rest / root[i, i])
    return jnp.stack(found)
