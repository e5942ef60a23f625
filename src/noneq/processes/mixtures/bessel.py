"""The Bessel integral behind Yukawa kernels, for any order, in logarithms."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Scalar, ScalarLike


_REACH, _NODES = 5.0, 96


def log_bessel_ke(order: float, x: ScalarLike) -> Scalar:
    """ln(e^x K_order(x)), x > 0.

    **Equation**: K_nu(x) = ½ ∫ e^{nu t − x cosh t} dt by the trapezoidal rule, which converges
    geometrically.

    Source: Olver et al. 2010 (DLMF), eq. 10.32.9.
    """
    _, log_weights = saddle_nodes(order, x)
    return jax.nn.logsumexp(log_weights) - jnp.log(2.0)


def saddle_nodes(
    order: float, x: ScalarLike
) -> tuple[Float[Array, " nodes"], Float[Array, " nodes"]]:
    """Nodes t and logarithmic weights of ∫ f(t) e^{order t − x (cosh t − 1)} dt.

    Nodes are spread by a sinh about the maximum at t* = asinh(order/x), in units of the width
    there, (order² + x²)^{−1/4}, or 1 where that is wide.
    """
    x = jnp.asarray(x, float)
    curvature = jnp.sqrt(order**2 + x**2)
    # In float32 a sinh of minus a large number is the difference of two: take it from |order|.
    centre = jnp.sign(order) * (jnp.log(abs(order) + curvature) - jnp.log(x))
    v = jnp.asarray(np.linspace(-_REACH, _REACH, _NODES), x.dtype)
    width = 1 / jnp.sqrt(curvature + 1)
    # Beyond ±80 a float32 overflows, and the weights have long vanished.
    away = jnp.clip(width * jnp.sinh(v), -80.0, 80.0)
    # order t − x cosh t about its maximum, where x cosh t* = curvature and x sinh t* = order; of
    # curvature ± order one is the small number x²/(curvature ∓ order).
    large = curvature + abs(order)
    up, down = (large, x**2 / large) if order > 0 else (x**2 / large, large)
    # Not by expm1: XLA 0.10 on CPU gets a fused sum of two of them wrong for large arguments.
    half = away / 2
    rise = order * away - jnp.sinh(half) * (up * jnp.exp(half) - down * jnp.exp(-half))
    top = order * centre - order**2 / (curvature + x)
    steps = jnp.log(width * jnp.cosh(v) * (2 * _REACH / (_NODES - 1)))
    return centre + away, top + rise + steps
