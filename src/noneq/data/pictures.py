"""One picture of a data set, drawn without any window system."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from noneq.data.files import read
from noneq.data.snapshots import Snapshots
from noneq.data.trajectories import Trajectories
from noneq.plain_text import legible


if TYPE_CHECKING:
    from matplotlib.figure import Figure


_PATHS = 40
_POINTS = 3000
_PANELS = 6


def picture(data: Any, path: str | Path | None = None) -> "Figure":
    """Paths over time, clouds or histograms per time, or images of a field.

    Args:
        data: `Snapshots`, `Trajectories`, or a path to a file (missing entries are left out).
        path: where to write it (png, svg or pdf); None to only return the figure.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    if not isinstance(data, Snapshots | Trajectories):
        data = read(data, missing="mask")
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    if len(data.event_shape) > 1:
        _fields(figure, data)
    elif isinstance(data, Trajectories):
        _traces(figure, data)
    elif len(data.names) > 1:
        _clouds(figure, data)
    else:
        _histograms(figure, data)
    legible(figure)
    if path is not None:
        stamp = {"Date": None} if Path(path).suffix == ".svg" else None
        with mpl.rc_context({"svg.hashsalt": "noneq"}):
            figure.savefig(path, dpi=120, metadata=stamp)
    return figure


def _label(data: Snapshots | Trajectories, i: int) -> str:
    return data.names[i] + (f" ({data.units[i]})" if data.units[i] else "")


def _time(data: Snapshots | Trajectories, time: float) -> str:
    return f"t = {time:g} {data.time_unit}".rstrip()


def _some(count: int, most: int) -> np.ndarray:
    """Positions spread evenly, first and last included."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))


def _traces(figure: "Figure", data: Trajectories) -> None:
    shown = min(data.event_shape[0], 4)
    panels = figure.subplots(shown, 1, sharex=True, squeeze=False)[:, 0]
    for i, panel in enumerate(panels):
        draw_paths(panel, data, i)
        panel.set_xlabel("")
    panels[-1].set_xlabel(_time_label(data))


def draw_paths(panel: Any, data: Trajectories, i: int, most: int = _PATHS) -> None:
    """Coordinate i of some paths over time."""
    for row in _some(data.n, most):
        seen = data.observed[row]
        style = "-" if seen.sum() > 1 else "."
        panel.plot(data.times[seen], data.values[row, seen, i], style, lw=0.7, alpha=0.6)
    panel.set_ylabel(_label(data, i))
    panel.set_xlabel(_time_label(data))


def _time_label(data: Snapshots | Trajectories) -> str:
    return f"time ({data.time_unit})" if data.time_unit else "time"


def _clouds(figure: "Figure", data: Snapshots) -> None:
    shown = _some(data.times.size, _PANELS)
    panels = figure.subplots(1, shown.size, sharex=True, sharey=True, squeeze=False)[0]
    for panel, time in zip(panels, data.times[shown], strict=True):
        draw_cloud(panel, data, time)
        panel.set_ylabel("")
    panels[0].set_ylabel(_label(data, 1))


def draw_cloud(
    panel: Any, data: Snapshots | Trajectories, time: float, pair: tuple[int, int] = (0, 1)
) -> None:
    """Two coordinates of some states at one time."""
    states = data.at(time)
    states = states[_some(len(states), _POINTS)]
    panel.plot(states[:, pair[0]], states[:, pair[1]], ".", ms=2, alpha=0.4)
    panel.set_title(_time(data, time))
    panel.set_xlabel(_label(data, pair[0]))
    panel.set_ylabel(_label(data, pair[1]))


def _histograms(figure: "Figure", data: Snapshots) -> None:
    draw_histograms(figure.subplots(squeeze=False)[0, 0], data, 0)


def draw_histograms(panel: Any, data: Snapshots | Trajectories, i: int) -> None:
    """Densities of coordinate i at some times."""
    flat = data.snapshots()
    edges = np.histogram_bin_edges(flat.values[:, i].astype(np.float64), 60).tolist()
    for time in data.times[_some(data.times.size, _PANELS)]:
        states = data.at(time)[:, i]
        panel.hist(states, edges, density=True, histtype="step", label=_time(data, time))
    panel.set_xlabel(_label(data, i))
    panel.set_ylabel("density")
    panel.legend()


def _fields(figure: "Figure", data: Snapshots | Trajectories) -> None:
    """One state per time, first channel; for 3-D fields the middle slice."""
    shown = _some(data.times.size, _PANELS)
    panels = figure.subplots(1, shown.size, squeeze=False)[0]
    fields = [data.at(time)[0, 0] for time in data.times[shown]]
    low, high = min(f.min() for f in fields), max(f.max() for f in fields)
    for panel, time, field in zip(panels, data.times[shown], fields, strict=True):
        draw_grid(panel, field, low, high)
        panel.set_title(f"{data.names[0]}, {_time(data, time)}")


def draw_grid(panel: Any, field: np.ndarray, low: float, high: float) -> None:
    """One channel of a field; of more than two axes the middle slice."""
    while field.ndim > 2:
        field = field[len(field) // 2]
    if field.ndim == 1:
        panel.plot(field)
        panel.set_ylim(low, high if high > low else low + 1)
    else:
        panel.imshow(field, origin="lower", vmin=low, vmax=high)
        panel.set_axis_off()
