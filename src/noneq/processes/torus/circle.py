"""The wrapped normal law of one coordinate: images for what is near, cosines for the rest."""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array

from noneq._typing import ScalarLike


_SWITCH = 0.1
_IMAGES, _MODES = 2, 4


def wrap(z: Array, period: Array) -> Array:
    """The shortest displacement, in [−P/2, P/2]; z itself where the period is 0."""
    side = jnp.where(period > 0, period, 1.0)
    return jnp.where(period > 0, z - side * jnp.round(z / side), z)


def log_normal(z: Array, sigma: ScalarLike, period: Array) -> Array:
    """log p(z) of each coordinate: normal noise of width sigma, wrapped where the period is not 0.

    **Equation**: with t = sigma²/P², p = Σ_k N(z + kP; sigma²)
    = [1 + 2 Σ_k e^{−2π²k²t} cos(2πkz/P)]/P; five images below t = 0.1 and four modes above are
    exact to rounding (1e-13 in float64).
    """
    few, t, side = _scales(sigma, period)
    near = jax.nn.logsumexp(-(_images(z, side) ** 2) / (2 * few**2), axis=0)
    near -= jnp.log(few) + 0.5 * math.log(2 * math.pi)
    far = jnp.log(_series(z, t, side)[0] / side)
    line = jax.scipy.stats.norm.logpdf(z, scale=sigma)
    return jnp.where(period > 0, jnp.where(t < _SWITCH, near, far), line)


def normal_score(z: Array, sigma: ScalarLike, period: Array) -> Array:
    """∂ log p/∂z of `log_normal`."""
    few, t, side = _scales(sigma, period)
    away = _images(z, side)
    weights = jax.nn.softmax(-(away**2) / (2 * few**2), axis=0)
    near = -jnp.sum(weights * away, axis=0) / few**2
    total, slope = _series(z, t, side)
    line = -z / jnp.square(sigma)
    return jnp.where(period > 0, jnp.where(t < _SWITCH, near, slope / total), line)


def slowest(sigma: ScalarLike, period: Array) -> Array:
    """What noise leaves of the slowest mode of the widest circle, e^{−2π² sigma²/P²}; 1 on a line."""
    side = jnp.max(period)
    left = jnp.exp(-2 * jnp.square(jnp.pi * sigma / jnp.where(side > 0, side, 1.0)))
    return jnp.where(period > 0, left, 1.0)


def _scales(sigma: ScalarLike, period: Array) -> tuple[Array, Array, Array]:
    """A sigma for the images, t for the modes, and a period that is nowhere 0."""
    side = jnp.where(period > 0, period, 1.0)
    t = jnp.square(sigma / side)
    return side * jnp.sqrt(jnp.minimum(t, _SWITCH)), t, side


def _images(z: Array, side: Array) -> Array:
    """Displacements to z from all images of 0."""
    k = jnp.arange(-_IMAGES, _IMAGES + 1, dtype=z.dtype).reshape(-1, *(1,) * z.ndim)
    return z - side * jnp.round(z / side) + k * side


def _series(z: Array, t: Array, side: Array) -> tuple[Array, Array]:
    """P times the cosine series, and its derivative in z."""
    k = jnp.arange(1, _MODES + 1, dtype=z.dtype).reshape(-1, *(1,) * z.ndim)
    wave = 2 * jnp.pi * k / side
    amplitudes = 2 * jnp.exp(-2 * jnp.square(jnp.pi * k) * jnp.maximum(t, _SWITCH))
    total = 1 + jnp.sum(amplitudes * jnp.cos(wave * z), axis=0)
    return total, -jnp.sum(amplitudes * wave * jnp.sin(wave * z), axis=0)
