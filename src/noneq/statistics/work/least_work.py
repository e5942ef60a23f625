"""The least mean work that moves or stiffens a harmonic trap in a given time, in closed form."""

import numpy as np

from noneq.errors import InvalidInput


def least_dragged_work(
    distance: float = 1.0, duration: float = 1.0, stiffness: float = 1.0, friction: float = 1.0
) -> float:
    """Least mean work to move a trap over a distance in a given time.

    **Equation**: γ L²/(τ + 2γ/k), with jumps of the centre by L/(τk/γ + 2) at both ends and a straight
    line between (1/3 for all 1).

    Raises:
        InvalidInput: a time, stiffness or friction that is not positive.

    Source: Schmiedl and Seifert 2007, eq. 10.
    """
    _positive("least_dragged_work", duration=duration, stiffness=stiffness, friction=friction)
    return friction * distance**2 / (duration + 2 * friction / stiffness)


def least_inertial_work(
    distance: float, duration: float, stiffness: float, friction: float
) -> float:
    """Least mean work to move the trap of a particle with inertia: the same for every mass.

    **Equation**: γ L²/(τ + 2γ/k). It needs jumps and instantaneous kicks (Dirac pulses) of the trap's
    centre at both ends; with jumps alone it is approached, not reached. With Q = √(k m)/γ and
    ω₀ = √(k/m) it is k L²/(2 + Q ω₀ τ): 2.90787
    at k = m = 1, Q = 7, L = 5 and τ = 0.15 periods.

    Raises:
        InvalidInput: a number that is not positive.

    Source: Gomez-Marin, Schmiedl and Seifert 2008, J. Chem. Phys. 129, 024114.
    """
    _positive("least_inertial_work", duration=duration, stiffness=stiffness, friction=friction)
    return least_dragged_work(distance, duration, stiffness, friction)


def least_breathing_work(
    start: float = 1.0, end: float = 4.0, duration: float = 1.0, beta: float = 1.0
) -> float:
    """Least mean work to change a trap's stiffness in a given time.

    **Equation**: with σ = √s moving at constant speed from σ_0 = (beta k_0)^{−1/2} to σ_1,
    W(σ_1) = (σ_1 − σ_0)²/τ + ½ k_1 σ_1² − ½ k_0 σ_0² − ln(σ_1/σ_0)/beta, least over σ_1.

    Raises:
        InvalidInput: a number that is not positive.

    Source: Schmiedl and Seifert 2007, eq. 17.
    """
    first, last = breathing_widths(start, end, duration, beta)
    spread = (last - first) ** 2 / duration
    energy = (end * last**2 - start * first**2) / 2
    return float(spread + energy - np.log(last / first) / beta)


def breathing_widths(
    start: float, end: float, duration: float, beta: float = 1.0
) -> tuple[float, float]:
    """Standard deviations σ_0 and σ_1 between which the best stiffness moves the state.

    **Equation**: σ_1 solves (2/τ + k_1) σ² − 2 σ_0 σ/τ − 1/beta = 0.
    """
    _positive("breathing", start=start, end=end, duration=duration, beta=beta)
    first = (beta * start) ** -0.5
    a, b, c = 2 / duration + end, -2 * first / duration, -1 / beta
    return first, float((-b + np.sqrt(b**2 - 4 * a * c)) / (2 * a))


def least_equilibration_work(
    start: float = 1.0, end: float = 4.0, duration: float = 1.0, beta: float = 1.0
) -> float:
    """Least mean work to change a trap's stiffness and end in the new equilibrium.

    **Equation**: ΔF + W₂²/τ = ln(k_1/k_0)/(2 beta) + (k_0^{−1/2} − k_1^{−1/2})²/(beta τ)
    (0.943147 for 1 → 4 in τ = 1, of which 0.25 is dissipated).

    Raises:
        InvalidInput: a number that is not positive.

    Source: Aurell, Mejía-Monasterio and Muratore-Ginanneschi 2011.
    """
    _positive("least_equilibration_work", start=start, end=end, duration=duration, beta=beta)
    distance = (start**-0.5 - end**-0.5) ** 2 / beta
    return float(np.log(end / start) / (2 * beta) + distance / duration)


def _positive(what: str, **numbers: float) -> None:
    for name, value in numbers.items():
        if not (np.isfinite(value) and value > 0):
            raise InvalidInput(f"{what}: {name} = {value}; it must be a finite number > 0.")
