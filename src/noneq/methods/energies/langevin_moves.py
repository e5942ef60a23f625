"""Metropolis-adjusted Langevin moves in tilted Gaussians exp(−|y|²/2 − beta f(y))."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike


Tilt: TypeAlias = Callable[[Array], Scalar]
"""f of one vector, in units of kT."""

_SPAN = 3.0
"""Logarithm of the largest over the smallest step size."""


class Walker(NamedTuple):
    """A vector with what a move needs of it: f and its slope do not depend on beta."""

    y: Float[Array, " dim"]
    value: Scalar
    slope: Float[Array, " dim"]


def walker(tilt: Tilt, y: Float[Array, " dim"]) -> Walker:
    """The walker at y."""
    return Walker(y, *jax.value_and_grad(tilt)(y))


def langevin_move(
    tilt: Tilt, now: Walker, beta: ScalarLike, size: ScalarLike, *, key: Key
) -> Walker:
    """One Metropolis-adjusted Langevin step of a random size; exact for any size.

    **Equation**: y' = y − (e²/2)(y + beta ∇f) + e ξ, accepted with probability
    min(1, p(y') q(y | y')/(p(y) q(y' | y))); e = size exp(−3u), u uniform, so that one of the
    sizes suits narrow wells and another the wide law at beta = 0. f that is not finite is refused.

    Source: Roberts and Tweedie 1996; one evaluation of f and its slope.
    """
    size_key, noise_key, accept_key = jax.random.split(key, 3)
    e = size * jnp.exp(-_SPAN * jax.random.uniform(size_key, dtype=now.y.dtype))
    xi = jax.random.normal(noise_key, now.y.shape, now.y.dtype)
    ahead = lambda w: w.y - e**2 / 2 * (w.y + beta * w.slope)
    new = walker(tilt, ahead(now) + e * xi)
    back = (now.y - ahead(new)) / e
    free = jnp.sum(now.y**2 - new.y**2 + xi**2 - back**2) / 2
    return _chosen(free - beta * (new.value - now.value), new, now, accept_key)


def jump(tilt: Tilt, now: Walker, beta: ScalarLike, *, key: Key) -> Walker:
    """An independent draw of N(0, I), accepted with probability min(1, e^{−beta (f(y') − f(y))}).

    Reaches other modes in few dimensions; in many it is never accepted, and does no harm.
    """
    draw_key, accept_key = jax.random.split(key)
    new = walker(tilt, jax.random.normal(draw_key, now.y.shape, now.y.dtype))
    return _chosen(-beta * (new.value - now.value), new, now, accept_key)


def moved(
    tilt: Tilt, now: Walker, beta: ScalarLike, size: ScalarLike, steps: int, *, key: Key
) -> Walker:
    """A jump and ``steps`` Langevin moves; leaves exp(−|y|²/2 − beta f(y)) invariant."""
    jump_key, step_key = jax.random.split(key)
    step = lambda w, key: (langevin_move(tilt, w, beta, size, key=key), None)
    now = jump(tilt, now, beta, key=jump_key)
    return jax.lax.scan(step, now, jax.random.split(step_key, steps))[0]


def _chosen(log_ratio: ScalarLike, new: Walker, now: Walker, key: Key) -> Walker:
    # NaN compares false: such a proposal stays out.
    accept = jnp.log(jax.random.uniform(key, dtype=now.y.dtype)) < log_ratio
    return jax.tree.map(lambda a, b: jnp.where(accept, a, b), new, now)
