"""Pictures of the study `equilibrium_flow`: sets in the plane, the attractor, patterns, designs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from noneq.report.figures import canvas, colour_of, png, svg
from noneq.report.html import Figure, Picture
from noneq.report.paths.films import field_film
from noneq.studies.equilibrium_flow.designs.pictures import design_figures
from noneq.studies.running import Kept


_COLUMNS = 5
_MARKERS = "os^"
"""One for every seven methods, as there are seven colours."""


def figures(rows: Sequence[Mapping[str, Any]], cells: Sequence[Kept]) -> list[Figure]:
    """All pictures of the study.

    Args:
        rows: rows of the results file.
        cells: the finished cells.
    """
    made: list[Figure] = []
    shapes = [cell for cell in cells if "velocity" in cell.arrays]
    for case in dict.fromkeys(cell.case for cell in shapes):
        mine = [cell for cell in shapes if cell.case == case]
        made += [_shape_picture(case, mine), _decay_picture(case, mine)]
    attractor = [cell for cell in cells if cell.case == "lorenz" and "path" in cell.arrays]
    if attractor:
        made += [_lorenz_picture(attractor), _cosines_picture(rows, "lorenz", "cosine_to_truth")]
    patterns = [cell for cell in cells if "flow" in cell.arrays]
    if patterns:
        made.append(_cosines_picture(rows, "gray_scott", "displacement_cosine"))
        made += [_pattern_film(cell) for cell in patterns]
    return made + design_figures(rows, cells)


def _shape_picture(case: str, cells: Sequence[Kept]) -> Picture:
    """Velocities over one set, and the set after 100 units."""
    with canvas(2, len(cells), size=(2.8 * len(cells), 5.4), squeeze=False) as (figure, axes):
        for column, cell in zip(axes.T, cells, strict=True):
            arrays, method = cell.arrays, cell.method
            grid, v = arrays["grid"], arrays["velocity"]
            points = arrays["points"]
            # Arrows where there are data.
            near = np.min(np.linalg.norm(grid[:, None] - points[None, :500], axis=2), axis=1) < 0.25
            column[0].plot(*points.T, ".", ms=1, color="#b6bec7", rasterized=True)
            column[0].quiver(*grid[near].T, *v[near].T, color="#0072b2", width=0.006)
            column[0].set_title(method.replace("(", "\n("), fontsize=8.5)
            away = np.linalg.norm((arrays["pushed"] - points) / points.std(0), axis=1)
            column[1].set_title(f"{np.mean(away > 0.5):.0%} are elsewhere", fontsize=8.5)
            column[1].plot(*arrays["pushed"].T, ".", ms=1, color="#d55e00", rasterized=True)
            column[1].set_xlim(column[0].get_xlim())
            column[1].set_ylim(column[0].get_ylim())
        axes[0][0].set_ylabel("velocity over the law")
        axes[1][0].set_ylabel("states after 100 units")
        data = png(figure, 110)
    return Picture(
        f"{_spoken(case)}: the learnt velocity, and what it makes of its law.",
        "Above: velocity over noised data; below: the same states after 100 units of time, and the "
        "share of those more than half a standard deviation from where they began.",
        f"Velocity fields over {case}.",
        data,
    )


def _decay_picture(case: str, cells: Sequence[Kept]) -> Picture:
    """MMD² of pushed states against time, with the floor."""
    times = (0.0, 1.0, 3.0, 10.0, 30.0, 100.0)
    with canvas(size=(6.4, 3.2)) as (figure, axes):
        for i, cell in enumerate(cells):
            axes.errorbar(
                np.asarray(times) + 0.5, np.abs(cell.arrays["mmd2"]), cell.arrays["mmd2_error"],
                fmt="o-", ms=3, lw=0.9, capsize=2, color=colour_of("", i),
                label=cell.method,
            )  # fmt: skip
        floor = float(np.mean([cell.arrays["floor"] for cell in cells]))
        axes.axhline(floor, ls=":", color="#57606a", label="floor")
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("time + 1/2")
        axes.set_ylabel("|MMD²| to fresh states")
        axes.legend(fontsize=7)
        data = svg(figure)
    return Picture(
        f"{_spoken(case)}: how long the law is kept.",
        "Unbiased MMD² of pushed states against fresh states of the noised set, with one standard "
        "error; the floor is the root mean square between fresh samples.",
        "Lines of MMD² against time.",
        data,
    )


def _spoken(case: str) -> str:
    return case.replace("_", " ").capitalize()


def _lorenz_picture(cells: Sequence[Kept]) -> Picture:
    """The data and a learnt trajectory of every method, x against z."""
    columns = min(_COLUMNS, len(cells) + 1)
    lines = -(-(len(cells) + 1) // columns)
    with canvas(lines, columns, size=(2.4 * columns, 2.5 * lines), squeeze=False) as (figure, axes):
        axes = axes.ravel()
        data = cells[0].arrays["data"]
        axes[0].plot(data[:, 0], data[:, 2], ".", ms=1, color="#b6bec7", rasterized=True)
        axes[0].set_title("snapshots", fontsize=8.5)
        for panel, cell in zip(axes[1:], cells, strict=False):
            path = cell.arrays["path"]
            panel.plot(path[:, 0], path[:, 2], lw=0.4, color="#0072b2", rasterized=True)
            panel.set_title(cell.method.replace("(", "\n("), fontsize=8)
            panel.set_xlim(axes[0].get_xlim())
            panel.set_ylim(axes[0].get_ylim())
        for panel in axes:
            panel.set_xticks([])
            panel.set_yticks([])
        for panel in axes[len(cells) + 1 :]:
            panel.set_axis_off()
        figure_data = png(figure, 120)
    words = "; ".join(
        " ".join(str(line) for line in cell.arrays["equations"])
        for cell in cells
        if "equations" in cell.arrays
    )
    return Picture(
        "Lorenz: unordered snapshots, and a trajectory of each learnt flow (x against z).",
        "50 units of time; the speed of flows without transitions is a convention."
        + (f" Equations found: {words}" if words else ""),
        "Projections of trajectories on the Lorenz attractor.",
        figure_data,
    )


def _cosines_picture(rows: Sequence[Mapping[str, Any]], part: str, metric: str) -> Picture:
    """One cosine of every method and case."""
    mine = [row for row in rows if row["case"].startswith(part) and row["metric"] == metric]
    cases = list(dict.fromkeys(row["case"] for row in mine))
    methods = list(dict.fromkeys(row["method"] for row in mine))
    with canvas(size=(6.8, 3.4)) as (figure, axes):
        for i, method in enumerate(methods):
            chosen = [row for row in mine if row["method"] == method]
            shift = 0.8 * (i + 0.5) / len(methods) - 0.4
            axes.errorbar(
                [cases.index(row["case"]) + shift for row in chosen],
                [row["value"] for row in chosen],
                [row["stderr"] or 0.0 for row in chosen],
                fmt=_MARKERS[i // 7 % 3], ms=4, capsize=2, color=colour_of("", i), label=method,
            )  # fmt: skip
        axes.set_xticks(range(len(cases)), [case.split(":")[-1] for case in cases])
        axes.set_xlim(-0.5, len(cases) - 0.5)
        axes.axhline(0.0, color="#d0d7de", lw=0.8)
        axes.set_ylabel(metric.replace("_", " "))
        figure.legend(*axes.get_legend_handles_labels(), loc="outside right", fontsize=7.5)
        data = svg(figure)
    return Picture(
        f"{part.replace('_', ' ').capitalize()}: {metric.replace('_', ' ')}.",
        "One standard error; published figures and reference fields beside.",
        f"Points of {metric} for {', '.join(methods)}.",
        data,
    )


def _pattern_film(cell: Kept) -> Picture:
    """The stochastic path of the flow beside the reaction."""
    flow, truth = (np.asarray(cell.arrays[name], np.float32) for name in ("flow", "truth"))
    count = min(len(flow), len(truth))
    # One scale for both: the span of the true field.
    low, high = truth.min(axis=(0, 2, 3)), truth.max(axis=(0, 2, 3))
    span = (high - low)[:, None, None] + 1e-6
    byte = lambda a: (255 * np.clip((a[:count] - low[:, None, None]) / span, 0, 1)).astype(np.uint8)
    name = cell.case.split(":")[1]
    return Picture(
        f"{name}: the training-free flow (left) and Gray–Scott (right) from the same snapshot.",
        "Left: dx = (v + eta s) dt + √(2 eta) dW by the published numbers; right: the reaction, "
        "20 steps of time 1 for each frame.",
        f"Film of the pattern {name}, {count} frames.",
        field_film([byte(flow), byte(truth)]),
    )
