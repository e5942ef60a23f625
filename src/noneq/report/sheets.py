"""Samples of fields and images beside the data, by category where the model knows one."""

from typing import Any

import jax
import numpy as np

from noneq.data.snapshots import Snapshots
from noneq.report.figures import canvas, png
from noneq.report.html import Picture
from noneq.report.observed import axis_label, observed


_ROWS, _COLUMNS = 10, 6


def sheet_pictures(fit: Any) -> list[Picture]:
    """First channel of fields on a plane or volume: rows are times or categories.

    Nothing for other states, and for conditions that are not one category.
    """
    summary = fit.summary
    levels = summary.condition_levels
    if len(summary.event_shape) not in (3, 4) or (levels and (len(levels) > 1 or not levels[0])):
        return []
    data, name = observed(fit), type(fit.method).__name__
    if levels:
        rows, made = _by_category(fit, levels[0])
        found = [] if data is None else [_of_category(data, level) for level in levels[0][:_ROWS]]
    else:
        times = _some(summary.times)
        made = [
            np.asarray(fit.model.sample(_COLUMNS, time=time, key=jax.random.key(i)))
            for i, time in enumerate(times)
        ]
        rows = [f"t = {time:g} {summary.time_unit}".rstrip() for time in times]
        found = [] if data is None else [_first(data.at(time)) for time in times]
    panels = ([found] if found else []) + [made]
    heads = (["data"] if found else []) + [name]
    return [
        Picture(
            "Generated fields." if not levels else "Generated fields by category.",
            f"{_COLUMNS} states a row; {axis_label(summary, 0)} on one grey scale for all.",
            f"Rows of fields: {' beside '.join(heads)}.",
            _sheet(rows, heads, panels),
        )
    ]


def _some(times: tuple[float, ...]) -> list[float]:
    kept = np.linspace(0, len(times) - 1, min(4, len(times))).round().astype(int)
    return [times[i] for i in np.unique(kept)]


def _by_category(fit: Any, levels: tuple[int, ...]) -> tuple[list[str], list[np.ndarray]]:
    shown = levels[:_ROWS]
    made = [
        np.asarray(
            fit.model.sample(
                _COLUMNS,
                time=fit.summary.times[-1] if len(fit.summary.times) > 1 else None,
                condition=np.full((_COLUMNS, 1), level),
                key=jax.random.key(i),
            )
        )
        for i, level in enumerate(shown)
    ]
    return [str(level) for level in shown], made


def _of_category(data: Snapshots, level: int) -> np.ndarray:
    mine = np.asarray(data.condition)[:, 0] == level
    return _first(data.values[mine])


def _first(states: np.ndarray) -> np.ndarray:
    kept = np.linspace(0, len(states) - 1, min(_COLUMNS, len(states))).round().astype(int)
    return states[kept]


def _plane(state: np.ndarray) -> np.ndarray:
    """First channel; the middle slice of a volume."""
    field = np.asarray(state, float)[0]
    return field[len(field) // 2] if field.ndim == 3 else field


def _sheet(rows: list[str], heads: list[str], panels: list[list[np.ndarray]]) -> bytes:
    every = np.concatenate([np.ravel(_plane(x)) for panel in panels for s in panel for x in s])
    low, high = np.quantile(every, [0.002, 0.998])
    across = len(panels) * _COLUMNS + (len(panels) - 1)
    size = (0.62 * across + 0.8, 0.62 * len(rows) + 0.5)
    with canvas(len(rows), across, size=size, squeeze=False) as (figure, axes):
        for axis in np.ravel(axes):
            axis.set_axis_off()
        for p, panel in enumerate(panels):
            start = p * (_COLUMNS + 1)
            axes[0, start].set_title(heads[p])
            for i, states in enumerate(panel):
                for j, state in enumerate(states):
                    axes[i, start + j].imshow(
                        _plane(state), cmap="gray", vmin=low, vmax=max(high, low + 1e-12)
                    )
        for i, label in enumerate(rows):
            axes[i, 0].text(-0.15, 0.5, label, ha="right", va="center",
                            transform=axes[i, 0].transAxes)  # fmt: skip
        return png(figure)
