"""Pictures of the designs of `equilibrium_flow`: their test, and a film of each."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from noneq.report.figures import canvas, svg
from noneq.report.html import Figure, Picture
from noneq.report.paths.films import field_film, particle_film
from noneq.studies.running import Kept


_PART = "design:"
_COLOURS = {"SkewFlow": "#0072b2", "control": "#57606a"}
_LEVEL = 0.05


def design_figures(rows: Sequence[Mapping[str, Any]], cells: Sequence[Kept]) -> list[Figure]:
    """The measure of every run of every design, then the films.

    Args:
        rows: rows of the results file.
        cells: the finished cells; those of other parts are passed over.
    """
    mine = [cell for cell in cells if cell.case.startswith(_PART)]
    if not mine:
        return []
    return [_test_picture(rows, mine), *(_film(rows, cell) for cell in mine)]


def _test_picture(rows: Sequence[Mapping[str, Any]], cells: Sequence[Kept]) -> Picture:
    """What was measured in each run, beside the control."""
    texts = []
    with canvas(1, len(cells), size=(2.0 * len(cells), 3.2), squeeze=False) as (figure, axes):
        for panel, cell in zip(axes[0], cells, strict=True):
            for i, (method, colour) in enumerate(_COLOURS.items()):
                values = np.asarray(cell.arrays[f"{method}_measure"], float)
                values = values[np.isfinite(values)]
                # Runs side by side, in their order, so that none hides another.
                spread = np.linspace(-0.25, 0.25, max(2, values.size))[: values.size]
                panel.plot(i + spread, values, "o", ms=3, alpha=0.6, color=colour, mec="none")
                if values.size:
                    panel.hlines(values.mean(), i - 0.32, i + 0.32, color=colour, lw=2)
            text = _verdict(rows, cell)
            texts.append(f"{cell.case}: {text}")
            panel.set_xticks((0, 1), ("rule", "control"))
            panel.set_xlim(-0.6, 1.6)
            measure = str(cell.arrays["measure"]).replace("_", " ")
            panel.set_title(f"{cell.case.removeprefix(_PART)}\n{measure}", fontsize=8.5)
            panel.set_xlabel(text.replace(" (", "\n("), fontsize=7.5)
        data = svg(figure)
    return Picture(
        "Designs: the measure named before the run, for every run of the rule and of the control.",
        "Bars: means. The control is the same rule under the law of shuffled snapshots. z: Welch's t "
        "in the expected direction; p: one-sided, times the number of designs.",
        "; ".join(texts),
        data,
    )


def _film(rows: Sequence[Mapping[str, Any]], cell: Kept) -> Picture:
    name = cell.case.removeprefix(_PART)
    behaviour = str(cell.arrays["behaviour"])
    if "SkewFlow_points" in cell.arrays:
        panels = [cell.arrays[f"{method}_points"] for method in _COLOURS]
        data = particle_film(panels, float(cell.arrays["SkewFlow_box"]))
        drawn = "particles in a periodic box"
    else:
        panels = [cell.arrays[f"{method}_fields"] for method in _COLOURS]
        data = field_film(panels)
        drawn = "denoised fields on a periodic canvas"
    return Picture(
        f"{name} ({behaviour}): the first run of the rule (left) and of the control (right).",
        f"{drawn.capitalize()}; {_verdict(rows, cell)}.",
        f"Film of {drawn}: {name}, {len(panels[0])} frames; {_verdict(rows, cell)}.",
        data,
    )


def _verdict(rows: Sequence[Mapping[str, Any]], cell: Kept) -> str:
    """``z = 5.8, p = 0.004 (expected higher)``."""
    of = {
        row["metric"]: row["value"]
        for row in rows
        if row["case"] == cell.case and row["method"] == "SkewFlow"
    }
    sign = "higher" if of["expected_sign"] > 0 else "lower"
    p = of["p_corrected"]
    size = "p < 1e-4" if p < 1e-4 else f"p = {p:.2g}"
    word = "" if p < _LEVEL else ", not significant"
    return f"z = {of.get('z', float('nan')):.1f}, {size} (expected {sign}{word})"
