"""Pictures of the study `table_one`: tables as heat maps, and contact sheets of samples."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from noneq.report.figures import canvas, png
from noneq.report.html import Figure, Picture
from noneq.studies.running import Kept
from noneq.studies.sheets import limits_of, panels, samples_by_case, samples_sheet


_INK = "#24292f"


def figures(rows: Sequence[Mapping[str, Any]], cells: Sequence[Kept]) -> list[Figure]:
    """All pictures of the study.

    Args:
        rows: rows of the results file.
        cells: the finished cells.
    """
    made: list[Figure] = []
    for case, methods in samples_by_case(cells).items():
        made.append(samples_sheet(case, methods))
        if any("density" in arrays for arrays in methods.values()):
            made.append(density_sheet(case, methods))
    return [*maps(rows), *made]


def maps(rows: Sequence[Mapping[str, Any]]) -> list[Figure]:
    """Likelihood above the best known, and distances above their floors, for every method."""
    best = {r["case"]: r["value"] for r in rows if (r["method"], r["metric"]) == ("optimal", "nll")}
    about = (
        (
            "nll",
            "Nats above the optimum.",
            "Negative log-likelihood of held-out samples above that of the law itself, by how it "
            "is measured on the same samples; below 0 is within the sampling error. Where no "
            "density is known: above the lowest of the column.",
            best,
        ),
        (
            "w2",
            "W2 over its floor.",
            "Distance of samples from held-out ones over the distance of two sets of true samples: "
            "1 is as good as truth.",
            None,
        ),
    )
    return [
        picture
        for metric, title, caption, reference in about
        if (picture := _map(rows, metric, title, caption, reference)) is not None
    ]


def _map(
    rows: Sequence[Mapping[str, Any]],
    metric: str,
    title: str,
    caption: str,
    best: Mapping[str, float] | None,
) -> Picture | None:
    mine = [r for r in rows if r["metric"] == metric and r["method"] != "optimal"]
    mine = [r for r in mine if r["case"] != "fpe" and (best is not None or r["floor"])]
    if not mine:
        return None
    cases = list(dict.fromkeys(r["case"] for r in mine))
    methods = list(dict.fromkeys(r["method"] for r in mine))
    lowest = {c: min(r["value"] for r in mine if r["case"] == c) for c in cases}
    table = np.full((len(methods), len(cases)), np.nan)
    for r in mine:
        place = methods.index(r["method"]), cases.index(r["case"])
        if best is None:
            table[place] = r["value"] / r["floor"]
        else:
            table[place] = r["value"] - best.get(r["case"], lowest[r["case"]])
    low, high = (0.9, 2.0) if best is None else (0.0, 0.3)
    with canvas(size=(7.4, 0.9 + 0.34 * len(methods))) as (figure, axes):
        image = axes.imshow(table, cmap="YlOrRd", vmin=low, vmax=high, aspect="auto")
        for (i, j), value in np.ndenumerate(table):
            if np.isfinite(value):
                shade = "w" if value > (low + 3 * high) / 4 else _INK
                text = f"{value:.3f}" if best is not None else f"{value:.2f}"
                axes.text(j, i, text, ha="center", va="center", fontsize=8, color=shade)
        axes.set_xticks(range(len(cases)), cases, fontsize=8, rotation=20)
        axes.set_yticks(range(len(methods)), methods)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        figure.colorbar(image, ax=axes, extend="max", shrink=0.9)
        alt = f"Heat map of {metric} with a line for each of {len(methods)} methods and a column "
        return Picture(title, caption, f"{alt}for {', '.join(cases)}.", png(figure))


def density_sheet(case: str, methods: Mapping[str, Mapping[str, np.ndarray]]) -> Picture:
    """Learnt densities of the methods that have one."""
    known = {m: a for m, a in methods.items() if "density" in a}
    low, high = limits_of(methods)
    # The median: one model gone astray must not darken the others.
    top = float(np.median([np.percentile(a["density"], 99.5) for a in known.values()]))

    def draw(axes: Any, arrays: Mapping[str, np.ndarray]) -> None:
        image = arrays["density"].astype(np.float32)
        extent = tuple(float(e) for e in arrays["extent"])
        axes.imshow(image, extent=extent, origin="lower", cmap="magma", vmin=0, vmax=top)
        axes.set_xlim(low[0], high[0])
        axes.set_ylim(low[1], high[1])

    return Picture(
        f"{case}: densities.",
        "exp(log_prob) on a grid, one colour scale for all panels.",
        f"Heat maps of the learnt density of {case} for {', '.join(known)}.",
        panels(known, draw),
    )
