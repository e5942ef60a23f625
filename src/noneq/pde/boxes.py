"""Positivity in a periodic box, where waves longer than the box do not exist."""

from functools import lru_cache

import numpy as np

from noneq.pde.equation import PDE
from noneq.pde.positivity import TOLERANCE
from noneq.pde.smoothing import cutoff, judged
from noneq.pde.spectra import parts_of_density


_SIDES = {1: 128, 2: 64, 3: 32}
_BLUR = 1 / 16
_TIMES = 24
_MOST = 16.0


@lru_cache(maxsize=64)
def box_threshold(pde: PDE) -> float:
    """The smallest (2 pi / box) / cut-off at which a point source stays non-negative.

    Infinity if there is none up to 16 (the box is then a sixteenth of the longest wave).
    """
    dim = min(pde.dim, 3)
    failed, passed = 1.0, _MOST
    longest = 2 * np.pi / cutoff(judged(pde))
    if lowest_in_box(pde, longest / passed, dim) < -TOLERANCE:
        return float("inf")
    while passed / failed > 1.005:
        middle = np.sqrt(passed * failed)
        if lowest_in_box(pde, longest / middle, dim) < -TOLERANCE:
            failed = middle
        else:
            passed = middle
    return float(passed)


def lowest_in_box(pde: PDE, box: float, dim: int) -> float:
    """Most negative density relative to the maximum at its time; 0 if there is none.

    A Gaussian of std box / 16 in a periodic box, its mean held at 1 (total mass normalised).

    Args:
        pde: a PDE with real coefficients.
        box: side of the box.
        dim: number of space dimensions, 1 to 3.
    """
    side = _SIDES[dim]
    index = np.fft.fftfreq(side, 1 / side)
    last = np.fft.rfftfreq(side, 1 / side)
    axes = np.meshgrid(*[index] * (dim - 1), last, indexing="ij")
    squares, places = np.unique(sum(a**2 for a in axes), return_inverse=True)
    k = 2 * np.pi / box * np.sqrt(squares)
    mean = judged(pde).rate(0.0)
    decay = abs(judged(pde).rate(2 * np.pi / box).real - mean.real).item()
    pace = max(decay, 1e-3 * 2 * np.pi / box)
    lowest = 0.0
    for t in np.geomspace(0.01, 10, _TIMES) / pace:
        slow, fast = parts_of_density(pde, k, t, 0.0, mean.real.item())
        spectrum = (slow + fast).real
        spectrum[0] = 1.0
        spectrum *= np.exp(-((k * box * _BLUR) ** 2) / 2)
        density = np.fft.irfftn(
            spectrum[places].reshape(axes[0].shape), s=[side] * dim, axes=range(dim)
        )
        if not np.all(np.isfinite(density)):
            return -1.0
        lowest = min(lowest, float(density.min() / density.max()))
    return lowest
