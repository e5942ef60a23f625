"""The force, linear in its features, that makes NEEP's objective largest, by whole passes over the data.

Stochastic entropy of a window: ΔS = phi(even)·odd, which changes its sign under time reversal.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from noneq.thermo.estimators.windows import Block, Windows


HARMONICS = 3
"""Of each coordinate on a circle."""
_RANK = 1e-8
"""Directions whose share of the variance is smaller are copies of others."""
_PASSES = 12
_GAIN = 1e-5


@dataclass(frozen=True)
class Whitening:
    """Matrices that give features and odd parts uncorrelated numbers of unit mean square.

    Attributes:
        periods: of the even parts.
        feature: ``(features, k)``.
        odd: ``(odd, m)``.
    """

    periods: np.ndarray
    feature: np.ndarray
    odd: np.ndarray

    def apply(self, block: Block) -> tuple[Array, Array, Array]:
        """(features, odd parts, weight) of a block, the first two whitened."""
        u = features(jnp.asarray(block.even), tuple(self.periods.tolist()))
        feature, odd = (jnp.asarray(a, jnp.float32) for a in (self.feature, self.odd))
        return u @ feature, jnp.asarray(block.odd) @ odd, jnp.asarray(block.weight)


def features(even: Array, periods: tuple[float, ...]) -> Array:
    """1, the coordinates on a line, and three harmonics of those on a circle."""
    circles = np.asarray(periods) > 0
    blocks = [jnp.ones((*even.shape[:-1], 1), even.dtype), even[..., ~circles]]
    if circles.any():
        turn = 2 * jnp.pi * even[..., circles] / np.asarray(periods)[circles].astype(np.float32)
        for k in range(1, HARMONICS + 1):
            blocks += [jnp.sin(k * turn), jnp.cos(k * turn)]
    return jnp.concatenate(blocks, axis=-1)


@jax.jit
def _moments(u: Array, odd: Array, weight: Array) -> tuple[Array, Array, Array]:
    """Sums of u uᵀ, odd oddᵀ and u oddᵀ of every segment."""
    weighted = u * weight[..., None]
    pair = lambda a, b: jnp.einsum("ctk,ctm->ckm", a, b)
    return pair(weighted, u), pair(odd * weight[..., None], odd), pair(weighted, odd)


@jax.jit
def gains(
    matrix: Array, u: Array, odd: Array, weight: Array
) -> tuple[Float[Array, " c"], Float[Array, "k m"]]:
    """Sum of ΔS + 1 − e^{−ΔS} of every segment, and the slope of the whole sum in the matrix."""
    s = jnp.einsum("ctk,km,ctm->ct", u, matrix, odd)
    fall = jnp.expm1(-s)
    pull = weight * (2 + fall)
    return jnp.sum(weight * (s - fall), axis=1), jnp.einsum("ctk,ctm->km", u * pull[..., None], odd)


def whitening(data: Windows, which: Int[np.ndarray, " m"]) -> tuple[Whitening, Array]:
    """The whitening, and the matrix to start from: the optimum for small ΔS, 2⟨u oddᵀ⟩."""
    periods, total = tuple(data.periodic.tolist()), 0.0
    sums: Any = None
    for part, block in data.blocks(which):
        u = features(jnp.asarray(block.even), periods)
        found = [np.asarray(a, np.float64).sum(0) for a in _moments(u, block.odd, block.weight)]
        sums = found if sums is None else [a + b for a, b in zip(sums, found, strict=True)]
        total += float(block.weight[: len(part)].sum())
    second, spread, cross = (a / total for a in sums)
    white = Whitening(data.periodic, _root(second), _root(spread))
    return white, jnp.asarray(2 * white.feature.T @ cross @ white.odd, jnp.float32)


def _root(square: np.ndarray) -> np.ndarray:
    """R with Rᵀ M R = 1 on the space that M spans."""
    size = np.sqrt(np.maximum(np.diag(square), 1e-300))
    values, vectors = np.linalg.eigh(square / size / size[:, None])
    keep = values > _RANK * values.max()
    return vectors[:, keep] / np.sqrt(values[keep]) / size[:, None]


def linear_force(
    data: Windows, white: Whitening, start: Array, which: Int[np.ndarray, " m"]
) -> np.ndarray:
    """The matrix W of phi = W u that makes the mean of ΔS + 1 − e^{−ΔS} largest on the segments.

    In whitened numbers the second derivative is about 1 for small ΔS, so that a few passes of
    L-BFGS reach the maximum, whatever the number of coordinates.
    """
    from scipy.optimize import minimize

    def cost(flat: np.ndarray) -> tuple[float, np.ndarray]:
        matrix = jnp.asarray(flat.reshape(start.shape), jnp.float32)
        value, slope, total = 0.0, np.zeros(start.shape), 0.0
        for part, (u, odd, weight) in whitened(data, white, which):
            sums, pull = gains(matrix, u, odd, weight)
            value += float(np.asarray(sums, np.float64)[: len(part)].sum())
            slope += np.asarray(pull, np.float64)
            total += float(weight[: len(part)].sum())
        # A window of huge ΔS overflows: no step may go there.
        if not (np.isfinite(value) and np.isfinite(slope).all()):
            return 1e30, np.zeros(flat.size)
        return -value / total, -slope.ravel() / total

    options = {"maxfun": _PASSES, "maxiter": _PASSES, "ftol": _GAIN * 1e-3, "gtol": 1e-7}
    begin = np.asarray(start, np.float64).ravel()
    found = minimize(cost, begin, jac=True, method="L-BFGS-B", options=options)
    return np.asarray(found.x.reshape(start.shape), np.float32)


def whitened(
    data: Windows, white: Whitening, which: Int[np.ndarray, " m"]
) -> Iterator[tuple[np.ndarray, tuple[Array, Array, Array]]]:
    """The blocks of these segments with their whitened parts."""
    for part, block in data.blocks(which):
        yield part, white.apply(block)
