"""Engineered swift equilibration: protocols without jumps that end in the new equilibrium."""

from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.statistics.work.least_work import breathing_widths
from noneq.systems.protocols import FunctionProtocol


@checked
def swift_breathing(
    start: float = 1.0, end: float = 4.0, duration: float = 1.0, *, beta: float = 1.0
) -> FunctionProtocol:
    """A stiffness that moves a trap from one equilibrium to the next without a jump.

    **Equation**: the inverse variance (over beta) follows the cubic a(s) = k_0 + (k_1 − k_0)(3s² − 2s³),
    s = t/τ, and k(t) = a + a'(t)/(2a): the state is N(0, 1/(beta a)) at all
    times. Dissipated is ∫ a'²/(4 beta a³) dt (0.34238 for 1 → 4 in τ = 1, where the least possible is 0.25).

    Args:
        start, end: stiffness before and after.
        duration: τ.
        beta: inverse temperature; the protocol does not depend on it.

    Raises:
        InvalidInput: a number that is not positive.

    Source: Martínez, Petrosyan, Guéry-Odelin, Trizac and Ciliberto 2016, Nature Physics 12, 843.
    """
    breathing_widths(start, end, duration, beta)
    rise, tau = float(end) - float(start), float(duration)
    inverse = f"({float(start)!r} + ({rise!r})*(3*(t/{tau!r})**2 - 2*(t/{tau!r})**3))"
    slope = f"({rise!r})*6*(t/{tau!r} - (t/{tau!r})**2)/{tau!r}"
    return FunctionProtocol(f"{inverse} + {slope}/(2*{inverse})", end=tau)


@checked
def swift_dragging(
    distance: float = 1.0, duration: float = 1.0, *, stiffness: float = 1.0, start: float = 0.0
) -> FunctionProtocol:
    """A trap's centre that moves a bead from rest to rest without a jump.

    **Equation**: the mean follows m(s) = λ_0 + L (3s² − 2s³), s = t/τ, and λ = m + m'(t)/k: the state is
    an equilibrium about m at both ends. Dissipated is ∫ m'² dt = 6L²/(5τ).

    Args:
        distance: L.
        duration: τ.
        stiffness: k.
        start: λ_0.

    Raises:
        InvalidInput: a time or stiffness that is not positive.

    Source: Martínez et al. 2016.
    """
    if not (0 < duration < float("inf") and 0 < stiffness < float("inf")):
        raise InvalidInput(
            f"swift_dragging: duration = {duration}, stiffness = {stiffness}; expected numbers > 0."
        )
    tau, far = float(duration), float(distance)
    mean = f"{float(start)!r} + ({far!r})*(3*(t/{tau!r})**2 - 2*(t/{tau!r})**3)"
    slope = f"({far!r})*6*(t/{tau!r} - (t/{tau!r})**2)/{tau!r}"
    return FunctionProtocol(f"{mean} + ({slope})/{float(stiffness)!r}", end=tau)
