"""Fractional Gaussian noise, exact and fast, by the eigenvalues of a circulant matrix."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key
from noneq.errors import InvalidInput, SolveFailed
from noneq.kinds import checked
from noneq.systems.fractional import check_hurst, fractional_covariance


_ROUNDING = 1e-9
"""Of the largest eigenvalue; below it a negative one is rounding."""


def circulant_eigenvalues(steps: int, hurst: float) -> Float[np.ndarray, " eigenvalues"]:
    """Eigenvalues of the circulant matrix of size 2 steps that holds the covariance of the noise.

    **Equation**: the Fourier transform of γ(0), …, γ(steps), …, γ(1); the second half repeats.

    Raises:
        SolveFailed: a negative eigenvalue, with which the noise does not exist.
    """
    values = np.fft.hfft(fractional_covariance(np.arange(steps + 1), hurst))[: steps + 1]
    if values.min() < -_ROUNDING * values.max():
        raise SolveFailed(
            f"fractional_noise: hurst = {hurst}, {steps} steps give the eigenvalue "
            f"{values.min():.3g} < 0; take more steps."
        )
    return values.clip(0.0)


@checked
def fractional_noise(n: int, steps: int, hurst: float, *, key: Key) -> Float[Array, "n steps"]:
    """n records of fractional Gaussian noise, the increments of B^H over unit steps.

    **Equation**: x = F^{−1} √(2 steps λ) ξ with λ the eigenvalues of the circulant matrix of size
    2 steps and ξ complex normal numbers; the first half of x has the covariance γ exactly. Steps of
    length h have increments h^H times these.

    Args:
        n: number of records.
        steps: length of each.
        hurst: H, between 0 and 1.
        key: typed random key.

    Raises:
        InvalidInput: n or steps < 1, or H outside (0, 1).
        SolveFailed: an eigenvalue is negative (never seen for 0 < H < 1).

    Source: Davies and Harte, Biometrika 74, 95 (1987).
    """
    check_hurst(hurst, "fractional_noise")
    if n < 1 or steps < 1:
        raise InvalidInput(f"fractional_noise: n = {n}, steps = {steps}; expected at least 1.")
    return records(n, spectrum(steps, hurst), key)


def spectrum(steps: int, hurst: float) -> Array:
    """√(2 steps λ) for `records`, ``(steps + 1,)``."""
    return jnp.asarray(np.sqrt(2 * steps * circulant_eigenvalues(steps, hurst)), float)


def records(n: int, root: Float[Array, " half"], key: Key) -> Float[Array, "n steps"]:
    """n records of the noise whose spectrum has this root."""
    steps = root.shape[0] - 1
    real, imaginary = jax.random.normal(key, (2, n, steps + 1), root.dtype)
    ends = jnp.arange(steps + 1) % steps == 0
    draws = jnp.where(ends, real + 0j, (real + 1j * imaginary) / jnp.sqrt(2.0))
    return jnp.fft.irfft(root * draws, 2 * steps)[:, :steps]
