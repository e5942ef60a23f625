"""Distances of the study `genphys`: excess over the floor against EDM's, and two sweeps."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from noneq.report.figures import FLOOR, canvas, svg
from noneq.report.html import Picture


REFERENCE = "EDM"
TARGET = 1.3
"""Excess over the floor that is still on a par with the reference, relative to it."""
SURE = 3.0
"""Standard errors that the reference's excess must have for a ratio to be formed."""
METRICS = {"sliced_w2": "sliced W2", "mmd": "MMD²"}
_AXES = {"steps": "steps of the sampler", "error": "relative noise on weights"}
_FAMILIES = {
    "EDM": ("#24292f",),
    "Heat": ("#8c959f",),
    "Poisson": ("#0072b2",),
    "PFGMpp": ("#009e73", "#56c7a5", "#00634a"),
    "Yukawa": ("#d55e00", "#e69f00", "#8a3b12"),
    "Fractional": ("#cc79a7", "#8e4a6f"),
}
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_MARKERS = ("o", "s", "^", "D", "v", "P")


class Excess(NamedTuple):
    """How far processes are above the floor, against the reference, on one data set.

    Attributes:
        ratio: whether values are ratios (x − floor)/(EDM − floor); else differences x − EDM,
            as EDM's excess is within its noise and a ratio would have no meaning.
        values: process to value and standard error; EDM itself is left out.
        floor: the value of samples as good as the truth.
        reference: EDM's excess and its standard error.
    """

    ratio: bool
    values: dict[str, tuple[float, float]]
    floor: float
    reference: tuple[float, float]


def excess(rows: Sequence[Mapping[str, Any]], case: str, metric: str) -> Excess | None:
    """Excess of each process over the floor, against EDM's.

    **Equation**: a ratio r = a/b of excesses has the error √(a_err² + r² b_err²)/|b|, a
    difference √(a_err² + b_err²). The floor counts as known; it cancels from differences.

    Args:
        rows: rows of the results file.
        case: data set.
        metric: one with a floor.

    Returns:
        None where EDM or the floor is missing.
    """
    mine = {r["method"]: r for r in rows if (r["case"], r["metric"]) == (case, metric)}
    base = mine.pop(REFERENCE, None)
    if base is None or base["floor"] is None or not mine:
        return None
    b, b_err = base["value"] - base["floor"], base["stderr"] or 0.0
    ratio = b > SURE * b_err
    values = {}
    for name, row in mine.items():
        a, a_err = row["value"] - base["floor"], row["stderr"] or 0.0
        values[name] = (
            (a / b, float(np.hypot(a_err, a / b * b_err)) / b)
            if ratio
            else (a - b, float(np.hypot(a_err, b_err)))
        )
    return Excess(ratio, values, 0.0 if ratio else -b, (b, b_err))


def data_sets(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Data sets that processes were trained on."""
    named = (row["case"] for row in rows if row["metric"] in METRICS)
    return [case for case in dict.fromkeys(named) if ":" not in case]


def excess_picture(rows: Sequence[Mapping[str, Any]]) -> Picture | None:
    """Excess of all processes on all data sets; None where there is none."""
    found = {
        (case, metric): made
        for case in data_sets(rows)
        for metric in METRICS
        if (made := excess(rows, case, metric)) is not None
    }
    if not found:
        return None
    cases = list(dict.fromkeys(case for case, _ in found))
    names = list(dict.fromkeys(name for made in found.values() for name in made.values))
    size = (9.6, len(cases) * (0.21 * len(names) + 0.85))
    with canvas(len(cases), len(METRICS), size=size, squeeze=False) as (figure, grid):
        for axes, case in zip(grid, cases, strict=True):
            for axis, metric in zip(axes, METRICS, strict=True):
                if (case, metric) in found:
                    _excess_panel(axis, f"{case}: {METRICS[metric]}", found[case, metric], names)
                else:
                    axis.axis("off")
            axes[1].tick_params(axis="y", labelleft=False)
        return Picture(
            "Excess over the floor, against EDM's.",
            f"How far samples of each process are from held-out data, above the floor, relative to "
            f"EDM: 1 is as good as EDM, {TARGET} the target, 0 as good as the truth. Where EDM's own "
            f"excess is not {SURE:g} standard errors above 0, a ratio means nothing and the "
            "difference is shown instead, 0 being EDM. Bars: one standard error over seeds, EDM's "
            "included; the floor counts as known.",
            f"Points with error bars: excess over the floor of {', '.join(names)} against EDM's, on "
            f"{', '.join(cases)}.",
            svg(figure),
        )


def _excess_panel(axis: Any, title: str, made: Excess, names: Sequence[str]) -> None:
    styles = styles_of(names)
    equal = 1.0 if made.ratio else 0.0
    axis.axvline(equal, color=_FAMILIES[REFERENCE][0], lw=1.0)
    axis.axvline(made.floor, color=FLOOR, lw=1.0, ls=":")
    before = made.floor < equal
    marks = [
        (equal, "EDM", "#24292f", "right" if made.ratio or not before else "left"),
        (made.floor, "floor", FLOOR, "right" if before else "left"),
    ]
    if made.ratio:
        axis.axvline(TARGET, color="#d55e00", lw=1.0, ls="--")
        marks.append((TARGET, f"{TARGET}", "#d55e00", "left"))
    for name, (value, error) in made.values.items():
        colour, marker = styles[name]
        axis.errorbar(
            value, names.index(name), xerr=error, fmt=marker, color=colour, ms=5, capsize=2.5
        )
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(len(names) - 0.4, -0.6)
    low, high = axis.get_xlim()
    for x, text, colour, side in marks:
        axis.annotate(
            text, (x, 1.0), (2 if side == "left" else -2, 1), textcoords="offset points",
            xycoords=axis.get_xaxis_transform(), ha=side, va="bottom", fontsize=7.5, color=colour,
        )  # fmt: skip
    axis.set_xlim(low, high)
    axis.set_xlabel(_said_below(axis, made), fontsize=8.5)
    axis.set_title(title, pad=14)


def _said_below(axis: Any, made: Excess) -> str:
    """What the axis measures; small differences are counted in a power of ten."""
    b, error = made.reference
    if made.ratio:
        return f"excess / EDM's excess ({b:.2g} ± {error:.1g})"
    power = int(np.floor(np.log10(max(abs(x) for x in axis.get_xlim()))))
    unit = 10.0**power if power < -1 else 1.0
    axis.xaxis.set_major_formatter(lambda x, _: f"{x / unit:.3g}".replace("-", "−"))
    axis.locator_params(axis="x", nbins=6)
    times = "" if unit == 1.0 else f" × 10{str(-power).translate(_SUPERSCRIPTS)}"
    return f"difference from EDM{times}; EDM's excess {b / unit:.2g} ± {error / unit:.2g} is noise"


def sweep_picture(rows: Sequence[Mapping[str, Any]], kind: str) -> Picture | None:
    """`sliced_w2` against the number of steps or the noise on weights; None without rows.

    Args:
        rows: rows of the results file.
        kind: ``steps`` or ``error``.
    """
    cases = [case for case in data_sets(rows) if _swept(rows, case, kind)]
    if not cases:
        return None
    found = {case: _swept(rows, case, kind) for case in cases}
    names = list(dict.fromkeys(name for lines in found.values() for name in lines))
    styles = styles_of(names)
    with canvas(1, len(cases), size=(9.6, 4.6), squeeze=False) as (figure, grid):
        for axis, case in zip(grid[0], cases, strict=True):
            for name, points in found[case].items():
                colour, marker = styles[name]
                aside = 1 + 0.012 * (names.index(name) - len(names) / 2)  # bars not on top
                x, y, error, _ = (np.asarray(part, float) for part in zip(*points, strict=True))
                axis.errorbar(
                    x * aside, y, np.minimum(error, 0.9 * y), color=colour, marker=marker, ms=4,
                    capsize=2, lw=1.2, label=name,
                )  # fmt: skip
            floors = [(x, f) for points in found[case].values() for x, _, _, f in points if f]
            if floors:
                x, f = zip(*sorted(set(floors)), strict=True)
                axis.plot(x, f, color=FLOOR, ls=":", label="floor")
            ticks = sorted({x for points in found[case].values() for x, *_ in points})
            axis.set_xscale("log")
            axis.set_yscale("log")
            axis.set_xticks(ticks, [f"{x:g}" for x in ticks])
            axis.minorticks_off()
            _plain(axis.yaxis)
            axis.set_title(case)
            axis.set_xlabel(_AXES[kind])
        grid[0, 0].set_ylabel("sliced W2")
        handles, labels = grid[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=min(5, len(labels)))
        return Picture(
            {"steps": "Fewer steps.", "error": "A network with errors."}[kind],
            {
                "steps": "Sliced W2 against the number of Heun steps on the straight schedule, the "
                "same for all processes; the floor dotted.",
                "error": "Sliced W2 when every weight w of the trained network becomes "
                "w (1 + size ξ), ξ ~ N(0, 1); the floor dotted.",
            }[kind]
            + " Bars: one standard error. Fewer samples than above, hence a higher floor.",
            f"Lines of sliced W2 over {_AXES[kind]} on {', '.join(cases)} for {', '.join(names)}.",
            svg(figure),
        )


def styles_of(names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Colour and marker of each process: a hue for a family, a shade and marker within it."""
    styles, counts = {}, dict.fromkeys((*_FAMILIES, ""), 0)
    for name in names:
        family = name.split("(")[0]
        family = family if family in _FAMILIES else ""
        shades = _FAMILIES.get(family, ("#56b4e9", "#f0e442"))
        nth = counts[family]
        counts[family] += 1
        first = list(counts).index(family) if len(shades) == 1 else nth
        styles[name] = (shades[nth % len(shades)], _MARKERS[first % len(_MARKERS)])
    return styles


def _swept(
    rows: Sequence[Mapping[str, Any]], case: str, kind: str
) -> dict[str, list[tuple[float, float, float, float | None]]]:
    """Process to its points (x, value, standard error, floor), in order of x."""
    lines: dict[str, list[tuple[float, float, float, float | None]]] = {}
    begin = f"{case}:{kind}="
    for row in rows:
        if row["case"].startswith(begin) and row["metric"] == "sliced_w2":
            x = float(row["case"].removeprefix(begin))
            point = (x, row["value"], row["stderr"] or 0.0, row["floor"])
            lines.setdefault(row["method"], []).append(point)
    return {name: sorted(points, key=lambda p: p[0]) for name, points in lines.items()}


def _plain(axis: Any) -> None:
    """Plain numbers on a log axis, as many as it has room for."""
    from matplotlib.ticker import FixedLocator

    low, high = axis.get_view_interval()
    span = np.log10(high / low)
    steps = (1, 1.5, 2, 3, 5, 7) if span < 1.3 else (1, 2, 5) if span < 2.6 else (1,)
    tens = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    axis.set_major_locator(FixedLocator([float(ten * step) for ten in tens for step in steps]))
    axis.set_major_formatter(lambda x, _: f"{x:g}")
    axis.axes.set_ylim(low, high)
