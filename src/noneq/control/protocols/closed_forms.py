"""The protocols of least work of harmonic traps, with their jumps at both ends."""

from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.statistics.work.least_work import breathing_widths
from noneq.systems.protocols import FunctionProtocol, Protocol


@checked
def best_dragging(
    distance: float = 1.0,
    duration: float = 1.0,
    *,
    stiffness: float = 1.0,
    friction: float = 1.0,
    start: float = 0.0,
) -> Protocol:
    """The centre of a trap that is moved over a distance at least mean work.

    **Equation**: λ(t) = λ_0 + L (t + γ/k)/(τ + 2γ/k) inside, λ_0 before and λ_0 + L after: a jump at
    both ends and a straight line between; W* = γ L²/(τ + 2γ/k).

    Args:
        distance: L.
        duration: τ.
        stiffness, friction: k and γ, the latter 1 in the overdamped systems of this library.
        start: λ_0.

    Raises:
        InvalidInput: a time, stiffness or friction that is not positive.

    Source: Schmiedl and Seifert 2007, eq. 9.
    """
    _positive(duration=duration, stiffness=stiffness, friction=friction)
    wait = friction / stiffness
    jump = distance * wait / (duration + 2 * wait)
    values = (start, start + jump, start + distance - jump, start + distance)
    return Protocol((0.0, 0.0, float(duration), float(duration)), values)


@checked
def best_breathing(
    start: float = 1.0, end: float = 4.0, duration: float = 1.0, *, beta: float = 1.0
) -> FunctionProtocol:
    """The stiffness of a trap that is changed at least mean work.

    **Equation**: the standard deviation moves at constant speed, σ(t) = σ_0 + c t, and
    k(t) = (1/beta − c σ)/σ²; σ_1 is as in `noneq.thermo.exact.least_breathing_work`. At 1 → 4 in τ = 1:
    k(0⁺) = 1.39237, k(τ⁻) = 3.35425, W* = 0.890572.

    Args:
        start, end: stiffness before and after.
        duration: τ.
        beta: inverse temperature.

    Raises:
        InvalidInput: a number that is not positive.

    Source: Schmiedl and Seifert 2007, eq. 16.
    """
    return _straight(start, end, duration, breathing_widths(start, end, duration, beta), beta)


@checked
def best_equilibration(
    start: float = 1.0, end: float = 4.0, duration: float = 1.0, *, beta: float = 1.0
) -> FunctionProtocol:
    """The stiffness of a trap that ends in the new equilibrium, at least mean work.

    **Equation**: σ(t) from (beta k_0)^{−1/2} to (beta k_1)^{−1/2} at constant speed; what is dissipated
    is W₂²/τ, see `noneq.thermo.exact.least_equilibration_work`.

    Args:
        start, end: stiffness before and after.
        duration: τ.
        beta: inverse temperature.

    Raises:
        InvalidInput: a number that is not positive.

    Source: Aurell, Mejía-Monasterio and Muratore-Ginanneschi 2011.
    """
    first, _ = breathing_widths(start, end, duration, beta)
    return _straight(start, end, duration, (first, (beta * end) ** -0.5), beta)


def _straight(
    start: float, end: float, duration: float, widths: tuple[float, float], beta: float
) -> FunctionProtocol:
    """The stiffness that moves σ at constant speed."""
    first, last = map(float, widths)
    speed = (last - first) / duration
    width = f"({first!r} + ({speed!r})*t)"
    return FunctionProtocol(
        f"({1 / beta!r} - ({speed!r})*{width})/{width}**2",
        end=float(duration),
        initial_value=float(start),
        final_value=float(end),
    )


def _positive(**numbers: float) -> None:
    for name, value in numbers.items():
        if not 0 < value < float("inf"):
            raise InvalidInput(f"best protocol: {name} = {value}; it must be a finite number > 0.")
