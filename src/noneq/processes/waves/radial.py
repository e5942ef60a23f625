"""Densities from isotropic spectra: the inverse Fourier transform of a function of k = |k|."""

from typing import Any

import numpy as np
from scipy import special

from noneq.errors import InvalidInput


def radial_density(spectrum: Any, k: Any, r: Any, dim: int) -> np.ndarray:
    """Density at radius r whose Fourier transform is ``spectrum`` at wavenumbers k.

    **Equation.** p(r) = (2 pi)^{-N/2} int_0^inf S(k) k^{N-1} (k r)^{1-N/2} J_{N/2-1}(k r) dk: cos,
    J_0 and sin(k r)/(k r) for N = 1, 2, 3. Simpson's rule; resolve k r_max to about 0.1.

    Args:
        spectrum: values at k along the last axis, shape ``(..., n)``, negligible at the last k.
        k: an odd number of equally spaced wavenumbers from 0.
        r: radii.
        dim: number N of space dimensions.

    Returns:
        Densities, shape ``(..., *r.shape)``.

    Raises:
        InvalidInput: another grid of wavenumbers, or dim < 1.
    """
    r = np.asarray(r, float)
    kernel = radial_kernel(k, r.ravel(), dim)
    values = np.asarray(spectrum) @ kernel
    return values.reshape(*values.shape[:-1], *r.shape)


def radial_kernel(k: Any, r: Any, dim: int) -> np.ndarray:
    """The matrix ``(k, r)`` of the transform of `radial_density`, quadrature weights included."""
    if dim < 1:
        raise InvalidInput(f"dim is {dim}; give at least one space dimension.")
    k = np.asarray(k, float)
    z = k[:, None] * np.asarray(r, float)
    if dim == 1:
        waves = np.cos(z) / np.pi
    elif dim == 2:
        waves = special.j0(z) / (2 * np.pi)
    elif dim == 3:
        waves = np.sinc(z / np.pi) / (2 * np.pi**2)
    else:
        order = dim / 2 - 1
        small = z < 1e-3
        bessel = special.jv(order, np.where(small, 1.0, z)) / np.where(small, 1.0, z) ** order
        limit = (1 - z**2 / (4 * order + 4)) / (2**order * special.gamma(order + 1))
        waves = np.where(small, limit, bessel) / (2 * np.pi) ** (dim / 2)
    return (_simpson(k) * k ** (dim - 1))[:, None] * waves


def _simpson(k: np.ndarray) -> np.ndarray:
    steps = np.diff(k)
    if k.ndim != 1 or len(k) < 3 or len(k) % 2 == 0 or k[0] != 0 or np.ptp(steps) > 1e-6 * k[-1]:
        raise InvalidInput("give an odd number of equally spaced wavenumbers from 0.")
    weights = np.full(len(k), 2.0)
    weights[1::2] = 4.0
    weights[[0, -1]] = 1.0
    return weights * steps[0] / 3
