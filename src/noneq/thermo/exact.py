"""Known entropy production rates (nats per unit time, k_B = 1) and related numbers.

Convention: dX = f dt + √(2D) dW. These are values of continuous time; an estimator that sees
samples an interval apart converges to less.
"""

import math

import numpy as np

from noneq.errors import InvalidInput
from noneq.systems.linear import linear_entropy_production as linear, stationary_covariance
from noneq.systems.prinz import Prinz
from noneq.systems.rings import DrivenRing
from noneq.systems.wells import Swirl


__all__ = [
    "aoup",
    "bead_spring",
    "coupled_particles",
    "driven_ring",
    "gyrator",
    "gyrator_torque",
    "hopf",
    "linear",
    "linear_relaxation",
    "nonreciprocal_ring",
    "rotating_wells",
    "rotational_trap",
    "swirl",
    "underdamped_pair",
]


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
    """The same two particles with inertia.

    **Equation**: J (1/T1 − 1/T2), J = ka² g (T2 − T1)/{2 [ka² m + (k0 + ka) g²]}.
    """
    heat = ka**2 * friction * (t2 - t1) / (2 * (ka**2 * mass + (k0 + ka) * friction**2))
    return heat * (1 / t1 - 1 / t2)


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


def swirl(q: float, temperature: float) -> float:
    """Double well with a swirl, see `noneq.systems.Swirl`: q² ⟨ΔU⟩."""
    return Swirl(q=q, beta=1 / temperature).entropy_production_rate()


def driven_ring(force: float, amplitude: float, temperature: float = 1.0) -> float:
    """Particle driven around a ring, see `noneq.systems.DrivenRing`: F L J/D."""
    return DrivenRing(force, amplitude, 1 / temperature).entropy_production_rate()


def hopf(mu: float, w: float, diffusivity: float) -> float:
    """Noisy Hopf oscillator in U = −μ r²/2 + r⁴/4 with rotation w.

    **Equation**: w² ⟨r²⟩/D, ⟨r²⟩ = μ + s φ(μ/s)/Φ(μ/s), s = √(2D).
    """
    s = math.sqrt(2 * diffusivity)
    return w**2 * s * _mean_above_zero(mu / s) / diffusivity


def _mean_above_zero(z: float) -> float:
    """Mean z + φ(z)/Φ(z) of N(z, 1) cut to positive values."""
    if z < -30:
        # The two terms cancel; their sum is a series in 1/z.
        return -1 / z + 2 / z**3 - 10 / z**5 + 74 / z**7
    from scipy.special import log_ndtr

    return z + math.exp(-(z**2) / 2 - math.log(2 * math.pi) / 2 - float(log_ndtr(z)))


def rotating_wells(drive: float = 1.0, radius: float = 0.5, beta: float = 10.0) -> float:
    """The rotating five wells, see `noneq.systems.Prinz`: power over kT."""
    return Prinz(drive=drive, radius=radius, beta=beta).entropy_production_rate()
