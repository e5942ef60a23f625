"""Paths of a model between the times of its data: over the snapshots, or beside the paths of the data."""

from typing import Any

import equinox as eqx
import jax
import numpy as np

from noneq.data.ensembles import Snapshots, Trajectories
from noneq.data.pictures import draw_paths
from noneq.report.currents import draw_current
from noneq.report.figures import canvas, png
from noneq.report.html import Picture
from noneq.report.observed import axis_label, data_of, time_label
from noneq.traits import HasInvariantFlow, HasPaths, HasVelocity


_PATHS, _FRAMES, _STATES, _SHOWN = 60, 61, 4096, 300


def path_pictures(fit: Any) -> list[Picture]:
    """Nothing for models without paths, of one time, of fields, of conditions or of a steady flow."""
    model, summary = fit.model, fit.summary
    plain = len(summary.event_shape) == 1 and not summary.condition_dim and len(summary.times) > 1
    if not plain or not isinstance(model, HasPaths) or isinstance(model, HasInvariantFlow):
        return []
    first, last = summary.times[0], summary.times[-1]
    times = np.union1d(np.linspace(first, last, _FRAMES), summary.times)
    if len(summary.times) > _FRAMES:
        times = np.asarray(summary.times)
    paths = model.sample_paths(_PATHS, times=times, key=jax.random.key(0))
    data = data_of(fit)
    if summary.kind == "trajectories" or summary.dim == 1:
        return [_over_time(type(fit.method).__name__, paths, data)]
    return [_over_snapshots(fit, paths, data)]


def _over_time(name: str, paths: Trajectories, data: Any) -> Picture:
    """First coordinate against time, of the data beside the model."""
    panels = {"data": data} if isinstance(data, Trajectories) else {}
    panels[name] = paths
    with canvas(1, len(panels), size=(7.2, 2.8), sharey=True, squeeze=False) as (figure, axes):
        for axis, (title, shown) in zip(axes[0], panels.items(), strict=True):
            draw_paths(axis, shown, 0, 25)
            axis.set_title(title)
        return Picture(
            "Paths.",
            "Twenty-five paths of the first coordinate"
            + (", beside as many of the data." if len(panels) > 1 else "."),
            f"Lines of {' and '.join(panels)} against time.",
            png(figure),
        )


def _over_snapshots(fit: Any, paths: Trajectories, data: Any) -> Picture:
    """First two coordinates: paths over the snapshots; the current at the middle of the time."""
    model, summary = fit.model, fit.summary
    moving = isinstance(model, HasVelocity)
    middle = 0.5 * (summary.times[0] + summary.times[-1])
    with canvas(1, 1 + moving, size=(7.2, 3.6), squeeze=False) as (figure, axes):
        left = axes[0, 0]
        for path in paths.values:
            left.plot(path[:, 0], path[:, 1], color="#8c959f", lw=0.6, alpha=0.7)
        if isinstance(data, Snapshots):
            drawn = _coloured(left, data)
            figure.colorbar(drawn, ax=left, label=time_label(summary), shrink=0.8)
        left.set_title("paths")
        if moving:
            x = np.asarray(fit.model.sample(_STATES, time=middle, key=jax.random.key(1)), float)
            draw_current(axes[0, 1], x, np.asarray(_velocities(model, x, middle), float))
            axes[0, 1].set_title(f"current at t = {middle:g} {summary.time_unit}".rstrip())
        for axis in axes[0]:
            axis.set_xlabel(axis_label(summary, 0))
            axis.set_ylabel(axis_label(summary, 1))
        return Picture(
            "Paths between the snapshots.",
            f"{_PATHS} paths of the model"
            + (", points: the data, by their time." if isinstance(data, Snapshots) else ".")
            + (" Arrows: p v in cells of the first two coordinates." if moving else ""),
            "Lines of paths over points of the snapshots, first two coordinates.",
            png(figure),
        )


def _coloured(axis: Any, data: Snapshots) -> Any:
    """At most so many states of each time, coloured by it."""
    kept = np.concatenate(
        [np.flatnonzero(data.time_index == i)[:_SHOWN] for i in range(data.times.size)]
    )
    x, t = data.values[kept], data.times[data.time_index[kept]]
    return axis.scatter(x[:, 0], x[:, 1], c=t, s=4, cmap="viridis", linewidths=0, zorder=3)


@eqx.filter_jit
def _velocities(model: Any, x: Any, time: Any) -> Any:
    return jax.vmap(lambda x: model.velocity(x, time=time))(x)
