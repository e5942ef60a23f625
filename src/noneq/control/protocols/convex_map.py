"""A monotone map in any number of dimensions: the gradient of a convex layer."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar


_STEEP = (1.0, 6.0)
"""Least and greatest steepness of a unit at the start, in standard deviations."""


class ConvexMap(eqx.Module):
    """T = ∇ψ with ψ convex, one layer of softplus units beside a quadratic.

    **Equation**: ψ(x) = ½ Σ_i e^{2a_i} x_i² + b·x + Σ_j e^{c_j} ln(1 + e^{w_j·x + d_j});
    ∂T = diag(e^{2a}) + Wᵀ diag(e^c σ') W is positive definite, so that T never folds.

    Source: Amos, Xu and Kolter 2017 (input-convex networks, of one layer here).
    """

    log_scale: Float[Array, " dim"]
    shift: Float[Array, " dim"]
    weights: Float[Array, "units dim"]
    bias: Float[Array, " units"]
    log_height: Float[Array, " units"]

    @classmethod
    def near_identity(cls, states: np.ndarray, units: int, *, key: Key) -> "ConvexMap":
        """Units across the states ``(n, dim)``, half of them along the axes, of little height."""
        n, dim = states.shape
        way_key, steep_key, place_key = jax.random.split(key, 3)
        ways = jax.random.normal(way_key, (units, dim))
        ways = ways.at[: units // 2].set(jnp.eye(dim)[jnp.arange(units // 2) % dim])
        ways = ways / jnp.linalg.norm(ways, axis=1, keepdims=True)
        steep = jax.random.uniform(steep_key, (units, 1), minval=_STEEP[0], maxval=_STEEP[1])
        weights = ways * steep / jnp.asarray(states.std(0), float)
        places = jnp.asarray(states, float)[jax.random.randint(place_key, (units,), 0, n)]
        return cls(
            log_scale=jnp.full(dim, -0.02),
            shift=jnp.zeros(dim),
            weights=weights,
            bias=-jnp.sum(weights * places, axis=1),
            log_height=jnp.full(units, -5.0),
        )

    def height(self, x: Float[Array, " dim"]) -> Scalar:
        """ψ(x)."""
        quadratic = jnp.sum(jnp.exp(2 * self.log_scale) * x**2) / 2 + self.shift @ x
        return quadratic + jnp.exp(self.log_height) @ jax.nn.softplus(self.weights @ x + self.bias)

    def __call__(self, x: Float[Array, " dim"]) -> Float[Array, " dim"]:
        """T(x)."""
        level = jax.nn.sigmoid(self.weights @ x + self.bias)
        pull = self.weights.T @ (jnp.exp(self.log_height) * level)
        return jnp.exp(2 * self.log_scale) * x + self.shift + pull

    def jacobian(self, x: Float[Array, " dim"]) -> Float[Array, "dim dim"]:
        """∂T(x), symmetric and positive definite."""
        level = jax.nn.sigmoid(self.weights @ x + self.bias)
        bend = jnp.exp(self.log_height) * level * (1 - level)
        return jnp.diag(jnp.exp(2 * self.log_scale)) + (self.weights.T * bend) @ self.weights
