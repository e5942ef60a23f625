"""From a PDE that passes to the process that destroys structure in its way."""

from typing import Any

import numpy as np

from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.pde.density_flow import is_quadratic
from noneq.pde.dispersion import branches
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


_TOLERANCE = 1e-6
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
    out: the process is seen from the moving frame, its mass kept at 1.

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
    if pde.order == 2 and is_skewed(pde):
        raise _unknown(pde)
    if sum(branch.admissible for branch in branches(pde)) == 2:
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
    # psi = √(a k² + b²) − b has psi²/k² = a − 2 b psi/k², a straight line.
    x, y = psi / k**2, psi**2 / k**2
    negative, a = np.polyfit(x, y, 1)
    if a > 0 > negative and np.allclose(a + negative * x, y, atol=_TOLERANCE * a):
        return InverseGaussian(float(f"{-negative / 2 / np.sqrt(a) * scale:.6g}"))
    raise _unknown(pde)


def _walk(pde: PDE, scale: float, schedule: AbstractSchedule | None) -> AbstractFieldLines:
    constant, friction, leading = pde.coefficients(_WAVENUMBERS)
    friction, speed_squared = (friction / leading).real, (constant / leading).real / _WAVENUMBERS**2
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
    rate = judged(pde).rate
    return rate(0.0).real - rate(k).real


def _unknown(pde: PDE) -> InvalidInput:
    return InvalidInput(
        f"{pde.text!r} passes, but no process of the library has its kernel: heat, Poisson, Yukawa, "
        "fractional diffusion, Helmholtz in a box and (up to 3-D) the damped wave have one."
    )
