"""Pictures of the study `dynamics`, from its rows and what its cells kept."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from noneq.report.figures import canvas, svg
from noneq.report.html import Picture
from noneq.studies.running import Kept


Rows = Sequence[Mapping[str, Any]]
_TINTS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")


def figures(rows: Rows, cells: Sequence[Kept]) -> list[Picture]:
    """All pictures of the study.

    Args:
        rows: rows of the results file.
        cells: the finished cells.
    """
    made = (*from_rows(rows), knock_out_picture(cells), chain_picture(cells))
    return [picture for picture in made if picture is not None]


def from_rows(rows: Rows) -> list[Picture]:
    """Forces beside the peer, and graphs."""
    made = (force_picture(rows), graph_picture(rows))
    return [picture for picture in made if picture is not None]


def force_picture(rows: Rows) -> Picture | None:
    """Drift errors of each record; None without such rows."""
    found = _bars(rows, "drift_error")
    if found is None:
        return None
    figure_of = _drawn(found, "⟨δfᵀD⁻¹δf⟩/⟨fᵀD⁻¹f⟩", log=True)
    return Picture(
        "Errors of the drift.",
        "Mean over the data sets of a record, with its standard error; both methods meet the same "
        "paths. sfi:noisy: measurement noise of one rms step, intervals of half a relaxation time. "
        "underdamped: positions alone.",
        "Points of the drift error by record and method, on a logarithmic axis.",
        figure_of,
    )


def graph_picture(rows: Rows) -> Picture | None:
    """AUROC of every network and library."""
    # The window that noise asks for is the same for all of a network: the case says that there is noise.
    plain = lambda row: {**row, "method": re.sub(r", window \d+", "", row["method"])}
    found = _bars([plain(row) for row in rows if row["case"].startswith("graph:")], "auroc")
    if found is None:
        return None
    return Picture(
        "Who acts on whom?",
        "Area under the ROC curve over all pairs of recorded nodes (0.5: chance); noise in standard "
        "deviations of each coordinate; hidden: nodes that are not recorded.",
        "Points of the AUROC by network and method.",
        _drawn(found, "AUROC", log=False),
    )


def knock_out_picture(cells: Sequence[Kept]) -> Picture | None:
    """Mean paths after the knock-out; None if that cell was not run."""
    kept = [c.arrays for c in cells if c.case == "intervention:repressilator"]
    if not kept:
        return None
    times, truth, ours = (kept[0][name] for name in ("times", "truth", "predicted"))
    with canvas(size=(6.4, 3.4)) as (figure, axes):
        for j in range(truth.shape[1]):
            axes.plot(times, truth[:, j], color=_TINTS[j], label=f"gene {j + 1}")
            axes.plot(times, ours[:, j], color=_TINTS[j], ls="--")
        axes.set(xlabel="time after the knock-out of gene 1", ylabel="mean concentration")
        axes.legend()
        return Picture(
            "A gene is taken out.",
            "Lines: the truth; dashed: predicted by a law fitted to undisturbed paths.",
            "Mean concentrations of three genes against time, true and predicted.",
            svg(figure),
        )


def chain_picture(cells: Sequence[Kept]) -> Picture | None:
    """The five numbers of do(x = 1), and what conditioning gives; None if that was not run."""
    kept = [c.arrays for c in cells if c.case == "intervention:chain"]
    if not kept:
        return None
    values, errors, exact = (kept[0][name] for name in ("values", "errors", "exact"))
    names = ("mean y", "mean z", "var y", "cov yz", "var z")
    place = np.arange(len(names))
    with canvas(size=(6.0, 3.2)) as (figure, axes):
        axes.plot(place, exact, "_", color="#24292f", ms=26, mew=2, label="do(x = 1), exact")
        for shift, tint, name, value, error in zip(
            (-0.1, 0.1), _TINTS, ("intervene", "conditioning"), values, errors, strict=False
        ):
            axes.errorbar(place + shift, value, 2 * error, fmt="o", ms=4, color=tint, label=name)
        axes.set_xticks(place, names)
        axes.legend()
        return Picture(
            "Doing is not seeing.",
            "From the same undisturbed paths; bars: two standard errors by bootstrap over paths, the "
            "refit included.",
            "Five moments under an intervention and under conditioning, beside the exact ones.",
            svg(figure),
        )


def _bars(rows: Rows, metric: str) -> dict[str, dict[str, tuple[float, float]]] | None:
    """(value, error) by case and method."""
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for row in rows:
        if row["metric"] == metric:
            mine = found.setdefault(row["case"], {})
            mine[row["method"]] = row["value"], row["stderr"] or 0.0
    return found or None


def _drawn(found: dict[str, dict[str, tuple[float, float]]], label: str, *, log: bool) -> bytes:
    """Groups of points, one a case."""
    methods = list(dict.fromkeys(m for mine in found.values() for m in mine))
    with canvas(size=(7.2, 1.2 + 0.16 * sum(map(len, found.values())) + 0.2 * len(found))) as (
        figure,
        axes,
    ):
        at, ticks = 0.0, []
        for mine in found.values():
            first = at
            for method, (value, error) in mine.items():
                tint = _TINTS[methods.index(method) % len(_TINTS)]
                axes.errorbar(value, at, xerr=error or None, fmt="o", color=tint, label=method)
                at += 1
            ticks.append((first + at - 1) / 2)
            at += 1
        axes.set_yticks(ticks, list(found))
        axes.invert_yaxis()
        axes.set_xlabel(label)
        if log:
            axes.set_xscale("log")
        handles, names = axes.get_legend_handles_labels()
        unique = dict(zip(names, handles, strict=True))
        axes.legend(
            unique.values(), unique.keys(), loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2
        )
        return svg(figure)
