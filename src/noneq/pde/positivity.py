"""C1: whether a density that starts non-negative stays so, tested on blurred point sources."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from noneq.pde.dispersion import branches, directions, wavenumbers
from noneq.pde.equation import PDE
from noneq.pde.scaling import has_length
from noneq.pde.smoothing import judged
from noneq.pde.spectra import parts_of_density
from noneq.processes.waves.radial import radial_kernel


TOLERANCE = 1e-7
"""How far below 0 a density may lie, relative to its maximum, and count as rounding."""
_WAVES = np.linspace(0.0, 7.5, 1601)
_RADII = np.linspace(0.0, 30.0, 241)
_TIMES = 40
_BOX, _SIDES = 30.0, {1: 2048, 2: 128}


class Threshold(NamedTuple):
    """At which scales of the data the density stays non-negative.

    Attributes:
        scale: it does for data wider than this; 0 if for all, infinity if for none.
        bernstein: whether it does exactly, since the kernel is known.
    """

    scale: float
    bernstein: bool


def threshold(pde: PDE, scale: float) -> Threshold:
    """The smallest std of Gaussian data whose density stays non-negative, in the PDE's dimension.

    Above three dimensions the test is made in three.

    Args:
        pde: a PDE with real coefficients.
        scale: std of the data; scales around it and around those of the PDE are tried.
    """
    if is_bernstein(pde):
        return Threshold(0.0, True)
    if not has_length(pde):
        fails = lowest_density(pde, scale) < -TOLERANCE
        return Threshold(np.inf if fails else 0.0, False)
    grid = wavenumbers(pde)
    low, high = 1e4 * grid[0], grid[-1] / 1e4
    least, most = min(scale, 1 / high) / 100, max(scale, 1 / low) * 100
    rungs = np.geomspace(most, least, max(3, 1 + round(np.log10(most / least))))
    passed = np.inf
    for rung in rungs:
        if lowest_density(pde, rung) < -TOLERANCE:
            break
        passed = rung
    else:
        return Threshold(0.0, False)
    failed = rung
    if not np.isfinite(passed):
        return Threshold(np.inf, False)
    while passed / failed > 1.005:
        middle = np.sqrt(passed * failed)
        if lowest_density(pde, middle) < -TOLERANCE:
            failed = middle
        else:
            passed = middle
    return Threshold(float(passed), False)


def lowest_density(pde: PDE, scale: float, dim: int | None = None) -> float:
    """Most negative density relative to the maximum at its time; 0 if there is none.

    The data are a Gaussian of std ``scale``; times run over those at which waves of length
    ``scale`` decay or oscillate. PDEs that advection makes differ between directions are tested
    in at most 2 dimensions (for more, the marginal density in a plane along the axis).

    Args:
        pde: a PDE with real coefficients.
        scale: std of the data.
        dim: number of space dimensions; that of the PDE if None. At most 3 are looked at.
    """
    times = _times(pde, scale)[:, None]
    mean = judged(pde).rate(0.0).real.item()
    dim = min(dim or pde.dim, 3)
    if is_skewed(pde):
        density = _skewed(pde, scale, times, mean, min(dim, 2))
    else:
        parts = parts_of_density(pde, _WAVES / scale, times, 0.0, mean)
        spectra = sum(parts).real * np.exp(-(_WAVES**2) / 2)
        with np.errstate(invalid="ignore", over="ignore"):
            density = spectra @ _kernel(dim)
    if not np.all(np.isfinite(density)):
        return -1.0
    top = np.maximum(density.max(-1), 1e-3 * abs(density).max(-1))
    return float(min(0.0, np.min(density.min(-1) / np.maximum(top, 1e-300))))


def is_bernstein(pde: PDE) -> bool:
    """Whether the kernel is exp(-t psi) with psi a Bernstein function of k^2, up to a factor of t.

    Then it is a mixture of Gaussians, non-negative in every dimension: sums of k^a, 0 < a <= 2,
    with coefficients >= 0, and the square root of such a sum.
    """
    kept = [b.index for b in branches(pde) if b.admissible]
    if len(kept) != 1 or is_skewed(pde):
        return False
    *lower, leading = sorted(pde.terms, key=lambda t: t.shape.time)
    if any(t.shape.time and t.space_order > 0 for t in pde.terms):
        return False
    sign = leading.value if pde.order == 1 else -leading.value
    damping = sum((t.value for t in lower if t.shape.time == 1 and pde.order == 2), 0j)
    constant = (damping / leading.value / 2).real ** 2 if pde.order == 2 else 0.0
    for term in pde.terms:
        if term.shape.time or term.shape.grads:
            continue
        share = (term.value * (-1) ** term.shape.laps / sign).real
        if term.space_order == 0:
            constant += share
        elif share < 0 or term.space_order > 2:
            return False
    return pde.order == 1 or constant >= 0


def is_skewed(pde: PDE) -> bool:
    """Whether the kernel is not a radial one that merely moves (plain advection)."""
    odd = [t for t in pde.terms if t.shape.grads]
    plain = pde.order == 1 and all(t.space_order == 1 and not t.shape.time for t in odd)
    mixed = any(t.shape.time and t.space_order > 0 for t in pde.terms)
    return bool(odd) and not (plain and not mixed)


def _skewed(pde: PDE, scale: float, times: np.ndarray, mean: float, dim: int) -> np.ndarray:
    side = _SIDES[dim]
    along = 2 * np.pi * np.fft.rfftfreq(side, _BOX / side)
    across = 2 * np.pi * np.fft.fftfreq(side, _BOX / side)
    k, q = (along, along) if dim == 1 else (np.hypot(across[:, None], along), along)
    spectra = []
    for t in times[:, 0]:
        parts = parts_of_density(pde, k / scale, t, q / scale, mean)
        with np.errstate(invalid="ignore", over="ignore"):
            spectra.append(sum(parts) * np.exp(-(k**2) / 2))
    density = np.fft.irfftn(spectra, s=[side] * dim, axes=range(1, dim + 1))
    return density.reshape(len(times), -1)


def _times(pde: PDE, scale: float) -> np.ndarray:
    # A radial kernel that merely moves is looked at where it rests.
    waves = np.array(directions(pde) if is_skewed(pde) else (0.0,)) / scale
    k, kept = np.full(waves.shape, 1 / scale), [b for b in branches(pde) if b.admissible]
    slow = np.max(abs(judged(pde).moving_excess(k, waves))).item()
    fast = max(np.max(abs(b.rate(k, waves))).item() for b in kept) if len(kept) > 1 else slow
    slow = max(slow, 1e-4 * fast) or 1.0
    return np.geomspace(0.1 / max(slow, fast), 10 / slow, _TIMES)


@lru_cache(maxsize=3)
def _kernel(dim: int) -> np.ndarray:
    return radial_kernel(_WAVES, _RADII, dim)
