"""Friction that remembers: the fitted kernel with its band, beside the inverted correlations."""

from typing import Any

import numpy as np

from noneq.data.ensembles import Trajectories
from noneq.errors import InvalidInput
from noneq.inference import volterra_kernel
from noneq.report.figures import canvas, colour_of, svg
from noneq.report.html import Picture
from noneq.report.observed import data_of
from noneq.traits import HasKernel


_POINTS, _REACH, _Z = 200, 6.0, 1.96


def kernel_pictures(fit: Any) -> list[Picture]:
    """Nothing for models without a kernel, or with friction that forgets at once."""
    model = fit.model
    if not isinstance(model, HasKernel) or model.memory_time() == 0:
        return []
    last = _REACH * model.memory_time()
    inverted, said = _inverted(data_of(fit), last)
    times = np.linspace(0.0, last, _POINTS)
    kernel = model.kernel(times)
    with canvas(size=(7.2, 3.2)) as (figure, axes):
        colour = colour_of(type(fit.method).__name__, 0)
        low, high = kernel.value - _Z * kernel.stderr, kernel.value + _Z * kernel.stderr
        axes.fill_between(times, low, high, color=colour, alpha=0.25, lw=0)
        axes.plot(times, kernel.value, color=colour, label="fit, 95 % band")
        if inverted is not None:
            shown = inverted.times <= last
            axes.errorbar(
                inverted.times[shown], inverted.value[shown], _Z * inverted.stderr[shown],
                fmt="o", ms=3, lw=0.8, color="#57606a", label="Volterra inversion, 95 %",
            )  # fmt: skip
        axes.axhline(0.0, color="#8c959f", lw=0.6)
        unit = fit.summary.time_unit
        axes.set_xlabel(f"lag ({unit})" if unit else "lag")
        axes.set_ylabel(f"K (1/{unit}²)" if unit else "K")
        axes.legend()
        return [
            Picture(
                "Memory kernel.",
                "Line: K of the exact likelihood, with its band." + said,
                "The friction kernel against the lag, with an error band.",
                svg(figure),
            )
        ]


def _inverted(data: Any, last: float) -> tuple[Any, str]:
    """The kernel without a form, if the data are there, and what to say of it."""
    if not isinstance(data, Trajectories):
        return None, ""
    try:
        found = volterra_kernel(data, longest=min(last, 0.25 * float(np.ptp(data.times))))
    except InvalidInput:
        return None, ""
    said = (
        " Points: correlations of the displacements inverted lag by lag, smeared over a step and "
        "sensitive to errors of the positions; "
    )
    return found.kernel, f"{said}{found.sentence}."
