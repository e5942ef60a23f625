"""Pictures of a time average: scaled cumulants, and the rate function that follows from them."""

import numpy as np

from noneq.report.figures import canvas, svg
from noneq.report.html import Picture
from noneq.runs.events.averages import AverageFindings


_BLUE, _RED = "#0072b2", "#d55e00"
_FEWEST = 3


def cumulants_picture(found: AverageFindings) -> Picture | None:
    """ψ(k) with its errors, and I(a) = k a − ψ(k) at a = ψ'(k); None of fewer than three tilts."""
    order = np.argsort(found.tilts)
    k = found.tilts[order]
    if len(np.unique(k)) < max(_FEWEST, len(k)):
        return None
    psi = np.asarray(found.cumulants.value)[order]
    error = np.asarray(found.cumulants.stderr)[order]
    slope = np.gradient(psi, k)
    with canvas(1, 2, size=(7.2, 3.2)) as (figure, (left, right)):
        left.errorbar(k, psi, error, fmt="o-", color=_BLUE, ms=4, lw=1)
        left.set(xlabel="k", ylabel="ψ(k)")
        right.plot(slope, k * slope - psi, "o-", color=_RED, ms=4, lw=1)
        right.set(xlabel="a", ylabel="I(a)")
        data = svg(figure)
    return Picture(
        "Scaled cumulants, and the rate function.",
        "Left: ψ(k) = ln⟨exp(k T A)⟩/T with one standard error. Right: its Legendre transform "
        "I(a) = k a − ψ(k) at a = ψ'(k), by differences of the tilts shown: P(A ≈ a) ≈ exp(−T I(a)) for "
        "long times T.",
        f"ψ from {psi.min():.3g} to {psi.max():.3g} for k from {k[0]:.3g} to {k[-1]:.3g}.",
        data,
    )
