"""Samples of vector states over time, beside the data: the first two coordinates, with a slider."""

from typing import Any

import jax
import numpy as np

from noneq.data.snapshots import Snapshots
from noneq.report.figures import colour_of
from noneq.report.html import Clouds
from noneq.report.observed import axis_label, held_out, observed


_TIMES, _SAMPLES = 25, 500


def clouds(fit: Any, name: str) -> list[Clouds]:
    """Data and samples over the model's times and over those that were held out of its training.

    Nothing for one coordinate (see `noneq.report.lines`), for fields (`noneq.report.sheets`) and
    for conditional models.
    """
    summary = fit.summary
    if summary.condition_dim or len(summary.event_shape) != 1 or summary.dim == 1:
        return []
    data = observed(fit)
    hidden = held_out(fit, data)
    chosen = np.linspace(0, len(summary.times) - 1, min(_TIMES, len(summary.times)))
    times = np.asarray(summary.times)[np.unique(chosen.round().astype(int))]
    times = np.union1d(times, hidden[:_TIMES])
    panels = {} if data is None else {"data": _points(data, times)}
    made = fit.model.snapshots(_SAMPLES, times=times, key=jax.random.key(0))
    panels[name] = _points(made, times)
    if summary.domain.bounds is not None:
        low, high = (np.broadcast_to(b, (summary.dim,))[:2] for b in summary.domain.bounds)
    else:
        low, high = _range(np.concatenate(list(panels.values())))
    shown = "the first two coordinates" if summary.dim > 2 else "all coordinates"
    return [
        Clouds(
            "Generated distribution over time.",
            f"At most {_SAMPLES} samples at each time, {shown}; move the slider or press play.",
            times,
            panels,
            {panel: colour_of(panel) for panel in panels},
            np.asarray(low, float),
            np.asarray(high, float),
            (axis_label(summary, 0), axis_label(summary, 1)),
            summary.time_unit,
            tuple(hidden.tolist()),
        )
    ]


def _points(data: Snapshots, times: np.ndarray) -> np.ndarray:
    """At most so many states of each time, first two coordinates; NaN where there are fewer."""
    points = np.full((times.size, _SAMPLES, 2), np.nan)
    for i, t in enumerate(times):
        if t in data.times:
            states = data.at(t)
            some = np.linspace(0, len(states) - 1, min(_SAMPLES, len(states))).astype(int)
            points[i, : some.size] = states[some, :2]
    return points


def _range(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Box of the central 99.8 % of the points, widened by a tenth."""
    flat = points.reshape(-1, points.shape[-1])
    low, high = np.nanquantile(flat, [0.001, 0.999], axis=0)
    width = np.where(high > low, high - low, 1.0)
    return low - 0.1 * width, high + 0.1 * width
