"""Pictures of the study control: dissipation beside the optimum, and works of single paths."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from noneq.report.figures import canvas, svg
from noneq.report.html import Picture
from noneq.studies.running import Kept


_TINT = {"noneq": "#0072b2", "linear": "#d55e00"}
_MARK, _GREY = "#1b1f24", "#8c959f"
_BINS = 60


def figures(rows: Sequence[Mapping[str, Any]], cells: Sequence[Kept]) -> list[Picture]:
    """What there is to draw."""
    drawn = [dissipation_picture(rows), works_picture(rows, cells)]
    return [picture for picture in drawn if picture is not None]


def dissipation_picture(rows: Sequence[Mapping[str, Any]]) -> Picture | None:
    """Dissipated work of each protocol over the least possible; None without such rows."""
    work = {(r["case"], r["method"]): r for r in rows if r["metric"] == "work"}
    energy = {r["case"]: r["value"] for r in rows if r["metric"] == "free_energy"}
    cases = [c for c in energy if (c, "optimal") in work]
    if not cases:
        return None
    least = {c: work[c, "optimal"]["value"] - energy[c] for c in cases}
    told = []
    with canvas(size=(6.4, 0.9 + 0.42 * len(cases))) as (figure, axes):
        places = np.arange(len(cases))[::-1]
        axes.axvline(1.0, color=_MARK, lw=1.0, ls="--", label="least possible")
        for name, tint in _TINT.items():
            seen = [(y, c) for y, c in zip(places, cases, strict=True) if (c, name) in work]
            ratio = [(work[c, name]["value"] - energy[c]) / least[c] for _, c in seen]
            error = [work[c, name]["stderr"] / least[c] for _, c in seen]
            axes.errorbar(
                ratio, [y for y, _ in seen], xerr=error, fmt="o", color=tint, capsize=3, label=name
            )
            told += [f"{c} {name} {r:.3f}" for (_, c), r in zip(seen, ratio, strict=True)]
        axes.set_xscale("log")
        axes.set_yticks(places, [c.removeprefix("control:") for c in cases])
        axes.set_ylim(-0.6, len(cases) - 0.4)
        axes.set_xlabel("work above the free energy, over the least possible")
        axes.legend(loc="lower right")
        data = svg(figure)
    return Picture(
        "What protocols dissipate.",
        "Mean work less the free-energy difference (of an erasure: Landauer's) over the least possible; "
        "bars: one standard error.",
        "; ".join(told) + ".",
        data,
    )


def works_picture(rows: Sequence[Mapping[str, Any]], cells: Sequence[Kept]) -> Picture | None:
    """Histograms of work of single paths against the least mean work; None without works."""
    kept = [cell for cell in cells if "noneq" in cell.arrays and "linear" in cell.arrays]
    if not kept:
        return None
    least = {
        r["case"]: r["value"] for r in rows if (r["metric"], r["method"]) == ("work", "optimal")
    }
    columns = 2
    count = -(-len(kept) // columns)
    with canvas(count, columns, size=(7.4, 0.6 + 1.7 * count)) as (figure, axes):
        panels = list(np.ravel(axes))
        for panel in panels[len(kept) :]:
            panel.set_axis_off()
        for panel, cell in zip(panels, kept, strict=False):
            both = np.concatenate([cell.arrays[name] for name in _TINT])
            bins = _edges(both)
            for name, tint in _TINT.items():
                panel.hist(cell.arrays[name], bins, density=True, alpha=0.4, color=tint, label=name)
                panel.axvline(cell.arrays[name].mean(), color=tint, lw=1.2)
            panel.axvline(least[cell.case], color=_MARK, lw=1.2, ls="--", label="least mean work")
            panel.set_title(cell.case.removeprefix("control:"))
            panel.set_yticks([])
        panels[0].legend(fontsize=7.5)
        figure.supxlabel("work of single paths", fontsize=9.5)
        data = svg(figure)
    return Picture(
        "Work of single paths.",
        "Lines: means. Single paths may take less than the least mean work (dashed); no mean can.",
        f"Histograms of work of {len(kept)} processes, optimal and linear protocol.",
        data,
    )


def _edges(works: np.ndarray) -> np.ndarray:
    """Bins that hold nearly all works."""
    low, high = np.quantile(works, [0.001, 0.999])
    return np.linspace(low, high, _BINS + 1)
