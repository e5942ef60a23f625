"""Walls given by a function that is negative inside: reflection, inner points, volume."""

import math
from collections.abc import Callable
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from noneq._typing import Scalar


Distance: TypeAlias = Callable[[Array], Scalar]
"""A function of one state: negative inside, 0 on the wall, positive outside."""

_MIRRORINGS, _PULLS = 4, 32
_BOUNCES, _LOOKS, _SECANTS = 2, 8, 3
_FEW, _MANY = 10, 16


def mirrored(
    distance: Distance, x: Float[Array, "*event"], times: int = _MIRRORINGS
) -> Float[Array, "*event"]:
    """x ← x − 2 d ∇d/|∇d|² while d > 0, at most so many ``times``.

    States that rounding cannot tell from the wall are moved inside by a few units of rounding.
    """
    for _ in range(times):
        d, slope = jax.value_and_grad(distance)(x)
        square = jnp.maximum(jnp.sum(slope**2), 1e-12)
        unit = jnp.finfo(x.dtype).eps * (1 + jnp.max(jnp.abs(x))) / jnp.sqrt(square)
        overshoot = 2 * jnp.maximum(d, 0.0) / square + 4 * unit
        # What is inside stays as it is, to the last bit.
        x = jnp.where(d > -unit * square, x - overshoot * slope, x)
    return x


def returned(
    distance: Distance, x: Float[Array, "*event"], inner: Float[Array, "*event"]
) -> Float[Array, "*event"]:
    """A state that is certainly inside: mirrored at the wall, else pulled towards ``inner``."""
    x = mirrored(distance, x)
    # From x, which may be infinitely far, to the inner point.
    share = jnp.linspace(1.0, 0.0, _PULLS, dtype=x.dtype).reshape(-1, *(1,) * x.ndim)
    points = inner + share * (x - inner)
    inside = jax.vmap(distance)(points) <= 0
    return jnp.where(distance(x) <= 0, x, points[jnp.argmax(inside)])


def bounced(
    distance: Distance, x: Float[Array, "*event"], step: Float[Array, "*event"]
) -> Float[Array, "*event"]:
    """x + step along a straight path that the wall reflects like light; x if that is not enough.

    The map keeps volumes and is its own inverse, so that steps of symmetric law keep the uniform
    law whatever their size. `mirrored` does not: next to a curved wall it thins the law out.

    Source: Polyak and Gryazina 2014 (billiard walk).
    """
    start, end = x, x + step
    for _ in range(_BOUNCES):
        out, share = _crossing(distance, start, end)
        hit = start + share * (end - start)
        normal, rest = jax.grad(distance)(hit), end - hit
        per_square = 1 / jnp.maximum(jnp.sum(normal**2), 1e-12)
        turned = hit + rest - 2 * per_square * jnp.sum(rest * normal) * normal
        start, end = jnp.where(out, hit, start), jnp.where(out, turned, end)
    return jnp.where(_crossing(distance, start, end)[0], x, end)


def _crossing(distance: Distance, start: Array, end: Array) -> tuple[Bool[Array, ""], Scalar]:
    """Whether the way from start (inside) to end meets the wall, and after which share (Illinois).

    Eight points of the way are looked at: what is thinner than the gaps between them is missed.
    """
    point = lambda share: start + share * (end - start)
    shares = jnp.linspace(0.0, 1.0, _LOOKS + 1, dtype=start.dtype)
    values = jax.vmap(lambda share: distance(point(share)))(shares)
    beyond = values[1:] > 0
    first = jnp.argmax(beyond)
    near, far = shares[first], shares[first + 1]
    # A path that has just bounced starts on the wall.
    inner, outer = jnp.minimum(values[first], -1e-6), jnp.maximum(values[first + 1], 1e-6)
    for _ in range(_SECANTS):
        share = far - outer * (far - near) / (outer - inner)
        value = distance(point(share))
        passed = value * outer < 0
        near, inner = jnp.where(passed, far, near), jnp.where(passed, outer, inner / 2)
        far, outer = share, value
    return jnp.any(beyond), jnp.clip(far, 0.0, 1.0)


def innermost(
    distance: Distance, shape: tuple[int, ...], dtype: np.dtype
) -> tuple[Float[Array, "*event"], Scalar]:
    """Where the distance is lowest, of 1024 points of [−1, 1]^shape, and its value there."""
    # A constant of the compiled code, unless the shape itself is traced.
    with jax.ensure_compile_time_eval():
        points = jnp.asarray(lattice(shape, _FEW), dtype)
        values = jax.vmap(distance)(points)
        return points[jnp.argmin(values)], jnp.min(values)


def share_inside(distance: Distance, shape: tuple[int, ...], dtype: np.dtype) -> Scalar:
    """Share of [−1, 1]^shape that lies inside, counted on 65 536 points."""
    with jax.ensure_compile_time_eval():
        points = jnp.asarray(lattice(shape, _MANY), dtype)
        return jnp.mean(jax.vmap(distance)(points) <= 0, dtype=dtype)


def lattice(shape: tuple[int, ...], power: int) -> Float[np.ndarray, "n *event"]:
    """2^power evenly spread points of [−1, 1]^shape, the same at every call.

    Source: Sobol' 1967, moved by half a cell so that no point lies on a face.
    """
    from scipy.stats import qmc

    points = qmc.Sobol(math.prod(shape), scramble=False).random_base2(power)
    return (2 * points - 1 + 2.0**-power).reshape(-1, *shape)
