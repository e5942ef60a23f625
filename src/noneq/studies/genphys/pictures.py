"""Pictures of the study `genphys`: verdicts, blobs, two charges, samples, and distances."""

import importlib.util
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from noneq.pde import zoo
from noneq.report.blobs import field_lines, film, smoothing_sheet
from noneq.report.figures import canvas, svg
from noneq.report.html import Figure, Picture
from noneq.studies.genphys.curves import excess_picture, sweep_picture
from noneq.studies.genphys.table import spoken, table_picture, verdicts
from noneq.studies.running import Kept
from noneq.studies.sheets import samples_by_case, samples_sheet
from noneq.studies.table_one.data import AbstractDataSet, Digits, Shape
from noneq.studies.table_one.study import SHAPES


SHARE = 0.2
"""The weight of the smaller of the two charges."""
CHARGES = "two_charges:"
_SMOOTHED = ("diffusion", "poisson", "yukawa", "dissipative_wave", "wave", "biharmonic")
_LINES = ("poisson", "yukawa")
_TRUE = 3000
_SOURCE = {
    "source_free": ("#0072b2", "o"),
    "weights": ("#009e73", "s"),
    "resampling": ("#56b4e9", "D"),
    "branching": ("#cc79a7", "^"),
    "ignored": ("#d55e00", "X"),
}


def figures(rows: Sequence[Mapping[str, Any]], cells: Sequence[Kept]) -> list[Figure]:
    """All pictures of the study.

    Args:
        rows: rows of the results file.
        cells: the finished cells.
    """
    pictures = (
        table_picture(rows),
        charges_picture(rows),
        *blobs(tuple(verdicts(rows))),
        *(
            samples_sheet(case, _true(case) | methods)
            for case, methods in samples_by_case(cells).items()
        ),
        excess_picture(rows),
        *(sweep_picture(rows, kind) for kind in ("steps", "error")),
    )
    return [picture for picture in pictures if picture is not None]


def charges_picture(rows: Sequence[Mapping[str, Any]]) -> Picture | None:
    """The weight of the smaller charge that comes back; None without such rows."""
    weight = _charges(rows, "weight_small")
    effective = _charges(rows, "effective_fraction")
    if not weight:
        return None
    cases = list(dict.fromkeys(case for case, _ in weight))
    handlings = [name for name in _SOURCE if any(method == name for _, method in weight)]
    with canvas(size=(7.4, 3.6)) as (figure, axes):
        axes.axhline(SHARE, color="#24292f", lw=1.0)
        axes.annotate(
            "true", (1, SHARE), (4, 0), xycoords=("axes fraction", "data"), va="center",
            textcoords="offset points", fontsize=8.5,
        )  # fmt: skip
        for i in range(1, len(cases)):
            axes.axvline(i - 0.5, color="#d0d7de", lw=0.8)
        for name in handlings:
            colour, marker = _SOURCE[name]
            mine = [(case, weight[case, name]) for case in cases if (case, name) in weight]
            place = [_place(case, name, cases, weight) for case, _ in mine]
            axes.errorbar(
                place, [r["value"] for _, r in mine], [3 * (r["stderr"] or 0.0) for _, r in mine],
                fmt=marker, color=colour, capsize=3, ms=5, label=name.replace("_", " "),
            )  # fmt: skip
            if name == "weights":
                for x, (case, row) in zip(place, mine, strict=True):
                    if (case, name) in effective:
                        _note(axes, x, row, effective[case, name]["value"], colour)
        labels = [
            case.removeprefix(CHARGES).replace("=", " = ").replace(",", "\n") for case in cases
        ]
        axes.set_xticks(range(len(cases)), labels)
        axes.tick_params(axis="x", length=0)
        axes.set_xlim(-0.5, len(cases) - 0.5)
        axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
        axes.set_ylabel("weight of the smaller charge")
        figure.legend(
            *axes.get_legend_handles_labels(), loc="outside upper left", ncols=len(handlings),
            columnspacing=1.2, handletextpad=0.3,
        )  # fmt: skip
        return Picture(
            "Two charges, the source handled in several ways.",
            f"Weight of the smaller of two charges after sampling in the exact Yukawa field, by "
            f"mass m and height z at which sampling starts; bars: three standard errors; the line "
            f"is the truth, {SHARE}. Percentages: how many of the weighted particles still count.",
            "Weights of the smaller charge, true value .2: "
            + "; ".join(
                f"{c.removeprefix(CHARGES)} {m} {row['value']:.3f}"
                for (c, m), row in weight.items()
            )
            + ".",
            svg(figure),
        )


def _charges(
    rows: Sequence[Mapping[str, Any]], metric: str
) -> dict[tuple[str, str], Mapping[str, Any]]:
    return {
        (row["case"], row["method"]): row
        for row in rows
        if row["metric"] == metric and row["case"].startswith(CHARGES)
    }


def _place(case: str, name: str, cases: Sequence[str], weight: Mapping[Any, Any]) -> float:
    """Side by side about the number of the case."""
    there = [handling for handling in _SOURCE if (case, handling) in weight]
    return cases.index(case) + (there.index(name) - (len(there) - 1) / 2) * 0.17


def _note(axes: Any, x: float, row: Mapping[str, Any], effective: float, colour: str) -> None:
    axes.annotate(
        f"{effective:.0%}", (x, row["value"] + 3 * (row["stderr"] or 0.0)), (0, 5),
        textcoords="offset points", ha="center", fontsize=8, color=colour,
    )  # fmt: skip


def blobs(names: Sequence[str]) -> list[Picture]:
    """Smoothing and field lines of those of the equations that are shown.

    Args:
        names: equations of the zoo.
    """
    films = {name: film(zoo(2)[name]) for name in _SMOOTHED if name in names}
    made = []
    if films:
        shown = {spoken(name): each for name, each in films.items()}
        made.append(
            Picture(
                "Two blobs over time.",
                "Density over time, from the data to when the longest wave has decayed or turned, "
                "in a periodic box; white is 0, blue the highest density of each panel, orange is "
                "negative. An equation that generates ends flat and never turns orange.",
                f"Heat maps of two blobs over time under {', '.join(shown)}.",
                smoothing_sheet(shown),
            )
        )
    lined = [films[name] for name in _LINES if name in films]
    if lined:
        made.append(
            Picture(
                "Field lines.",
                "Lines of v = p v / p, which sampling follows backwards to the data.",
                f"Field lines of {' and '.join(n for n in _LINES if n in films)} about two blobs.",
                field_lines(*lined),
            )
        )
    return made


def _true(case: str) -> dict[str, Mapping[str, np.ndarray]]:
    """Fresh samples of a data set, for comparison; none where they cannot be had."""
    data: AbstractDataSet
    if case in SHAPES:
        data = Shape(case, SHAPES[case], 2, _TRUE)
    elif case == "digits" and importlib.util.find_spec("sklearn") is not None:
        data = Digits()
    else:
        return {}
    return {"optimal": {"samples": data.draw(jax.random.key(0)).test.values}}
