"""What a picture of residuals shows: their correlation over lags, and their density."""

from typing import Any

import numpy as np
from jaxtyping import Float


_LAGS = 20
_REACH, _BINS = 5.0, 50


def residual_curves(
    scaled: Float[np.ndarray, "n T dim"],
    first: int,
    expected: float,
    size: float,
    energy: float,
) -> dict[str, Any]:
    """Correlation of residuals with later ones, and their histogram, as plain numbers.

    **Equation**: c_k = ⟨u_t u_{t+k}⟩/⟨u²⟩ over all coordinates and paths, with the error 1/√N of
    independent u.

    Args:
        scaled: u; NaN where a frame is missing.
        first: the first lag, 2 where neighbours share noise by construction.
        expected: c at the first lag, from known measurement noise; 0 at all others.
        size: ⟨u²⟩ that known measurement noise makes; the density is that of u/√size.
        energy: ⟨u²⟩/size.

    Returns:
        ``lags``, ``correlation``, ``expected``, ``error``, ``edges``, ``density``, ``outside``
        (share beyond the edges) and ``energy``.
    """
    seen = np.isfinite(scaled)
    u = np.where(seen, scaled, 0.0)
    square = float((u**2).sum() / max(seen.sum(), 1))
    last = min(first + _LAGS - 1, scaled.shape[1] - 1)
    lags, found, counts = list(range(first, last + 1)), [], []
    for k in lags:
        count = int((seen[:, k:] & seen[:, :-k]).sum())
        total = float((u[:, k:] * u[:, :-k]).sum())
        found.append(total / (max(count, 1) * square) if square > 0 else 0.0)
        counts.append(count)
    each = u[seen] / np.sqrt(size)
    edges = np.linspace(-_REACH, _REACH, _BINS + 1)
    density = np.histogram(each, edges)[0] / (max(len(each), 1) * np.diff(edges))
    return {
        "lags": lags,
        "correlation": [float(c) for c in found],
        "expected": [float(expected) if k == first else 0.0 for k in lags],
        "error": [float(1 / np.sqrt(max(count, 1))) for count in counts],
        "edges": edges.tolist(),
        "density": density.tolist(),
        "outside": float((np.abs(each) > _REACH).mean()) if len(each) else 0.0,
        "energy": energy,
    }
