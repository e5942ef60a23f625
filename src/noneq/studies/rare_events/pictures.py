"""Pictures of the study `rare_events`, from its rows and from what its cells kept."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from noneq.report.figures import canvas, svg
from noneq.report.html import Picture
from noneq.studies.running import Kept


_LOOKS = {
    "AMS": ("#0072b2", "o"),
    "AMS (black box)": ("#d55e00", "s"),
    "direct": ("#57606a", "x"),
    "weighted ensemble": ("#009e73", "^"),
    "cloning": ("#cc79a7", "D"),
}
Rows = Sequence[Mapping[str, Any]]


def figures(rows: Rows, cells: Sequence[Kept]) -> list[Picture]:
    """All pictures of the study.

    Args:
        rows: rows of the results file.
        cells: the finished cells.
    """
    made = (truth_picture(rows), plane_picture(cells))
    return [picture for picture in made if picture is not None]


def truth_picture(rows: Rows) -> Picture | None:
    """Estimates over exact values against the exact values; None without such rows."""
    pick = lambda metric: {
        (row["case"], row["method"]): row for row in rows if row["metric"] == metric
    }
    value, target = pick("probability"), pick("exact")
    if not value:
        return None
    with canvas(size=(6.4, 3.8)) as (figure, axes):
        axes.axhline(1.0, color="#24292f", lw=0.9, zorder=0)
        for method, (colour, marker) in _LOOKS.items():
            mine = [place for place in value if place[1] == method]
            x = np.asarray([target[place]["value"] for place in mine])
            y = np.asarray([value[place]["value"] for place in mine]) / x
            error = np.asarray([value[place]["stderr"] for place in mine]) / x
            axes.errorbar(
                x, y, error, fmt=marker, color=colour, ms=5, lw=1, mfc="none", label=method
            )
        axes.set(
            xscale="log", ylim=(-0.2, 2.5), xlabel="exact probability", ylabel="estimate / exact"
        )
        axes.legend(ncols=3, fontsize=8)
        return Picture(
            "Rare events: estimates against the truth.",
            f"{len(value)} estimates of {len({case for case, _ in value})} events; bars: one standard error; "
            "points outside the frame are not drawn. Direct simulation has five times as many paths.",
            "Estimates divided by exact probabilities, around 1 for splitting at every probability.",
            svg(figure),
        )


def plane_picture(cells: Sequence[Kept]) -> Picture | None:
    """Paths through the plane; None if no cell has any."""
    found = [one for one in cells if "double_well_2d" in one.case and one.method == "AMS"]
    if not found:
        return None
    one = found[0]
    paths = [v for name, v in one.arrays.items() if name.startswith("path")]
    with canvas(size=(6.4, 3.4)) as (figure, axes):
        u, v = np.meshgrid(np.linspace(-1.8, 1.8, 120), np.linspace(-1, 1, 80))
        axes.contour(u, v, u**4 / 4 - u**2 / 2 + v**2, levels=12, colors="#d0d7de", linewidths=0.7)
        for x in paths:
            axes.plot(x[:, 0], x[:, 1], color="#0072b2", alpha=0.5, lw=0.6)
            axes.plot(x[-1, 0], x[-1, 1], "o", color="#d55e00", ms=3)
        axes.set(xlabel="x", ylabel="y")
        return Picture(
            "Paths that made it.",
            f"{len(paths)} of the paths of {one.case} that reached the disc; lines: the potential.",
            "Paths from the left well over the barrier into the right one.",
            svg(figure),
        )
