"""The duality table of GenPhys: equations, what their densities flow like, and the verdicts."""

from collections.abc import Mapping, Sequence
from typing import Any

from noneq.pde import judge, judged, rewrite, zoo
from noneq.report.blobs import readable
from noneq.report.figures import canvas, svg
from noneq.report.html import Picture


VERDICTS = ("c1", "c2", "s_generative")
_HEADS = ("", "equation", "ω(k)", "p", "p v", "R", "C1", "C2", "both", "½ needs")
_LEFT = (0.005, 0.145, 0.285, 0.4, 0.475, 0.64, 0.73, 0.775, 0.82, 0.877)
"""Where the columns begin, in parts of the width."""
_HALF = 0.0155
"""Half the width of a verdict."""
_SIGNS = {
    1.0: ("✓", "#0a6b4b", "#c9eadd"),
    0.5: ("½", "#7a5200", "#fbe7b8"),
    0.0: ("✗", "#8a2b06", "#f6cfbd"),
}
"""Sign, ink and shade of a verdict."""
_CASE = "verdict:"


def verdicts(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """C1, C2 and s-generative (1, 0.5 or 0) of each equation that has all three rows."""
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        if row["case"].startswith(_CASE) and row["metric"] in VERDICTS:
            found.setdefault(row["case"].removeprefix(_CASE), {})[row["metric"]] = row["value"]
    known = zoo(2)
    return {n: found[n] for n in known if len(found.get(n, ())) == len(VERDICTS)}


def spoken(name: str) -> str:
    """``klein_gordon`` as Klein–Gordon."""
    special = {"schrodinger": "Schrödinger", "klein_gordon": "Klein–Gordon"}
    for plain, written in special.items():
        name = name.replace(plain, written)
    return name.replace("_", " ")


def sign(value: float) -> str:
    """✓, ½ or ✗."""
    return _SIGNS[value][0] if value in _SIGNS else f"{value:g}"


def formulas(name: str) -> tuple[str, str, str, str, str]:
    """An equation of the zoo, omega(k) of its judged branch, p, p v and R, all derived.

    Source: `genphys`, table 1.
    """
    pde = zoo(2)[name]
    flow = rewrite(pde)
    texts = (pde.text, judged(pde).formula, flow.density, flow.flux, flow.source)
    equation, omega, density, flux, source = map(readable, texts)
    return equation, omega, density, flux, source


def condition(name: str) -> str:
    """What a conditional verdict asks for; empty where there is none."""
    return readable(judge(zoo(2)[name]).s_generative.condition or "")


def table_picture(rows: Sequence[Mapping[str, Any]]) -> Picture | None:
    """The duality table with coloured verdicts; None without rows of verdicts."""
    found = verdicts(rows)
    if not found:
        return None
    lines = len(found) + 1
    with canvas(size=(10.4, 0.3 * lines + 0.1)) as (figure, axes):
        axes.axis("off")
        axes.set_xlim(0, 1)
        axes.set_ylim(lines, 0)
        for i, (x, head) in enumerate(zip(_LEFT, _HEADS, strict=True)):
            judged = i in range(6, 9)
            place, side = (x + _HALF, "center") if judged else (x, "left")
            axes.text(place, 0.5, head, va="center", ha=side, fontsize=8.5, fontweight="bold")
        axes.axhline(1, color="#57606a", lw=0.9)
        for i, (name, values) in enumerate(found.items(), 1):
            axes.axhline(i + 1, color="#d0d7de", lw=0.6)
            _line(axes, i + 0.5, name, values)
        return Picture(
            "Which equations generate.",
            "ω(k), density p, flux p v and source R are derived from each equation; C1: the "
            "density stays positive, C2: details die faster than the mean, both: it is s-generative. "
            "✓ holds, ✗ fails, ½ holds under the condition in the last column.",
            "Table of verdicts C1, C2, s-generative: "
            + "; ".join(
                f"{spoken(n)} {', '.join(sign(v[m]) for m in VERDICTS)}" for n, v in found.items()
            )
            + ".",
            svg(figure),
        )


def _line(axes: Any, y: float, name: str, values: Mapping[str, float]) -> None:
    from matplotlib.patches import Rectangle

    axes.text(_LEFT[0], y, spoken(name), va="center", fontsize=8.5, fontweight="bold")
    for x, text in zip(_LEFT[1:6], formulas(name), strict=True):
        axes.text(x, y, text, va="center", fontsize=8)
    for x, metric in zip(_LEFT[6:9], VERDICTS, strict=True):
        _, ink, shade = _SIGNS.get(values[metric], ("", "#24292f", "#ffffff"))
        axes.add_patch(Rectangle((x - 0.004, y - 0.4), 2 * _HALF + 0.008, 0.8, color=shade, lw=0))
        axes.text(
            x + _HALF, y, sign(values[metric]),
            va="center", ha="center", fontsize=10, color=ink, fontweight="bold",
        )  # fmt: skip
    axes.text(_LEFT[9], y, condition(name), va="center", fontsize=8)
