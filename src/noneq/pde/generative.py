"""From a PDE that passes to the process that destroys structure in its way."""

from typing import Any

import numpy as np

from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.pde.density_flow import is_quadratic
from noneq.pde.dispersion import branches, directions
from noneq.pde.equation import PDE
from noneq.pde.positivity import is_skewed
from noneq.pde.smoothing import cutoff, judged
from noneq.pde.verdict import judge
from noneq.processes.field_lines import AbstractFieldLines
from noneq.processes.mixtures.scale_mixture import ScaleMixture
from noneq.processes.mixtures.subordinators import (
    AbstractSubordinator,
    Fixed,
    InverseGamma,
    InverseGaussian,
    Stable,
)
from noneq.processes.schedules import AbstractSchedule, Karras
from noneq.processes.torus.helmholtz import LARGEST_CUTOFF, Helmholtz
from noneq.processes.waves.telegraph import LEAST_BLUR, Telegraph


_TOLERANCE, _ROUNDING = 1e-6, 1e-13
_WAVENUMBERS = np.geomspace(1e-2, 1e2, 41)


@checked
def process(
    pde: PDE,
    *,
    scale: float = 1.0,
    box: float | None = None,
    schedule: AbstractSchedule | None = None,
) -> AbstractFieldLines:
    """The process whose kernel is that of the PDE, for `ScoreMatching(process=...)`.

    **Equation**: the kernel's Fourier transform relative to its mean mode is e^{−t psi(k)} with
    psi = Re(lam(0) − lam(k)) of the decaying branch: k² is heat, k^a fractional diffusion (a = 1
    Poisson), √(k² + m²) − m Yukawa, √(k² − k0²) Helmholtz, and a pair of branches with
    lam² + 2 eps lam + c² k² = 0 the telegraph walk. Rates of advection and of uniform growth drop
    out: the process is seen from the moving frame, its mass kept at 1. There psi must be real and
    the same in all directions, and that of the process, each to 1e-6 of psi for k from 0.01 to 100
    in units of 1/scale; odd derivatives of higher order, and those mixed with time, break that.

    Args:
        pde: one that passes at this scale and box.
        scale: standard deviation of the data; processes act on data divided by it.
        box: side of the periodic box, for PDEs that need one.
        schedule: noise levels in units of ``scale``; None is EDM's, which ends too early for a
            box above some 12 ``scale`` (the process then names the level that suffices).

    Returns:
        a process for normalised data: lengths in units of ``scale``.

    Raises:
        InvalidInput: the PDE fails (which condition, and why), or passes with a kernel that no
            process of the library has.

    Source: Liu et al. 2023 (GenPhys), section 3.
    """
    verdict = judge(pde, scale=scale, box=box)
    if not verdict.passes or is_quadratic(pde):
        raise InvalidInput(
            f"{pde.text!r} yields no process: {verdict.s_generative.reason} See "
            "noneq.pde.modify for changes that would pass."
        )
    if sum(branch.admissible for branch in branches(pde)) == 2:
        if is_skewed(pde):
            raise _lopsided(pde)
        return _walk(pde, scale, schedule)
    cut = cutoff(judged(pde))
    if cut > 0:
        return _periodic(pde, cut, scale, box, schedule)
    return ScaleMixture(law=_law(pde, scale), schedule=schedule or Karras())


def _law(pde: PDE, scale: float) -> AbstractSubordinator:
    k = _WAVENUMBERS / scale
    psi = _decay(pde, k)
    slope = np.diff(np.log(psi)) / np.diff(np.log(k))
    if np.ptp(slope) < _TOLERANCE:
        power = float(np.mean(slope))
        if abs(power - 2) < _TOLERANCE:
            return Fixed()
        if abs(power - 1) < _TOLERANCE:
            return InverseGamma(1.0)
        return Stable(round(power, 6))
    # psi = √(a k² + b²) − b has k²/psi = psi/a + 2b/a, a straight line.
    ratio = k**2 / psi
    slope = (ratio[-1] - ratio[0]) / (psi[-1] - psi[0])
    mass = (ratio[0] - slope * psi[0]) / 2 / np.sqrt(slope) if slope > 0 else 0.0
    root = k**2 / (np.sqrt(k**2 + mass**2) + mass)
    if mass > 0 and np.allclose(psi * np.sqrt(slope), root, rtol=_TOLERANCE, atol=0):
        return InverseGaussian(float(f"{mass * scale:.6g}"))
    raise _unknown(pde)


def _walk(pde: PDE, scale: float, schedule: AbstractSchedule | None) -> AbstractFieldLines:
    k = _WAVENUMBERS / scale
    constant, friction, leading = pde.coefficients(k)
    friction, speed_squared = (friction / leading).real, (constant / leading).real / k**2
    walks = np.allclose(speed_squared, speed_squared[0]) and np.ptp(friction) == 0
    if not walks or pde.dim > 3:
        raise _unknown(pde)
    # Time in units of scale/speed.
    damping = friction[0] / 2 * scale / np.sqrt(speed_squared[0])
    changes: dict[str, Any] = {} if schedule is None else {"schedule": schedule}
    # In one dimension a point stays a density; above, the least blur for which it does.
    blur = 0.0 if pde.dim == 1 else 1.01 * LEAST_BLUR[pde.dim] / damping
    return Telegraph(damping=float(damping), blur=float(blur), **changes)


def _periodic(
    pde: PDE, cut: float, scale: float, box: float | None, schedule: AbstractSchedule | None
) -> AbstractFieldLines:
    assert box is not None  # the condition holds in no infinite space
    k = cut * np.geomspace(1.01, 1e3, 41)
    ratio = _decay(pde, k) ** 2 / (k**2 - cut**2)
    if not np.allclose(ratio, ratio[0], rtol=1e-6):
        raise _unknown(pde)
    if pde.dim not in LARGEST_CUTOFF:
        raise _unknown(pde)
    largest = 2 * np.pi * LARGEST_CUTOFF[pde.dim] / cut
    if box > largest:
        raise InvalidInput(
            f"{pde.text!r}: the process needs its kernel positive at a point, in a box of at most "
            f"{largest:.4g} in {pde.dim}-D; box is {box:g}."
        )
    changes: dict[str, Any] = {} if schedule is None else {"schedule": schedule}
    return Helmholtz(cutoff=float(cut * scale), box=float(box / scale), **changes)


def _decay(pde: PDE, k: np.ndarray) -> np.ndarray:
    """psi(k), the same in all directions and real in the frame of the drift."""
    branch = judged(pde)
    psi = -branch.excess(k, 0.0 * k if pde.dim > 1 else k).real
    for cosine in directions(pde):
        q = k * cosine
        rest = branch.moving_excess(k, q) + psi
        if branch.rate(0.0).imag != 0:  # the mean is held, and oscillates for itself
            rest = rest + 1j * branch.rate(0.0).imag
        if np.any(abs(rest) > _TOLERANCE * psi + _ROUNDING * abs(branch.drift * q)):
            raise _lopsided(pde)
    return psi


def _lopsided(pde: PDE) -> InvalidInput:
    return InvalidInput(
        f"{pde.text!r} passes, but no process of the library has its kernel, which is lopsided or "
        f"differs between directions: omega(k) = {judged(pde).formula} is not imaginary and the same "
        "in all directions once a drift is taken out. Leave out odd derivatives of higher order and "
        "those mixed with u_t."
    )


def _unknown(pde: PDE) -> InvalidInput:
    return InvalidInput(
        f"{pde.text!r} passes, but no process of the library has its kernel: heat, Poisson, Yukawa, "
        "fractional diffusion, Helmholtz in a box and (up to 3-D) the damped wave have one."
    )
