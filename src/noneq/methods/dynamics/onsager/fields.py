"""Potential, mobility and circulation of a motion, as polynomials of the state."""

import functools
import operator
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Scalar
from noneq.constant import Constant
from noneq.methods.dynamics.onsager.triangular import lower_root, solved


_WALL = 1000.0
"""Height over ε at twice the edge."""


class OnsagerFields(eqx.Module):
    """V, M and W at one state, as polynomials of z = (x − centre)/scale.

    **Equation**: V = Σ_j a_j b_j(z), L_ij = Σ_k l_ijk b_k(z) lower triangular, M = L Lᵀ + floor,
    W skew with Σ_k w_ijk b_k(z) above its diagonal.

    Args:
        potential: (p − 1,), without the constant.
        factor: (dim (dim + 1)/2, q).
        curl: (dim (dim − 1)/2, r).
        floor: (dim,), added to the diagonal of M.
        powers: of all monomials after the constant, ordered by degree, (P, dim); each part uses as
            many as it has coefficients.
        centre, scale: of every coordinate.
        edge: |z| from which a wall rises, so that e^{−V/ε} has a norm whatever the coefficients are;
            outside all data.
        temperature: ε.
        complete: with ε div W, which keeps e^{−V/ε} stationary; without, the literal form.
    """

    potential: Array
    factor: Array
    curl: Array
    floor: Constant
    centre: Constant
    scale: Constant
    edge: Constant
    temperature: Constant
    powers: tuple[tuple[int, ...], ...] = eqx.field(static=True)
    complete: bool = eqx.field(static=True)

    def basis(self, x: Float[Array, " dim"]) -> Float[Array, " functions"]:
        """1 and the monomials of z."""
        z = (x - self.centre.value) / self.scale.value
        rows = [jnp.ones_like(z)]
        for _ in range(max(map(max, self.powers))):
            rows.append(rows[-1] * z)
        # Written out instead of gathered, which compiles to one loop over the states.
        terms = [
            functools.reduce(operator.mul, [rows[k][i] for i, k in enumerate(row) if k])
            for row in self.powers
        ]
        return jnp.stack([jnp.ones(()), *terms])

    def energy(self, x: Float[Array, " dim"]) -> Scalar:
        """V, with a wall of a higher degree beyond all data."""
        z = (x - self.centre.value) / self.scale.value
        beyond = jnp.maximum(jnp.abs(z / self.edge.value) - 1, 0.0)
        # Of degree two above the polynomial's, and as smooth.
        wall = self.temperature.value * _WALL * jnp.sum(beyond ** (max(map(sum, self.powers)) + 2))
        return self.basis(x)[1 : 1 + self.potential.size] @ self.potential + wall

    def mobility(self, x: Float[Array, " dim"]) -> Float[Array, "dim dim"]:
        """M."""
        values = self.factor @ self.basis(x)[: self.factor.shape[1]]
        L = _filled(values, x.size, *np.tril_indices(x.size))
        return L @ L.T + jnp.diag(self.floor.value)

    def circulation(self, x: Float[Array, " dim"]) -> Float[Array, "dim dim"]:
        """W."""
        values = self.curl @ self.basis(x)[: self.curl.shape[1]]
        W = _filled(values, x.size, *np.triu_indices(x.size, 1))
        return W - W.T

    def drift(self, x: Float[Array, " dim"]) -> Float[Array, " dim"]:
        """f of dX = f dt + √(2 ε M) dW."""
        if self.complete:
            A, spread = _divergence(lambda x: self.mobility(x) + self.circulation(x), x)
        else:
            M, spread = _divergence(self.mobility, x)
            A = M + self.circulation(x)
        return -A @ jax.grad(self.energy)(x) + self.temperature.value * spread

    def velocity(self, x: Float[Array, " dim"]) -> Float[Array, " dim"]:
        """v of the current p v, p = e^{−V/ε}/Z."""
        W, spread = _divergence(self.circulation, x)
        v = -W @ jax.grad(self.energy)(x)
        return v + self.temperature.value * spread if self.complete else v

    def dissipation(self, x: Float[Array, " dim"]) -> Scalar:
        """vᵀ (ε M)⁻¹ v, whose mean is the entropy production rate."""
        v = solved(lower_root(self.temperature.value * self.mobility(x)), self.velocity(x))
        return v @ v


def _filled(values: Array, dim: int, rows: np.ndarray, columns: np.ndarray) -> Array:
    """A matrix with these values at these places, by a product with a constant."""
    place = np.zeros((dim * dim, len(rows)), np.float32)
    place[rows * dim + columns, np.arange(len(rows))] = 1.0
    return (jnp.asarray(place, values.dtype) @ values).reshape(dim, dim)


def _divergence(matrix: Callable[[Array], Array], x: Array) -> tuple[Array, Array]:
    """A and (div A)_i = Σ_j ∂_j A_ij."""

    def both(x: Array) -> tuple[Array, Array]:
        A = matrix(x)
        return A, A

    slopes, A = jax.jacfwd(both, has_aux=True)(x)
    return A, jnp.einsum("ijj->i", slopes)
