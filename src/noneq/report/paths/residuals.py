"""Residuals of a learnt law of motion: are they white, Gaussian and of energy 1?"""

from typing import Any

import numpy as np

from noneq.report.figures import canvas, svg
from noneq.report.html import Picture


_BAND = 2.0
_DATA, _LAW = "#0072b2", "#3d444d"


def residual_pictures(fit: Any) -> list[Picture]:
    """Correlation over lags and density of the residuals that a fit has kept; else nothing."""
    curves = fit.meta.get("residual_curves")
    if not curves or not curves["lags"]:
        return []
    lags, seen = np.asarray(curves["lags"]), np.asarray(curves["correlation"])
    expected, error = np.asarray(curves["expected"]), np.asarray(curves["error"])
    edges, density = np.asarray(curves["edges"]), np.asarray(curves["density"])
    middle = (edges[1:] + edges[:-1]) / 2
    fine = np.linspace(edges[0], edges[-1], 201)
    with canvas(1, 2, size=(7.2, 3.0)) as (figure, axes):
        left, right = axes
        low, high = expected - _BAND * error, expected + _BAND * error
        left.fill_between(lags, low, high, step="mid", color="#b6bec7", alpha=0.6, lw=0)
        left.plot(lags, expected, color=_LAW, lw=1, drawstyle="steps-mid")
        left.plot(lags, seen, "o", ms=3.5, color=_DATA)
        reach = 1.2 * max(float(np.abs(np.r_[seen, low, high]).max()), 0.05)
        left.set(xlabel="lag (frames)", ylabel="correlation", ylim=(-reach, reach), title="white?")
        right.plot(fine, np.exp(-(fine**2) / 2) / np.sqrt(2 * np.pi), color=_LAW, lw=1)
        there = density > 0
        right.plot(middle[there], density[there], "o", ms=3, color=_DATA)
        floor = 0.3 * min(float(density[there].min(initial=1.0)), 1e-3)
        right.set_yscale("log")
        right.set(xlabel="u", ylabel="density", ylim=(max(floor, 1e-7), 1.0))
        right.set_title(f"Gaussian? energy {curves['energy']:.3f}")
        return [
            Picture(
                "Residuals.",
                "Left: correlation of u = B⁻¹(Δx − f dt)/√dt with later ones; band: two standard "
                "errors about what the law and its measurement noise expect. Right: density of u in "
                "units of that noise; line: the normal law. Energy is ⟨u²⟩, 1 if D is right.",
                "Points of the correlation over lags within a band about zero, and a histogram of "
                "the residuals beside the normal density on a logarithmic scale.",
                svg(figure),
            )
        ]
