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
    shells: int = 160,
) -> float:
    """Power ⟨∂_t V⟩ that the rotation of V = cos(s θ − ω t) + κ (r − r0)² puts in.

    **Equation**: with u = s θ − ω t, the density p(r, u) of the co-rotating frame obeys
    0 = (1/r) ∂_r r [V_r p + p_r/β] + (s²/r²) ∂_u [V_u p + p_u/β] + ω ∂_u p,
    and the power is ω ⟨sin u⟩. Fourier in u (the potential couples neighbouring modes only),
    finite volumes with exponential fitting in r.

    Args:
        wells, frequency, radius, stiffness, beta: s, ω, r0, κ, β.
        shells: radial cells, within eight thermal widths of the ring.

    Returns:
        Energy per unit time; beta times it is the entropy production rate in nats.
    """
    from scipy.sparse import csr_array, diags_array, eye_array, kron
    from scipy.sparse.linalg import spsolve

    width = np.sqrt(1 / (2 * beta * stiffness))
    edges = np.linspace(max(0.0, radius - 8 * width), radius + 8 * width, shells + 1)
    r = (edges[1:] + edges[:-1]) / 2
    step = edges[1] - edges[0]

    # Radial operator on p (per unit area): Scharfetter–Gummel flux through inner edges.
    jump = beta * stiffness * ((r[1:] - radius) ** 2 - (r[:-1] - radius) ** 2)
    bernoulli = lambda z: np.where(np.abs(z) < 1e-10, 1.0, z / np.expm1(np.where(z == 0, 1, z)))
    rate = edges[1:-1] / (beta * step)
    up, down = rate * bernoulli(jump), rate * bernoulli(-jump)  # cell i → i+1, i+1 → i
    out = np.zeros(shells)
    out[:-1] -= up
    out[1:] -= down
    radial = diags_array([out, up, down], offsets=np.array([0, -1, 1])) / step
    radial = diags_array(1 / r) @ radial

    # Angular operator in modes e^{imu}, V_u = −sin u; the wells are 1/√beta wide in u.
    modes = 16 + int(8 * np.sqrt(beta))
    m = np.arange(-modes, modes + 1)
    size = m.size
    halves = np.full(size - 1, 1 / 2j)
    sine = diags_array([halves, -halves], offsets=np.array([-1, 1]))
    derivative = diags_array(1j * m)
    angular = derivative @ (-sine + derivative / beta)
    operator = (
        kron(eye_array(size), radial)
        + kron(angular, diags_array(wells**2 / r**2))
        + frequency * kron(derivative, eye_array(shells))
    ).tocsr()

    # Mass is conserved, so one equation is redundant: normalisation takes its place.
    weight = 2 * np.pi * r * step
    mean = modes * shells
    count = size * shells
    first = csr_array(([1.0], ([mean], [0])), shape=(count, 1))
    row = csr_array(
        (weight, (np.zeros(shells, int), mean + np.arange(shells))), (1, first.shape[0])
    )
    keep = np.ones(count)
    keep[mean] = 0.0
    system = diags_array(keep) @ operator + first @ row
    p = spsolve(system.tocsc(), (1 - keep).astype(complex)).reshape(size, shells)
    # ⟨sin u⟩: ∫ sin u e^{±iu} du/2π = ±i/2.
    mean_sine = float(np.real(np.sum(weight * (p[modes + 1] - p[modes - 1]) * 0.5j)))
    return frequency * mean_sine
