"""Pictures of the study `prinz`: Figure 1 of its source, and the drive sweep."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from noneq.plain_text import FORMULA
from noneq.report.figures import COLOURS, FLOOR, canvas, colour_of, marker_of, png, svg
from noneq.report.html import Clouds, Figure, Picture
from noneq.studies.running import Kept
from noneq.systems import Prinz


_EQUATIONS = (
    r"$V(t,\mathbf{x}) = \cos(5\theta - d\,\frac{\pi}{2}\,t) + 10\,(r - \frac{1}{2})^2$",
    r"$\mathrm{d}\mathbf{X} = -\nabla V\,\mathrm{d}t + \sqrt{2/\beta}\;\mathrm{d}\mathbf{W},"
    r"\quad \beta = 10$",
    r"2,000 uniform starts in $[-1, 1]^2$, reflecting walls",
)


def figures(rows: Sequence[Mapping[str, Any]], cells: Sequence[Kept]) -> list[Figure]:
    """All pictures of the study.

    Args:
        rows: rows of the results file.
        cells: the finished cells.
    """
    found: dict[str, dict[str, dict[str, np.ndarray]]] = {}
    for cell in cells:
        if cell.replicate == 0:
            found.setdefault(cell.case, {})[cell.method] = cell.arrays
    cases = sorted(found, key=drive_of)
    if not cases:
        return sweep(rows)
    driven = cases[-1] if "drive=20" not in found else "drive=20"
    shown = list(dict.fromkeys([cases[0], driven]))
    made: list[Figure] = [potential(cases[0])]
    made += divergences({case: found[case] for case in shown})
    for case in shown:
        made += landscapes(found[case], case)
    made += [clouds for case in shown for clouds in samples(found[case], case)]
    made += sweep(rows) if len(cases) > 1 else []
    return made


def drive_of(case: str) -> float:
    """The number in ``drive=20``."""
    return float(case.removeprefix("drive="))


def potential(case: str) -> Picture:
    """Figure 1 (a)."""
    with canvas(1, 2, size=(7.4, 2.9), width_ratios=[1, 1.25]) as (figure, (left, right)):
        system = Prinz(drive=drive_of(case))
        edge = (np.arange(192) + 0.5) / 192 * 2 - 1
        x, y = np.meshgrid(edge, edge)
        values = _potential(system, x, y)
        image = left.imshow(
            np.minimum(values, 2.0), extent=(-1, 1, -1, 1), origin="lower", cmap="viridis"
        )
        left.contour(x, y, values, levels=np.arange(-0.75, 2, 0.5), colors="w", linewidths=0.4)
        angle = np.linspace(0.15, 1.0, 40)
        left.plot(0.8 * np.cos(angle), 0.8 * np.sin(angle), color="w", linewidth=1.6)
        left.annotate(
            "",
            (0.8 * np.cos(1.1), 0.8 * np.sin(1.1)),
            (0.8 * np.cos(0.97), 0.8 * np.sin(0.97)),
            arrowprops={"arrowstyle": "-|>", "color": "w", "mutation_scale": 14},
        )
        _plane(left)
        left.set_title("(a) potential at t = 0")
        figure.colorbar(image, ax=left, label="V (clipped at 2)", shrink=0.9)
        right.axis("off")
        for i, text in enumerate(_EQUATIONS):
            right.text(0.04, 0.74 - 0.2 * i, text, fontsize=10 if i < 2 else 9, gid=FORMULA)
        drive = "drive $d$: multiple of the source's rotation"
        right.text(0.04, 0.14, drive, fontsize=9, gid=FORMULA)
        return Picture(
            "(a) The system.",
            "Five wells on a ring turn at d·π/10 radians per unit time. Energies in units where "
            "kT = 0.1; lengths and times have no unit.",
            "Heat map of the potential: five wells on a ring of radius one half, with an arrow "
            "that shows the counter-clockwise rotation, beside the equations of motion.",
            png(figure),
        )


def divergences(found: Mapping[str, Mapping[str, Mapping[str, np.ndarray]]]) -> list[Figure]:
    """Figure 1 (b): divergence against time, the floor drawn."""
    curves = {
        case: {m: a for m, a in cell.items() if "divergence" in a} for case, cell in found.items()
    }
    curves = {case: cell for case, cell in curves.items() if cell}
    if not curves:
        return []
    with canvas(len(curves), 1, size=(7.4, 2.3 * len(curves) + 0.5), squeeze=False) as (
        figure,
        axes,
    ):
        for place, (case, cell) in zip(axes[:, 0], curves.items(), strict=True):
            floors = [a for a in cell.values()]
            longest = max(floors, key=lambda a: a["times"].size)
            place.fill_between(
                longest["times"], 0, longest["floor"], color="#d0d7de", linewidth=0, zorder=0
            )
            place.plot(
                longest["times"],
                longest["floor"],
                color=FLOOR,
                linestyle=":",
                label="floor",
                zorder=1,
            )
            for method, arrays in cell.items():
                place.plot(
                    arrays["times"], arrays["divergence"], color=colour_of(method), label=method
                )
            top = max(float(a["divergence"][a["times"] > 0.2].max(initial=0.0)) for a in floors)
            place.set_ylim(0, 1.12 * top)
            place.set_xlim(0, None)
            place.set_title(f"drive {drive_of(case):g}")
            place.set_ylabel("JSD (bit)")
        axes[-1, 0].set_xlabel("time t")
        handles, labels = max(
            (place.get_legend_handles_labels() for place in axes[:, 0]), key=lambda h: len(h[1])
        )
        figure.legend(handles, labels, ncols=3, loc="outside lower center")
        return [
            Picture(
                "(b) Error against time.",
                "Jensen–Shannon divergence (base 2) of generated against test particles, 1,000 "
                "each, 32 × 32 cells, first seed. The grey area is the sampling floor: what two "
                "independent samples of the truth give. In the transient t ≤ 0.2 curves may leave "
                "the axis.",
                "Lines of Jensen–Shannon divergence against time for each method beside the "
                f"sampling floor, one panel for each of {', '.join(curves)}.",
                svg(figure),
            )
        ]


def landscapes(cell: Mapping[str, Mapping[str, np.ndarray]], case: str) -> list[Figure]:
    """Figure 1 (c): true landscape, learned score, learned energy at one time."""
    truth = cell.get("simulation", {})
    score = cell.get("ScoreMatching", {}).get("score")
    energy = cell.get("BoltzmannField", {}).get("energy")
    if "potential" not in truth or score is None or energy is None:
        return []
    time, beta = float(truth["time"]), Prinz().beta
    with canvas(1, 3, size=(7.4, 2.75), sharey=True) as (figure, (left, middle, right)):
        images = {"extent": (-1, 1, -1, 1), "origin": "lower", "cmap": "viridis"}
        above = lambda v: np.minimum(v - v.min(), 30.0)
        shown = left.imshow(above(beta * truth["potential"]), vmin=0, vmax=30, **images)
        _plane(left)
        left.set_title("true landscape")
        middle.imshow(above(beta * truth["potential"]), vmin=0, vmax=30, alpha=0.25, **images)
        edge = (np.arange(score.shape[0]) + 0.5) / score.shape[0] * 2 - 1
        size = np.linalg.norm(score, axis=-1, keepdims=True)
        # Lengths span decades: arrows grow with the logarithm.
        arrows = score / np.maximum(size, 1e-9) * np.log1p(size / 10)
        middle.quiver(
            edge,
            edge,
            arrows[..., 0],
            arrows[..., 1],
            color=COLOURS["ScoreMatching"],
            pivot="mid",
            width=0.006,
            scale=60,
        )
        _plane(middle)
        middle.set_title("learned score")
        right.imshow(above(energy), vmin=0, vmax=30, **images)
        _plane(right)
        right.set_title("learned energy")
        for place in (middle, right):
            place.set_ylabel("")
        figure.colorbar(shown, ax=[left, middle, right], label="energy / kT", shrink=0.8)
        return [
            Picture(
                f"(c) Landscapes at drive {drive_of(case):g}, t = {time:g}.",
                "True V/kT; the score ∇ log p of ScoreMatching (arrow lengths logarithmic, over "
                "the faded truth); the energy learned by BoltzmannField. Energies above their "
                "minimum, cut at 30 kT.",
                "Three maps of the box: the true potential with five wells, arrows of the learned "
                "score that point to where particles are, and the learned energy.",
                png(figure),
            )
        ]


def samples(cell: Mapping[str, Mapping[str, np.ndarray]], case: str) -> list[Figure]:
    """Figure 1 (d): truth and generated samples over time, with a slider."""
    with_cloud = {name: arrays for name, arrays in cell.items() if "cloud" in arrays}
    if not with_cloud:
        return []
    names = {name: "truth" if name == "simulation" else name for name in with_cloud}
    times = min((a["cloud_times"] for a in with_cloud.values()), key=len)
    panels = {}
    for name, arrays in with_cloud.items():
        kept = np.isclose(arrays["cloud_times"][:, None], times).any(axis=1)
        if kept.sum() == times.size:
            panels[names[name]] = arrays["cloud"][kept]
    return [
        Clouds(
            f"(d) Distribution over time at drive {drive_of(case):g}.",
            "Samples of the truth (test particles) and of each method; move the slider or press "
            "play.",
            times,
            panels,
            {name: colour_of(name) for name in panels},
            np.full(2, -1.0),
            np.full(2, 1.0),
        )
    ]


def sweep(rows: Sequence[Mapping[str, Any]]) -> list[Figure]:
    """Divergence against drive, entropy production on the second axis."""
    chosen = [
        row for row in rows if row["metric"] == "jensen_shannon" and row["method"] != "Transition"
    ]
    rates = [row for row in rows if row["metric"] == "entropy_production_rate"]
    if not chosen:
        return []
    drives = sorted({drive_of(row["case"]) for row in chosen})
    with canvas(size=(7.4, 3.9)) as (figure, axes):
        second = axes.twinx()
        second.spines["right"].set_visible(True)
        exact = sorted((drive_of(r["case"]), r["value"]) for r in rates if r["method"] == "exact")
        second.plot(*_columns(exact), color="#8c959f", linewidth=1.0, linestyle="--", zorder=0)
        seen = sorted(
            (drive_of(r["case"]), r["value"], r["stderr"]) for r in rates if r["method"] != "exact"
        )
        x, value, error = np.asarray(seen, float).reshape(-1, 3).T
        second.errorbar(x, value, error, fmt="+", color="#57606a", markersize=9, zorder=1)
        second.set_yscale("log")
        second.set_ylabel("entropy production (nat per unit time)", color="#57606a")
        axes.set_zorder(2)
        axes.patch.set_visible(False)
        floors = [
            (d, np.mean([r["floor"] for r in chosen if drive_of(r["case"]) == d])) for d in drives
        ]
        axes.plot(*_columns(floors), color=FLOOR, linestyle=":", label="floor")
        for method in dict.fromkeys(row["method"] for row in chosen):
            mine = sorted(
                (drive_of(r["case"]), r["value"], r["stderr"])
                for r in chosen
                if r["method"] == method
            )
            x, value, error = np.asarray(mine, float).T
            axes.errorbar(
                x,
                value,
                error,
                color=colour_of(method),
                marker=marker_of(method),
                markersize=5,
                capsize=2,
                label=method,
            )
        axes.set_xscale("log")
        axes.set_yscale("log")
        marks = [0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0]
        axes.set_yticks(marks, [f"{mark:g}" for mark in marks])
        low = 0.85 * min(floor for _, floor in floors)
        axes.set_ylim(low, 1.15 * max(max(r["value"] for r in chosen), 2 * low))
        axes.set_xticks(drives, [f"{d:g}" for d in drives])
        axes.minorticks_off()
        axes.set_xlabel("drive d (rotation in units of the source's)")
        axes.set_ylabel("JSD, mean over t > 0.2 (bit)")
        handles, labels = axes.get_legend_handles_labels()
        from matplotlib.lines import Line2D

        handles += [
            Line2D([], [], color="#8c959f", linestyle="--"),
            Line2D([], [], color="#57606a", marker="+", linestyle=""),
        ]
        labels += ["entropy production, exact", "entropy production, simulated"]
        figure.legend(handles, labels, ncols=4, loc="outside lower center")
        return [
            Picture(
                "Drive sweep: from quasi-static to driven.",
                "Divergence of each method (left axis; the floor dotted) and entropy production "
                "rate (right axis) against the drive. Where the oracle, which knows the true "
                "potential, leaves the floor, the equilibrium assumption itself fails.",
                "Jensen–Shannon divergence of each method and entropy production against drive; "
                "the Boltzmann oracle rises above the floor as the drive grows.",
                svg(figure),
            )
        ]


def _columns(pairs: Sequence[tuple[Any, Any]]) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(pairs, float).reshape(-1, 2).T
    return x, y


def _potential(system: Prinz, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    import jax
    import jax.numpy as jnp

    points = np.stack([x.ravel(), y.ravel()], axis=1)
    return np.asarray(jax.vmap(system.potential, (None, 0))(0.0, jnp.asarray(points))).reshape(
        x.shape
    )


def _plane(axes: Any) -> None:
    axes.set_xlabel("x")
    axes.set_ylabel("y")
    axes.set_xticks([-1, 0, 1])
    axes.set_yticks([-1, 0, 1])
    axes.set_xlim(-1, 1)
    axes.set_ylim(-1, 1)
    axes.set_aspect("equal")
