"""Pictures of the study `bridges`: paths between shapes, and errors against the dimension."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from noneq.report.figures import canvas, colour_of, svg
from noneq.report.html import Figure, Picture
from noneq.studies.running import Kept


_PATHS = 60


def figures(rows: Sequence[Mapping[str, Any]], cells: Sequence[Kept]) -> list[Figure]:
    """All pictures of the study.

    Args:
        rows: rows of the results file.
        cells: the finished cells.
    """
    by_case: dict[str, list[Kept]] = {}
    for cell in cells:
        if "paths" in cell.arrays:
            by_case.setdefault(cell.case, []).append(cell)
    drawn = [paths_picture(case, found) for case, found in by_case.items()]
    curves = (
        dimension_picture(rows, "gaussian", "mean_kl", "mean KL (nats)"),
        dimension_picture(rows, "mvou", "bw2_squared", "squared Bures–Wasserstein distance"),
        dimension_picture(rows, "mvou", "force_error", "error of the drift"),
    )
    return [*drawn, *(curve for curve in curves if curve is not None)]


def paths_picture(case: str, cells: Sequence[Kept]) -> Picture:
    """Paths of each method over its starts and ends."""
    with canvas(1, len(cells), size=(3.0 * len(cells), 3.1), squeeze=False) as (figure, axes):
        for axis, cell in zip(axes[0], cells, strict=True):
            paths = cell.arrays["paths"]
            for path in paths[:_PATHS]:
                axis.plot(*path.T, color="#8c959f", lw=0.5, alpha=0.7)
            axis.plot(*paths[:, 0].T, ".", color="#3d444d", ms=2.0)
            axis.plot(*paths[:, -1].T, ".", color=colour_of(cell.method), ms=2.0)
            axis.set_aspect("equal")
            axis.set_title(cell.method)
        return Picture(
            f"Paths, {case}.",
            f"{_PATHS} paths from their starts (dark) to their ends (coloured).",
            f"Paths of {', '.join(cell.method for cell in cells)} in the plane.",
            svg(figure),
        )


def dimension_picture(
    rows: Sequence[Mapping[str, Any]], part: str, metric: str, label: str
) -> Picture | None:
    """One metric against the dimension, its floor dotted; None without such rows."""
    found = [
        row for row in rows if row["case"].startswith(f"{part}:d=") and row["metric"] == metric
    ]
    if len({row["case"] for row in found}) < 2:
        return None
    with canvas(size=(6.4, 3.6)) as (figure, axes):
        floors = {_dim(row): row["floor"] for row in found if row["floor"] is not None}
        if floors:
            axes.plot(
                *zip(*sorted(floors.items()), strict=True), ":", color="#57606a", label="floor"
            )
        for i, method in enumerate(dict.fromkeys(row["method"] for row in found)):
            points = sorted((_dim(r), r["value"]) for r in found if r["method"] == method)
            style = "--" if method.endswith("(published)") else "-"
            own = method.removesuffix(" (published)")
            axes.plot(
                *np.transpose(points), f"o{style}", color=colour_of(own, i), label=method, ms=4
            )
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("dimension")
        axes.set_ylabel(label)
        axes.legend()
        return Picture(
            f"{label[0].upper()}{label[1:]} against the dimension.",
            "Dotted: the same number of the truth itself. Dashed: published.",
            f"Line chart of {label} against the dimension for each method.",
            svg(figure),
        )


def _dim(row: Mapping[str, Any]) -> int:
    return int(row["case"].split("d=")[1])
