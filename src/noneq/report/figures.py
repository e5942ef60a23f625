"""Still pictures, as bytes of an SVG (lines) or PNG (images) file; equal input, equal bytes."""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from noneq.plain_text import legible


# Okabe and Ito's palette: distinct for all common kinds of colour vision.
COLOURS = {
    "truth": "#3d444d",
    "data": "#3d444d",
    "ScoreMatching": "#0072b2",
    "BoltzmannField": "#e69f00",
    "OracleBoltzmann": "#d55e00",
    "FlowMatching": "#009e73",
    "Transition": "#cc79a7",
    "ICFM": "#56b4e9",
    "OTCFM": "#009e73",
    "SF2M": "#0072b2",
    "OUBridge": "#d55e00",
    "DSBM": "#cc79a7",
    "LightSB": "#e69f00",
}
_OTHERS = ("#56b4e9", "#f0e442", "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00")
_MARKERS = {
    "ScoreMatching": "o",
    "BoltzmannField": "s",
    "OracleBoltzmann": "D",
    "FlowMatching": "^",
    "Transition": "v",
}
FLOOR = "#57606a"
_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "noneq",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#57606a",
    "axes.linewidth": 0.8,
    "xtick.color": "#3d444d",
    "ytick.color": "#3d444d",
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.4,
    "figure.dpi": 100,
    "image.interpolation": "nearest",
    "mathtext.fontset": "dejavusans",
}


def colour_of(name: str, position: int = 0) -> str:
    """The colour of a method; of an unknown one by its position."""
    return COLOURS.get(name, _OTHERS[position % len(_OTHERS)])


def marker_of(name: str) -> str:
    """The marker of a method."""
    return _MARKERS.get(name, "o")


@contextmanager
def canvas(
    rows: int = 1, columns: int = 1, *, size: tuple[float, float], **options: Any
) -> Iterator[tuple[Any, Any]]:
    """A figure and its axes in the house style, closed at the end.

    A text with dollars is a formula only where its ``gid`` says so (`noneq.plain_text.FORMULA`).

    Args:
        rows, columns: grid of axes.
        size: inches.
        options: further ones of `matplotlib.figure.Figure.subplots`.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        yield figure, figure.subplots(rows, columns, **options)


def svg(figure: Any) -> bytes:
    """The figure as SVG, without a date."""
    memory = io.BytesIO()
    legible(figure)
    figure.savefig(memory, format="svg", metadata={"Date": None})
    return memory.getvalue()


def png(figure: Any, dots_per_inch: int = 170) -> bytes:
    """The figure as PNG."""
    memory = io.BytesIO()
    legible(figure)
    figure.savefig(memory, format="png", dpi=dots_per_inch, metadata={"Software": None})
    return memory.getvalue()


def history(columns: Mapping[str, Sequence[float | int]]) -> bytes:
    """Losses, or what else a fit recorded, against the step.

    Args:
        columns: ``step`` and any number of others.
    """
    with canvas(size=(7.2, 2.8)) as (figure, axes):
        draw_history(axes, columns)
        return svg(figure)


def draw_history(axes: Any, columns: Mapping[str, Sequence[float | int]]) -> None:
    """The lines of `history`."""
    names = [name for name in columns if name != "step"]
    for i, name in enumerate(names):
        label = name.replace("_", " ")
        axes.plot(columns["step"], columns[name], color=_OTHERS[2 + i], label=label)
    axes.set_xlabel("step")
    values = np.concatenate([np.asarray(columns[name], float) for name in names])
    if values.size and values.min() > 0 and values.max() > 20 * values.min():
        axes.set_yscale("log")
    axes.legend()


def metric_over_cases(rows: Sequence[Mapping[str, Any]], metric: str) -> bytes:
    """One metric of a study: a point with error bar per case and method, floors as bars.

    Args:
        rows: rows of the results file.
        metric: which.
    """
    chosen = [row for row in rows if row["metric"] == metric]
    cases = list(dict.fromkeys(row["case"] for row in chosen))
    methods = list(dict.fromkeys(row["method"] for row in chosen))
    with canvas(size=(7.2, 3.0)) as (figure, axes):
        for i, method in enumerate(methods):
            mine = [row for row in chosen if row["method"] == method]
            shift = (i - (len(methods) - 1) / 2) * 0.6 / len(methods)
            place = [cases.index(row["case"]) + shift for row in mine]
            axes.errorbar(
                place,
                [row["value"] for row in mine],
                [row["stderr"] or 0.0 for row in mine],
                fmt=marker_of(method),
                color=colour_of(method, i),
                capsize=2,
                label=method,
            )
            bars = [(p, row["floor"]) for p, row in zip(place, mine, strict=True)]
            for p, floor in bars:
                if floor is not None:
                    axes.hlines(floor, p - 0.15, p + 0.15, color=FLOOR, linestyle=":")
        axes.set_xticks(range(len(cases)), cases)
        axes.set_ylabel(metric.replace("_", " "))
        axes.legend(ncols=min(4, len(methods)), loc="best")
        return svg(figure)
