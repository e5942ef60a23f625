"""The Kac walk: its clock, its exact draws, its density with two fronts, and the mean velocity.

Lengths are in units of speed/damping, times of 1/damping, so that the damped wave equation reads
p_tt + 2 p_t = ∇²p.
"""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from noneq._typing import Key, Scalar, ScalarLike


_SERIES = 0.3
_ROUNDING = 1e-5  # of a displacement, relative to the front's
_NODES, _REACH, _WIDE = 64, 9.0, 12.0


class Step(NamedTuple):
    """One displacement, and the mean velocity of the walks that make it."""

    away: Scalar
    velocity: Scalar


def walk_time(level: Any, xp: Any = jnp) -> Any:
    """Time at which the standard deviation per coordinate is ``level``, in any dimension.

    **Equation**: level² = t − (1 − e^{−2t})/2, from ∂²T/∂k² at k = 0 of the characteristic
    function T = e^{−t}[cos qt + sin(qt)/q], q² = k² − 1: the marginal of one coordinate is the
    walk in one dimension. Solved by Newton's method, which converges from above.
    """
    square = level * level
    t = square / 2 + xp.sqrt(square * square / 4 + square)
    for _ in range(7):
        t = t - (_variance(t, xp) - square) / (1 - xp.exp(-2 * t))
    if xp is np:
        return t
    # One step more, whose derivative in the level is that of the solution.
    t = jax.lax.stop_gradient(t)
    return t - (_variance(t, xp) - square) / -xp.expm1(-2 * t)


def stretch(t: ScalarLike, level: ScalarLike) -> Scalar:
    """dt/dlevel at the time and level of one instant."""
    return jnp.asarray(2 * level) / -jnp.expm1(-2 * jnp.asarray(t))


def draw(t: ScalarLike, *, key: Key) -> Step:
    """A walk of unit speed that reverses at rate 1: where it is at time t.

    Given n reversals the share of t spent in the first direction is Beta(⌊n/2⌋ + 1, ⌈n/2⌉).
    """
    side_key, count_key, share_key = jax.random.split(key, 3)
    side = jax.random.rademacher(side_key, (), float)
    count = jax.random.poisson(count_key, t)
    first, second = (count // 2 + 1).astype(float), ((count + 1) // 2).astype(float)
    share = jax.random.beta(share_key, first, jnp.maximum(second, 1.0), dtype=float)
    away = side * t * jnp.where(count == 0, 1.0, 2 * share - 1)
    return Step(away, jnp.where(count == 0, side, mean_velocity(away, t)))


def mean_velocity(away: ScalarLike, t: ScalarLike) -> Scalar:
    """Mean velocity given the displacement; ±1 at the fronts, to rounding, and beyond them."""
    edge = (1 - _ROUNDING) * jnp.asarray(t)
    return jnp.where(jnp.abs(away) < edge, _inside_velocity(away, t), jnp.sign(away))


def log_inside(away: ScalarLike | Array, t: ScalarLike) -> Array:
    """ln of the density between the fronts, ½ e^{−t}[I₀(ξ) + t I₁(ξ)/ξ], of mass 1 − e^{−t}."""
    xi = _inner(away, t)
    even, odd = _bessel(xi)
    return jnp.log((even + t * odd) / 2) - jnp.square(away) / (t + xi)


def blurred(away: ScalarLike, t: ScalarLike, level: ScalarLike, blur: float) -> Step:
    """ln density of walk plus normal noise of std ``blur``, and the walk's mean velocity.

    Gauss and Legendre's rule over the part of the walk that the noise can reach, and two fronts
    of mass ½ e^{−t} each at ±t.

    Returns:
        ``away`` holds the logarithm, ``velocity`` the mean given the sum.
    """
    wide = jnp.minimum(t, _WIDE * jnp.asarray(level))
    middle = jnp.clip(away, -wide, wide)
    low = jnp.maximum(-wide, middle - _REACH * blur)
    high = jnp.minimum(wide, middle + _REACH * blur)
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    z = (low + high) / 2 + (high - low) / 2 * jnp.asarray(nodes, jnp.result_type(low))
    inside = log_inside(z, t) + jnp.log(weights) + jnp.log((high - low) / 2)
    front = jnp.full(2, -t - math.log(2.0))
    places = jnp.concatenate([z, jnp.stack([-t, t])])
    speeds = jnp.concatenate([_inside_velocity(z, t), jnp.asarray([-1.0, 1.0])])
    logs = jnp.concatenate([inside, front]) - jnp.square((away - places) / blur) / 2
    total = jax.nn.logsumexp(logs)
    log_density = total - math.log(blur * math.sqrt(2 * math.pi))
    return Step(log_density, jnp.exp(logs - total) @ speeds)


def _inside_velocity(away: ScalarLike | Array, t: ScalarLike) -> Array:
    """Current over density between the fronts, z (I₁(ξ)/ξ)/(I₀(ξ) + t I₁(ξ)/ξ), ξ² = t² − z²."""
    even, odd = _bessel(_inner(away, t))
    return jnp.asarray(away) * odd / (even + t * odd)


def _variance(t: Any, xp: Any) -> Any:
    """t − (1 − e^{−2t})/2, by its series where that cancels."""
    small = xp.minimum(t, _SERIES)
    terms = sum((-2) ** n / (2 * math.factorial(n)) * small ** (n - 2) for n in range(2, 16))
    return xp.where(t < _SERIES, small * small * terms, t - (1 - xp.exp(-2 * t)) / 2)


def _inner(away: ScalarLike | Array, t: ScalarLike) -> Array:
    power = (t - jnp.abs(away)) * (t + jnp.abs(away))
    return jnp.sqrt(jnp.maximum(power, 1e-30))


def _bessel(xi: Array) -> tuple[Array, Array]:
    """e^{−ξ} I₀(ξ) and e^{−ξ} I₁(ξ)/ξ."""
    square = jnp.square(jnp.minimum(xi, 0.1))
    series = (1 + square / 8 * (1 + square / 24 * (1 + square / 48))) / 2
    plain = jax.scipy.special.i1e(jnp.maximum(xi, 0.1)) / jnp.maximum(xi, 0.1)
    return jax.scipy.special.i0e(xi), jnp.where(xi < 0.1, jnp.exp(-xi) * series, plain)
