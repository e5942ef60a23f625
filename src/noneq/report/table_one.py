"""Pictures of the study `table_one`: tables as heat maps, and contact sheets of samples."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from noneq.report.figures import canvas, png
from noneq.report.html import Figure, Picture
from noneq.studies.running import Kept
from noneq.studies.table_one_data import corners


_INK = "#24292f"
_SHEET = 7
"""Panels in a line of a contact sheet."""
_IMAGES = 14
"""Images in a line of a contact sheet."""


def figures(rows: Sequence[Mapping[str, Any]], cells: Sequence[Kept]) -> list[Figure]:
    """All pictures of the study.

    Args:
        rows: rows of the results file.
        cells: the finished cells.
    """
    found: dict[str, dict[str, Mapping[str, np.ndarray]]] = {}
    for cell in cells:
        if cell.replicate == 0 and "samples" in cell.arrays:
            found.setdefault(cell.case, {})[cell.method] = cell.arrays
    made: list[Figure] = []
    for case, methods in found.items():
        sheet = plane_sheet if methods and _planar(methods) else image_sheet
        made.append(sheet(case, methods))
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


def plane_sheet(case: str, methods: Mapping[str, Mapping[str, np.ndarray]]) -> Picture:
    """Samples of every method, beside the truth."""
    low, high = corners(_truth(methods)["samples"], 0.08)
    count = min(len(arrays["samples"]) for arrays in methods.values())

    def draw(axes: Any, arrays: Mapping[str, np.ndarray]) -> None:
        x = arrays["samples"][:count]
        axes.scatter(x[:, 0], x[:, 1], s=1.2, linewidths=0, alpha=0.5, color="#0a3069")
        axes.set_xlim(low[0], high[0])
        axes.set_ylim(low[1], high[1])

    return Picture(
        f"{case}: samples.",
        "Held-out true samples, then those of each method; as many in each panel.",
        f"Scatter plots of samples of {case}: truth, {', '.join(_drawn(methods))}.",
        _sheet(methods, draw),
    )


def density_sheet(case: str, methods: Mapping[str, Mapping[str, np.ndarray]]) -> Picture:
    """Learnt densities of the methods that have one."""
    known = {m: a for m, a in methods.items() if "density" in a}
    low, high = corners(_truth(methods)["samples"], 0.08)
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
        _sheet(known, draw),
    )


def image_sheet(case: str, methods: Mapping[str, Mapping[str, np.ndarray]]) -> Picture:
    """A line of images for each method; the truth first."""
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
            "Held-out true images, then the first samples of each method.",
            f"Lines of sampled images of {case}: truth, {', '.join(_drawn(methods))}.",
            png(figure),
        )


def _sheet(methods: Mapping[str, Mapping[str, np.ndarray]], draw: Any) -> bytes:
    across = min(_SHEET, len(methods))
    down = -(-len(methods) // across)
    with canvas(down, across, size=(7.4, 1.25 * down), squeeze=False) as (figure, grid):
        for axes in grid.flat:
            axes.axis("off")
        for axes, (name, arrays) in zip(grid.flat, methods.items(), strict=False):
            axes.axis("on")
            draw(axes, arrays)
            axes.set_aspect("equal")
            axes.set_title(_label(name), fontsize=7.5, fontweight="normal")
            _bare(axes)
        return png(figure)


def _planar(methods: Mapping[str, Mapping[str, np.ndarray]]) -> bool:
    return all(a["samples"].ndim == 2 and a["samples"].shape[1] == 2 for a in methods.values())


def _truth(methods: Mapping[str, Mapping[str, np.ndarray]]) -> Mapping[str, np.ndarray]:
    """The true samples; the first method's where these are missing."""
    return methods.get("optimal", next(iter(methods.values())))


def _label(method: str) -> str:
    return "truth" if method == "optimal" else method.removesuffix(" (peer)")


def _drawn(methods: Mapping[str, Any]) -> list[str]:
    return [_label(m) for m in methods if m != "optimal"]


def _bare(axes: Any) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
