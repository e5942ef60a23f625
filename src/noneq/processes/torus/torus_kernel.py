"""Kernels e^{−t √(k² − cutoff²)} on the torus: Gaussians for what is near, cosines for the rest.

The side of the torus is 2π, so that wavenumbers are whole numbers; cutoff < 1, and the mean is 1.
"""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Scalar, ScalarLike


_NODES, _TOP = 64, 2.0
_IMAGES, _MODES = 2, 3
# Integral between the middle two of eight equidistant values.
_EIGHT = np.asarray([-191, 1879, -9531, 68323, 68323, -9531, 1879, -191]) / 120960


def density(z: Float[Array, " dim"], t: ScalarLike, cutoff: float) -> Scalar:
    """p(z) = (2π)^{−N}[1 + Σ_{n≠0} e^{−t ψ_n} cos n·z], ψ = √(n² − cutoff²), |z_i| ≤ π.

    **Equation**: e^{−tψ} = ∫ w(s) e^{−s n²} ds, w = t/(√(4π) s^{3/2}) e^{−t²/4s + s cutoff²}, so
    that p is a sum over nodes s ≤ 2 of wrapped Gaussians of variance 2s, and what it lacks of
    every mode up to 3 per coordinate is added as a cosine. The nodes are those of the
    trapezoidal rule in ln s; modes above 3 lack less than e^{−32}.
    """
    t = jnp.asarray(t, z.dtype)
    s, inside, step = _nodes(t, cutoff)
    weights = step * t / 2 * inside
    squares, _ = _waves(z.size)
    wanted = jnp.exp(-t * _rates(squares, cutoff))
    return _series(z, s, weights, jnp.where(squares == 0, 1.0, wanted))


def velocity(z: Float[Array, " dim"], t: ScalarLike, cutoff: float) -> Float[Array, " dim"]:
    """dz/dt = J/p of the irrotational current J = −∇W, ∇²W = ∂p/∂t.

    **Equation**: W = (2π)^{−N} Σ (ψ/n²) e^{−tψ} cos n·z; its measure on s is
    a − cutoff² ∫_0^s a, a = (πs)^{−1/2} e^{−t²/4s + s cutoff²}, whose integral is summed in ln s
    by a rule of eight points.
    """
    t = jnp.asarray(t, z.dtype)
    s, inside, step = _nodes(t, cutoff)
    weights = step * s * (inside - cutoff**2 * _running(t, cutoff, step))
    squares, _ = _waves(z.size)
    psi = _rates(squares, cutoff)
    wanted = psi / np.maximum(squares, 1.0) * jnp.exp(-t * psi)
    potential = lambda z: _series(z, s, weights, wanted)
    return -jax.grad(potential)(z) / density(z, t, cutoff)


def _nodes(t: Scalar, cutoff: float, pad: int = 0) -> tuple[Array, Array, Scalar]:
    """s, a(s) and the step of ln s, with ``pad`` nodes more at either end."""
    low = jnp.log(jnp.minimum(jnp.square(t) / 160, _TOP / 4))
    step = (math.log(_TOP) - low) / (_NODES - 1)
    s = jnp.exp(low + step * jnp.arange(-pad, _NODES + pad, dtype=t.dtype))
    exponent = s * cutoff**2 - jnp.square(t) / (4 * s)
    return s, jnp.exp(exponent) / jnp.sqrt(jnp.pi * s), step


def _running(t: Scalar, cutoff: float, step: Scalar) -> Array:
    """∫_0^s a(s) ds at the nodes."""
    s, inside, _ = _nodes(t, cutoff, pad=4)
    pieces = jnp.convolve(s * inside, jnp.asarray(_EIGHT, t.dtype), mode="valid")
    return step * jnp.cumsum(pieces)[:_NODES]


def _series(z: Array, s: Array, weights: Array, wanted: Array) -> Scalar:
    """Σ weights times wrapped Gaussians, and the modes that are still lacking of ``wanted``."""
    shift = 2 * jnp.pi * jnp.arange(-_IMAGES, _IMAGES + 1, dtype=z.dtype)
    squares, signs = _waves(z.size)
    away = jnp.square(z[:, None] + shift)
    bells = jnp.exp(-away / (4 * s[:, None, None])).sum(-1) / jnp.sqrt(4 * jnp.pi * s)[:, None]
    near = weights @ jnp.prod(bells, axis=-1)
    lacking = signs * (wanted - jnp.exp(-np.asarray(squares)[:, None] * s) @ weights)
    cosines = jnp.cos(jnp.arange(_MODES + 1, dtype=z.dtype) * z[:, None])
    far = lacking.reshape((_MODES + 1,) * z.size)
    for row in cosines:
        far = jnp.tensordot(row, far, 1)
    return near + far / (2 * math.pi) ** z.size


def _rates(squares: np.ndarray, cutoff: float) -> Array:
    """ψ, 0 for the mean."""
    return jnp.sqrt(jnp.maximum(squares - jnp.square(cutoff), 0.0))


def _waves(dim: int) -> tuple[np.ndarray, np.ndarray]:
    """n² of the modes in the corner n_i ≥ 0, and how many signs each stands for."""
    modes = np.asarray(list(itertools.product(range(_MODES + 1), repeat=dim)), float)
    return (modes**2).sum(-1), 2.0 ** (modes > 0).sum(-1)
