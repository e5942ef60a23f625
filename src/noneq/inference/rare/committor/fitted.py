"""Rates of jumps between the cells of a grid, by fluxes that are exact for a constant drift."""

import numpy as np


_UPWIND = 300.0
"""Péclet number of a cell above which noise does not count."""


def fitted(g: np.ndarray, spread: np.ndarray, h: float) -> tuple[np.ndarray, np.ndarray]:
    """Exponentially fitted rates forward and backward."""
    with np.errstate(divide="ignore", invalid="ignore"):
        peclet = g * h / spread
    noisy = np.abs(peclet) < _UPWIND
    ratio = np.where(noisy, peclet, 0.0)
    forward = np.where(noisy, spread / h**2 * _bernoulli(-ratio), np.maximum(g, 0) / h)
    backward = np.where(noisy, spread / h**2 * _bernoulli(ratio), np.maximum(-g, 0) / h)
    return forward, backward


def _bernoulli(z: np.ndarray) -> np.ndarray:
    small = np.abs(z) < 1e-5
    safe = np.where(small, 1.0, z)
    return np.where(small, 1 - z / 2, safe / np.expm1(safe))


def shortened(
    forward: np.ndarray, backward: np.ndarray, share: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rates per cell width of jumps over a share of the distance."""
    both = np.minimum(forward, backward) > 1e-200
    peclet = np.log(np.where(both, forward, 1.0) / np.where(both, backward, 1.0))
    spread = np.where(both, backward, 0.0) / _bernoulli(peclet)
    cut = both & (share < 1)
    f = np.where(cut, spread / share * _bernoulli(-share * peclet), forward)
    return f, np.where(cut, spread / share * _bernoulli(share * peclet), backward)
