"""Steady state of wells that turn on a ring, solved in the frame that turns with them."""

from functools import lru_cache

import numpy as np


@lru_cache(maxsize=64)
def mean_power(
    *,
    wells: int,
    frequency: float,
    radius: float,
    stiffness: float,
    beta: float,
    shells: int = 120,
) -> float:
    """Power ⟨∂_t V⟩ that the rotation of V = cos(s θ − ω t) + κ (r − r0)² puts in.

    **Equation**: with u = s θ − ω t, the density p(r, u) in the co-rotating frame obeys
    0 = (1/r) ∂_r r [V_r p + p_r/β] + (s²/r²) ∂_u [V_u p + p_u/β] + ω ∂_u p,
    and the power is ω ⟨sin u⟩. With p = Σ_m p_m(r) e^{imu} this is
    [R − s²m²/(β r²) + iωm] p_m = (s²m/2r²) (p_{m−1} − p_{m+1}), R the radial operator;
    p_0 = e^{−βκ(r−r0)²}/Z, and p_m = Q_m p_{m−1} with Q found from high m downwards.

    Args:
        wells, frequency, radius, stiffness, beta: s, ω, r0, κ, β.
        shells: radial cells, within eight thermal widths of the ring; the error falls as 1/shells²
            and is 4e-5 of the power at 120.

    Returns:
        Energy per unit time; beta times it is the entropy production rate in nats.
    """
    width = np.sqrt(1 / (2 * beta * stiffness))
    edges = np.linspace(max(0.0, radius - 8 * width), radius + 8 * width, shells + 1)
    r = (edges[1:] + edges[:-1]) / 2
    step = edges[1] - edges[0]
    exponent = beta * stiffness * (r - radius) ** 2

    # Finite volumes with exponentially fitted fluxes: exact for the Boltzmann law of the ring.
    rate = edges[1:-1] / (beta * step)
    up, down = rate * _bernoulli(np.diff(exponent)), rate * _bernoulli(-np.diff(exponent))
    radial = np.diag(up, -1) + np.diag(down, 1)
    radial = (radial - np.diag(radial.sum(axis=0))) / (r[:, None] * step)

    # The wells are 1/√beta wide in u, which sets the harmonics needed.
    ratio = np.zeros((shells, shells), complex)
    for m in range(16 + int(8 * np.sqrt(beta)), 0, -1):
        coupling = np.diag(wells**2 * m / (2 * r**2))
        diagonal = np.diag(1j * frequency * m - (wells * m / r) ** 2 / beta)
        ratio = np.linalg.solve(radial + diagonal + coupling @ ratio, coupling)
    ring = np.exp(-exponent)
    weight = r / np.sum(r * ring)
    return float(-frequency * np.sum(weight * (ratio @ ring).imag))


def _bernoulli(z: np.ndarray) -> np.ndarray:
    """z/(e^z − 1)."""
    small = np.abs(z) < 1e-8
    z = np.where(small, 1.0, z)
    return np.where(small, 1.0, z / np.expm1(z))
