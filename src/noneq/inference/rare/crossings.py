"""How far a path gets between two of its recorded points: Brownian bridges."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Scalar


def bridge_maximum(a: Scalar, b: Scalar, variance: Scalar, exponential: Scalar) -> Scalar:
    """A draw of the maximum of a Brownian bridge.

    **Equation**: P(max ≥ c) = exp(−2 (c − a)(c − b)/(σ²h)) for c ≥ a, b, hence
    max = ½ (a + b + √((b − a)² + 2 σ²h E)) with E exponential of mean 1.

    Args:
        a, b: values at the two ends.
        variance: σ²h, the variance that the noise adds from one end to the other; 0 gives the larger
            end.
        exponential: E.

    Source: Andersen, Brotherton-Ratcliffe, Net. Res. Mag. (1996); Karatzas, Shreve (1991), 4.3.40.
    """
    return 0.5 * (a + b + jnp.sqrt((b - a) ** 2 + 2.0 * variance * exponential))


def added_variance(
    slope: Float[Array, "*event"], kick: Float[Array, "..."], step: Scalar | float
) -> Scalar:
    """|Bᵀ ∇g|² h: what the noise adds to the variance of a function g over a step.

    Args:
        slope: ∇g at one state.
        kick: B there: a scalar, of the state's shape (diagonal), or (dim, m).
        step: h.
    """
    matrix = kick.ndim == 2 and kick.shape != slope.shape
    moved = kick.T @ slope if matrix else kick * slope
    # A root or a corner has no slope at single points.
    return jax.lax.stop_gradient(jnp.nan_to_num(jnp.sum(moved**2) * step, posinf=0.0))
