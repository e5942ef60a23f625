"""Linear systems: the closed form of each beside the formula for all."""

import numpy as np

from noneq.errors import InvalidInput
from noneq.systems.linear import linear_entropy_production as linear, stationary_covariance


def rotational_trap(k: float, w: float) -> float:
    """Trap with rotation, dX = −(k I + w J) X dt + noise.

    **Equation**: 2 w²/k, whatever the temperature.
    """
    return 2 * w**2 / k


def bead_spring(beads: int, cold: float, hot: float) -> float:
    """Chain of beads tied at both ends, baths linear from cold to hot; k = gamma = 1.

    **Equation**: `linear` with A = tridiag(−1, 2, −1) and D = diag(T_1 … T_N);
    N = 2: (Th − Tc)²/(4 Tc Th).

    Raises:
        InvalidInput: fewer than two beads or temperatures that are not positive.
    """
    if beads < 2 or not min(cold, hot) > 0:
        raise InvalidInput(
            f"bead_spring: beads = {beads}, cold = {cold}, hot = {hot}; expected at least two "
            "beads and temperatures > 0."
        )
    rates = 2 * np.eye(beads) - np.eye(beads, k=1) - np.eye(beads, k=-1)
    return linear(rates, np.diag(np.linspace(cold, hot, beads)))


def gyrator(kx: float, ky: float, u: float, tx: float, ty: float) -> float:
    """Brownian gyrator in V = kx x²/2 + ky y²/2 + u x y with a temperature for each axis.

    **Equation**: u² (Tx − Ty)²/[Tx Ty (kx + ky)].
    """
    return u**2 * (tx - ty) ** 2 / (tx * ty * (kx + ky))


def gyrator_torque(kx: float, ky: float, u: float, tx: float, ty: float) -> float:
    """Mean torque ⟨x F_y − y F_x⟩ of the Brownian gyrator.

    **Equation**: 2u (Ty − Tx)/(kx + ky).
    """
    return 2 * u * (ty - tx) / (kx + ky)


def aoup(k: float, tau: float, dx: float, da: float) -> float:
    """Active particle with coloured self-propulsion v in a trap, v even under time reversal.

    **Equation**: dx = (−k x + v) dt + √(2Dx) dW, dv = −v/τ dt + √(2Da)/τ dW:
    Da/[Dx τ (1 + k τ)].
    """
    return da / (dx * tau * (1 + k * tau))


def coupled_particles(k0: float, ka: float, t1: float, t2: float) -> float:
    """Two overdamped particles (friction 1) in traps k0, coupled by ka, at two temperatures.

    **Equation**: ka² (T2 − T1)²/[2 (k0 + ka) T1 T2].
    """
    return ka**2 * (t2 - t1) ** 2 / (2 * (k0 + ka) * t1 * t2)


def underdamped_pair(
    k0: float, ka: float, t1: float, t2: float, mass: float = 1.0, friction: float = 1.0
) -> float:
    """The same two particles with inertia, see `noneq.systems.UnderdampedPair`.

    **Equation**: J (1/T1 − 1/T2), J of `underdamped_heat`.
    """
    return underdamped_heat(k0, ka, t1, t2, mass, friction) * (1 / t1 - 1 / t2)


def underdamped_heat(
    k0: float, ka: float, t1: float, t2: float, mass: float = 1.0, friction: float = 1.0
) -> float:
    """Heat per unit time from the second bath to the first one, through the coupling.

    **Equation**: J = ka² g (T2 − T1)/{2 [ka² m + (k0 + ka) g²]}.
    """
    return ka**2 * friction * (t2 - t1) / (2 * (ka**2 * mass + (k0 + ka) * friction**2))


def nonreciprocal_ring(sites: int, r: float, w: float) -> float:
    """Two fields on a ring of sites that rotate into each other.

    **Equation**: du = (Δu − r u + w v) dt + noise, dv = (Δv − r v − w u) dt + noise:
    Σ_q 2 w²/(r + 2 − 2 cos q), q = 2π j/sites.
    """
    q = 2 * np.pi * np.arange(sites) / sites
    return float(np.sum(2 * w**2 / (r + 2 - 2 * np.cos(q))))


def linear_relaxation(covariance: np.ndarray, A: np.ndarray, D: np.ndarray) -> float:
    """Entropy that a centred Gaussian start produces on its way to the stationary law (nats).

    **Equation**: KL(N(0, S0) ‖ N(0, S)) = ½ [Tr S^{-1} S0 − dim − log(det S0/det S)], the whole
    entropy production when the stationary law is in equilibrium.
    """
    start, end = (
        np.atleast_2d(covariance),
        stationary_covariance(np.atleast_2d(A), np.atleast_2d(D)),
    )
    ratio = np.linalg.solve(end, start)
    return float((np.trace(ratio) - len(end) - np.linalg.slogdet(ratio)[1]) / 2)
