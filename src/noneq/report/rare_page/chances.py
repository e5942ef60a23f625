"""The chance to arrive from each state: a committor, or a probability within the horizon, as a map."""

from typing import Any

import numpy as np

from noneq.errors import InvalidInput, SolveFailed
from noneq.inference.rare.committor.grid import box_of, grid_committor
from noneq.inference.rare.committor.horizon import hitting_probability
from noneq.inference.rare.committor.rates import grid_transitions
from noneq.report.figures import canvas, svg
from noneq.report.html import Picture
from noneq.runs.events.rare import RareFindings
from noneq.systems.base import AbstractDiffusion


_CELLS = {1: 600, 2: 100}
_MARGIN = 0.5
"""Of the span of the paths, on each side of them, where the domain has no bounds."""
_LEVELS = (0.1, 0.3, 0.5, 0.7, 0.9)
_DECADES = 6
_BLUE, _RED = "#0072b2", "#d55e00"


def chances_picture(found: RareFindings) -> Picture | None:
    """The map, by a grid, of diffusions of one or two coordinates.

    None for other systems, and where the grid does not reach the sets.
    """
    system = found.system
    if not isinstance(system, AbstractDiffusion) or len(system.event_shape) != 1:
        return None
    if system.event_shape[0] not in _CELLS:
        return None
    try:
        return _drawn(found)
    except (InvalidInput, SolveFailed):
        return None


def _drawn(found: RareFindings) -> Picture:
    system, dim = found.system, found.system.event_shape[0]
    grid: dict[str, Any] = {"bounds": _box(found), "cells": _CELLS[dim], "time": found.time}
    if found.horizon is None:
        committor = grid_committor(system, found.origin, found.target, **grid)
        axes, chance = committor.axes, committor.values
        what = f"P({found.target} before {found.origin})"
        said = "The committor, solved on a grid of the states that are shown."
        if any(name == "rate" for name, _ in found.estimates):
            rate = grid_transitions(committor).rate
            said += f" It gives the rate {rate:.4g}, in continuous time."
    else:
        hit = hitting_probability(system, found.target, found.horizon, steps=64, **grid)
        axes = tuple(np.asarray(axis) for axis in hit.function.axes)
        chance = np.asarray(hit.function.values)[..., 0]
        what = f"P({found.target} within {found.horizon:g})"
        said = "The probability of each first state, solved on a grid of the states that are shown."
    with canvas(size=(6.4, 4.0)) as (figure, sub):
        _along(sub, axes, chance, found, what) if dim == 1 else _across(
            figure, sub, axes, chance, found, what
        )
        data = svg(figure)
    return Picture(
        "The chance to arrive, from each state.",
        f"{said} Paths do not leave the picture. {_key_to(dim)}",
        f"{what} as a function of the state, from {chance.min():.2g} to {chance.max():.2g}.",
        data,
    )


def _key_to(dim: int) -> str:
    if dim == 1:
        return "Dots: where the paths of the next picture began."
    return "Lines: paths that reached the target; dots: where they began."


def _box(found: RareFindings) -> Any:
    """Bounds of the grid: None if the system has some, else around the paths that arrived.

    Raises:
        InvalidInput: neither.
    """
    try:
        box_of(found.system, None)
    except InvalidInput:
        if not found.event.paths:
            raise
        x = np.concatenate([one.states.reshape(len(one.states), -1) for one in found.event.paths])
        low, high = x.min(0), x.max(0)
        margin = _MARGIN * np.maximum(high - low, 1e-3)
        return np.stack([low - margin, high + margin], 1)
    return None


def _along(
    sub: Any, axes: tuple[np.ndarray, ...], chance: np.ndarray, found: RareFindings, what: str
) -> None:
    """The curve of one coordinate; its axis has decades where a horizon makes values small."""
    sub.plot(axes[0], chance, color=_BLUE)
    starts = np.asarray([one.states.ravel()[0] for one in found.event.paths])
    if len(starts):
        sub.plot(starts, np.interp(starts, axes[0], chance), "o", color=_RED, ms=3)
    sub.set(xlabel=found.names[0], ylabel=what)
    if found.horizon is not None:
        top = float(chance.max())
        sub.set(yscale="log", ylim=(max(10.0**-_DECADES * top, float(chance.min())) / 2, 2 * top))


def _across(
    figure: Any, sub: Any, axes: Any, chance: np.ndarray, found: RareFindings, what: str
) -> None:
    """Colours of two coordinates, with the paths that arrived."""
    from matplotlib.colors import LogNorm, Normalize

    top = float(chance.max())
    decades = found.horizon is not None
    low = max(10.0**-_DECADES * top, float(chance.min()), 1e-300)
    norm = LogNorm(low, top) if decades else Normalize(0.0, 1.0)
    shown = np.maximum(chance, low) if decades else chance
    mesh = sub.pcolormesh(*axes, shown.T, norm=norm, cmap="cividis", rasterized=True)
    if not decades:
        lines = sub.contour(*axes, chance.T, levels=_LEVELS, colors="white", linewidths=0.8)
        sub.clabel(lines, fontsize=7)
    for one in found.event.paths:
        x = one.states.reshape(len(one.states), -1)
        sub.plot(*x.T, color="white", alpha=0.35, lw=0.5)
        sub.plot(*x[0], "o", color=_RED, ms=3)
    sub.set(xlabel=found.names[0], ylabel=found.names[1])
    sub.set(xlim=axes[0][[0, -1]], ylim=axes[1][[0, -1]])
    figure.colorbar(mesh, ax=sub, label=what)
