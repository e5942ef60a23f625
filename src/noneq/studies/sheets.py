"""Contact sheets: samples of every method of a data set side by side, the truth first."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from noneq.report.figures import canvas, png
from noneq.report.html import Picture
from noneq.studies.running import Kept
from noneq.studies.table_one.data import corners


Methods: TypeAlias = Mapping[str, Mapping[str, np.ndarray]]
"""Arrays of each method; ``optimal`` is the truth."""

_ACROSS = 7
"""Panels in a line of a contact sheet."""
_IMAGES = 14
"""Images in a line of a contact sheet."""


def samples_by_case(cells: Sequence[Kept]) -> dict[str, dict[str, Mapping[str, np.ndarray]]]:
    """Arrays of the first replicate by case and method, of cells that kept samples."""
    found: dict[str, dict[str, Mapping[str, np.ndarray]]] = {}
    for cell in cells:
        if cell.replicate == 0 and "samples" in cell.arrays:
            found.setdefault(cell.case, {})[cell.method] = cell.arrays
    return found


def samples_sheet(case: str, methods: Methods) -> Picture:
    """Scatter plots of states in the plane, else lines of images.

    Args:
        case: the data set.
        methods: arrays ``samples``: ``(n, 2)``, or images ``(n, 1, height, width)``.
    """
    planar = all(a["samples"].ndim == 2 and a["samples"].shape[1] == 2 for a in methods.values())
    return _plane_sheet(case, methods) if planar else _image_sheet(case, methods)


def limits_of(methods: Methods) -> tuple[np.ndarray, np.ndarray]:
    """Corners of the box about the true samples; the first method's where these are missing."""
    return corners(_truth(methods)["samples"], 0.08)


def panels(methods: Methods, draw: Any) -> bytes:
    """One square panel for each method.

    Args:
        methods: arrays of each.
        draw: called as draw(axes, arrays).
    """
    across = min(_ACROSS, len(methods))
    down = -(-len(methods) // across)
    across = -(-len(methods) // down)
    side = min(1.6, 7.4 / across)
    with canvas(down, across, size=(side * across, (side + 0.19) * down), squeeze=False) as (
        figure,
        grid,
    ):
        for axes in grid.flat:
            axes.axis("off")
        for axes, (name, arrays) in zip(grid.flat, methods.items(), strict=False):
            axes.axis("on")
            draw(axes, arrays)
            axes.set_aspect("equal")
            axes.set_title(_label(name), fontsize=7.5, fontweight="normal")
            _bare(axes)
        return png(figure)


def _plane_sheet(case: str, methods: Methods) -> Picture:
    low, high = limits_of(methods)
    count = min(len(arrays["samples"]) for arrays in methods.values())

    def draw(axes: Any, arrays: Mapping[str, np.ndarray]) -> None:
        x = arrays["samples"][:count]
        axes.scatter(x[:, 0], x[:, 1], s=1.2, linewidths=0, alpha=0.5, color="#0a3069")
        axes.set_xlim(low[0], high[0])
        axes.set_ylim(low[1], high[1])

    return Picture(
        f"{case}: samples.",
        f"{_order(methods, 'samples')}; as many in each panel.",
        f"Scatter plots of samples of {case}: {', '.join(map(_label, methods))}.",
        panels(methods, draw),
    )


def _image_sheet(case: str, methods: Methods) -> Picture:
    lines = {_label(m): a["samples"][:_IMAGES, 0] for m, a in methods.items()}
    low, high = (float(f(_truth(methods)["samples"])) for f in (np.min, np.max))
    with canvas(len(lines), 1, size=(7.4, 0.5 * len(lines) + 0.2), squeeze=False) as (
        figure,
        grid,
    ):
        for axes, (name, images) in zip(grid[:, 0], lines.items(), strict=True):
            padded = np.pad(images, ((0, 0), (0, 0), (0, 1)), constant_values=np.nan)
            axes.imshow(np.concatenate(list(padded), 1), cmap="gray_r", vmin=low, vmax=high)
            axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=8)
            _bare(axes)
        return Picture(
            f"{case}: samples.",
            f"{_order(methods, 'images')}.",
            f"Lines of sampled images of {case}: {', '.join(lines)}.",
            png(figure),
        )


def _order(methods: Methods, what: str) -> str:
    """What the panels show, in order."""
    if "optimal" not in methods:
        return f"The first {what} of each method"
    return f"True {what}, then the first of each method"


def _truth(methods: Methods) -> Mapping[str, np.ndarray]:
    return methods.get("optimal", next(iter(methods.values())))


def _label(method: str) -> str:
    return "truth" if method == "optimal" else method.removesuffix(" (peer)")


def _bare(axes: Any) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
