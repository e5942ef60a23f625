"""States of one coordinate: quantiles over time, a histogram at one time, a rose for an angle."""

from typing import Any

import jax
import numpy as np

from noneq.domains import is_periodic, periods_of
from noneq.report.figures import canvas, colour_of, svg
from noneq.report.html import Picture
from noneq.report.observed import axis_label, held_out, observed, time_label


_SAMPLES, _TIMES, _BINS = 2000, 40, 48
_LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


def line_pictures(fit: Any) -> list[Picture]:
    """Data and samples of a model of one coordinate, without condition."""
    summary = fit.summary
    if summary.condition_dim or summary.event_shape != (1,):
        return []
    data = observed(fit)
    hidden = held_out(fit, data)
    name = type(fit.method).__name__
    times = np.union1d(_some(np.asarray(summary.times)), hidden)
    made = fit.model.snapshots(_SAMPLES, times=times, key=jax.random.key(0))
    sets = {name: made} if data is None else {"data": data, name: made}
    if is_periodic(summary.domain):
        return [_rose(summary, sets, float(np.ravel(periods_of(summary.domain, (1,)))[0]))]
    if times.size == 1:
        return [_histogram(summary, sets)]
    return [_bands(summary, sets, times, hidden)]


def _some(times: np.ndarray) -> np.ndarray:
    kept = np.linspace(0, times.size - 1, min(_TIMES, times.size)).round().astype(int)
    return times[np.unique(kept)]


def _bands(summary: Any, sets: dict[str, Any], times: np.ndarray, hidden: np.ndarray) -> Picture:
    """Median, central half and central 90 % against time."""
    with canvas(size=(7.2, 3.4)) as (figure, axes):
        for i, (name, data) in enumerate(sets.items()):
            seen = np.intersect1d(times, data.times)
            levels = np.array([np.quantile(data.at(t)[:, 0], _LEVELS) for t in seen]).T
            colour = colour_of(name, i)
            axes.fill_between(seen, levels[0], levels[4], color=colour, alpha=0.15, lw=0)
            axes.fill_between(seen, levels[1], levels[3], color=colour, alpha=0.25, lw=0)
            axes.plot(seen, levels[2], color=colour, label=name)
        for i, t in enumerate(hidden):
            axes.axvline(t, color="#57606a", ls=":", label="held out" if i == 0 else None)
        axes.set_xlabel(time_label(summary))
        axes.set_ylabel(axis_label(summary, 0))
        axes.legend()
        return Picture(
            "Generated distribution over time.",
            "Line: median; bands: the central half and the central 90 % of the samples."
            + (" Dotted: times held out of the training." if hidden.size else ""),
            "Median and central bands of data and samples against time.",
            svg(figure),
        )


def _histogram(summary: Any, sets: dict[str, Any]) -> Picture:
    values = {name: np.asarray(data.values, float)[:, 0] for name, data in sets.items()}
    edges = np.histogram_bin_edges(np.concatenate(list(values.values())), _BINS).tolist()
    with canvas(size=(7.2, 3.0)) as (figure, axes):
        for i, (name, x) in enumerate(values.items()):
            axes.hist(x, edges, density=True, histtype="step", color=colour_of(name, i), label=name)
        axes.set_xlabel(axis_label(summary, 0))
        axes.set_ylabel("probability density")
        axes.legend()
        return Picture(
            "Generated distribution.",
            f"Histograms of the data and of {_SAMPLES:,} samples.",
            "Histograms of data and samples over the coordinate.",
            svg(figure),
        )


def _rose(summary: Any, sets: dict[str, Any], period: float) -> Picture:
    """Density around the circle, at the last time."""
    edges = np.linspace(0.0, 2 * np.pi, _BINS + 1)
    last = summary.times[-1]
    with canvas(size=(4.6, 4.2), subplot_kw={"projection": "polar"}) as (figure, axes):
        for i, (name, data) in enumerate(sets.items()):
            angle = np.mod(data.at(last)[:, 0] / period, 1.0) * 2 * np.pi
            density, _ = np.histogram(angle, edges, density=True)
            axes.stairs(density, edges, color=colour_of(name, i), label=name, lw=1.4)
        axes.set_xticks(np.arange(4) * np.pi / 2, [f"{period * k / 4:.4g}" for k in range(4)])
        axes.set_yticklabels([])
        axes.set_title(f"{axis_label(summary, 0)}, t = {last:g} {summary.time_unit}".rstrip())
        axes.legend(loc="lower left", bbox_to_anchor=(0.9, 0.9))
        return Picture(
            "Generated distribution of the angle.",
            "Distance from the centre: probability density.",
            "Polar histogram of data and samples.",
            svg(figure),
        )
