"""Pictures of committors: the map with the reactive current, and networks beside the truth."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from noneq.report.figures import canvas, png, svg
from noneq.report.html import Picture


_COLOURS = {"grid": "#3d444d", "variational": "#0072b2", "shooting": "#d55e00"}


def committor_figures(cells: Sequence[Any]) -> list[Picture]:
    """Those of the finished cells ``committor:…``; none without them."""
    return [*_maps(cells), *_lines(cells)]


def _maps(cells: Sequence[Any]) -> list[Picture]:
    found = [c for c in cells if c.case == "committor:swirl" and "map" in c.arrays]
    if not found:
        return []
    x, y, q = (np.asarray(found[0].arrays[name]) for name in ("x", "y", "map"))
    current, law = (np.asarray(found[0].arrays[name]) for name in ("current", "law"))
    with canvas(size=(5.6, 4.2)) as (figure, axes):
        shade = axes.pcolormesh(x, y, q.T, cmap="coolwarm", vmin=0, vmax=1, rasterized=True)
        figure.colorbar(shade, ax=axes, label="committor q")
        axes.contour(
            x, y, q.T, levels=[0.1, 0.25, 0.5, 0.75, 0.9], colors="#24292f", linewidths=0.7
        )
        strength = np.linalg.norm(current, axis=-1)
        axes.streamplot(
            x, y, current[..., 0].T, current[..., 1].T, color="#24292f", density=1.0,
            linewidth=2.2 * (strength / strength.max()).T ** 0.5, arrowsize=0.8,
        )  # fmt: skip
        axes.contour(
            x, y, law.T, levels=law.max() * np.array([0.02, 0.2]), colors="white", linewidths=0.8
        )
        for centre in (-1, 1):
            turn = np.linspace(0, 2 * np.pi, 100)
            axes.plot(centre + 0.4 * np.cos(turn), 0.4 * np.sin(turn), color="#24292f", lw=1.2)
        axes.set(xlim=(-1.7, 1.7), ylim=(-1.4, 1.4), xlabel="x", ylabel="y")
        data = png(figure)
    return [
        Picture(
            "Where a driven path goes next",
            "Two wells with a swirl (q = 1, beta = 3). Colour: probability to reach the right disc first. "
            "Lines with arrows: current of the reactive paths; white: density.",
            "A map of the committor from blue on the left to red on the right, with tilted level lines, and "
            "streamlines from the left disc to the right one.",
            data,
        )
    ]


def _lines(cells: Sequence[Any]) -> list[Picture]:
    found = [c for c in cells if c.case == "committor:double_well"]
    if not found:
        return []
    with canvas(size=(5.6, 3.0)) as (figure, axes):
        for cell in found:
            x, q, true = (np.asarray(cell.arrays[name]) for name in ("states", "q", "true"))
            axes.plot(x[:, 0], q - true, color=_COLOURS[cell.method], label=cell.method)
        axes.set(xlabel="x", ylabel="q − exact q")
        axes.legend(loc="upper left")
        data = svg(figure)
    return [
        Picture(
            "Committors of the double well, less the exact one",
            "beta = 5, between the sets x ≤ −1 and x ≥ 1.",
            "Errors of the grid and of two networks against x, all close to zero.",
            data,
        )
    ]
