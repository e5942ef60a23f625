"""Pictures of the study `thermo_zoo`, from its rows; the panel's from what its cell kept."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from noneq.report.figures import canvas, svg
from noneq.report.html import Picture
from noneq.studies.running import Kept


_RATE = "entropy_production_rate"
_LOOKS = {
    "gaussian": ("#0072b2", "o"),
    "force_current": ("#d55e00", "s"),
    "force_current (limit)": ("#d55e00", "D"),
    "tur": ("#009e73", "v"),
    "system": ("#24292f", "+"),
    "neighbours": ("#cc79a7", "v"),
    "neep": ("#e69f00", "^"),
    "neep (window)": ("#e69f00", "<"),
    "spectral": ("#56b4e9", "P"),
    "plug_in": ("#0072b2", "x"),
    "cycles": ("#009e73", "1"),
    "waiting_times": ("#8c959f", "v"),
    "hidden_path": ("#8e4a6f", ">"),
    "score": ("#8e4a6f", "d"),
    "snapshots": ("#56b4e9", "v"),
}
_TINT = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
_BOUNDS = (0.90, 0.985)
_BINS = (5.0, 10.0, 20.0, 40.0, 75.0, 150.0, 300.0, 1000.0)
Rows = Sequence[Mapping[str, Any]]


def figures(rows: Rows, cells: Sequence[Kept]) -> list[Picture]:
    """All pictures of the study.

    Args:
        rows: rows of the results file.
        cells: the finished cells.
    """
    made = (truth_picture(rows), z_picture(rows), *power_pictures(cells), *from_rows(rows))
    return [picture for picture in made if picture is not None]


def from_rows(rows: Rows) -> list[Picture]:
    """Coverage and schedules."""
    made = (coverage_picture(rows), schedule_picture(rows))
    return [picture for picture in made if picture is not None]


def truth_picture(rows: Rows) -> Picture | None:
    """Estimates against what they must converge to; None without such rows."""
    value, target = _by_place(rows, _RATE), _by_place(rows, "target")
    places = [place for place in value if place in target]
    if not places:
        return None
    with canvas(size=(6.4, 5.2)) as (figure, axes):
        ends = [t["value"] for t in target.values() if t["value"] > 0]
        line = np.asarray([min(ends) / 2, max(ends) * 2])
        axes.plot(line, line, color="#24292f", lw=0.9, zorder=0)
        for method in dict.fromkeys(m for _, m in places):
            mine = [place for place in places if place[1] == method]
            x = [target[place]["value"] for place in mine]
            y = [value[place]["value"] for place in mine]
            error = [value[place]["stderr"] or 0.0 for place in mine]
            colour, marker = _LOOKS.get(method, ("#57606a", "."))
            axes.errorbar(
                x, y, error, fmt=marker, color=colour, ms=5, lw=1, mfc="none", label=method
            )
        axes.set(
            xscale="log", yscale="log",
            xlabel="what the method converges to (nats per unit time or jump)",
            ylabel="estimate",
        )  # fmt: skip
        axes.legend(ncols=2, handletextpad=0.3)
        return Picture(
            "Entropy production: estimates against the truth.",
            f"{len(places)} estimates of {len({c for c, _ in places})} systems; bars: one standard error; "
            "the line is equality. The truth is that of the method at the interval and time steps of "
            "its data.",
            f"Estimates of entropy production of {len(places)} pairs of system and method against their "
            "targets, on logarithmic axes, with the line of equality.",
            svg(figure),
        )


def z_picture(rows: Rows) -> Picture | None:
    """All z in order, beside those of a normal law; None without such rows."""
    z = np.sort([row["value"] for row in rows if row["metric"] == "z"])
    if len(z) < 3:
        return None
    from scipy.stats import norm

    with canvas(size=(5.2, 3.8)) as (figure, axes):
        expected = norm.ppf((np.arange(len(z)) + 0.5) / len(z))
        axes.plot(expected, expected, color="#24292f", lw=0.9)
        axes.plot(expected, z, "o", color="#0072b2", ms=4, mfc="none")
        for level in (-3, 3):
            axes.axhline(level, color="#d55e00", lw=0.8, ls="--")
        axes.set(xlabel="normal law", ylabel="z = (estimate − target)/error")
        far = int((np.abs(z) > 3).sum())
        return Picture(
            "Are the errors true?",
            f"All {len(z)} z in order against the quantiles of a normal law; {far} are beyond ±3 "
            "(dashed).",
            f"{len(z)} z-scores against normal quantiles; {far} beyond 3; the largest is "
            f"{np.abs(z).max():.2f}.",
            svg(figure),
        )


def power_pictures(cells: Sequence[Kept]) -> list[Picture]:
    """Power of the verdict by σT beside the best possible one."""
    kept = [cell.arrays for cell in cells if cell.case == "blind"]
    if not kept:
        return []
    from noneq.studies.thermo_zoo.panel import ideal_power

    dissipated, rejected = kept[0]["dissipated"], kept[0]["rejected"].astype(float)
    level = float(kept[0]["level"])
    with canvas(size=(6.0, 3.8)) as (figure, axes):
        fine = np.geomspace(_BINS[0], _BINS[-1], 200)
        axes.plot(
            fine, ideal_power(fine, level), color="#24292f", lw=1.2,
            label="ideal: Φ(√(σT/2) − z)",
        )  # fmt: skip
        middles, shares, errors = [], [], []
        for low, high in zip(_BINS[:-1], _BINS[1:], strict=True):
            here = rejected[(dissipated >= low) & (dissipated < high)]
            if here.size:
                share = here.mean()
                middles.append(np.sqrt(low * high))
                shares.append(share)
                # Of one more success and failure, so that 0 and 1 have an error too.
                soft = (here.sum() + 1) / (here.size + 2)
                errors.append(np.sqrt(soft * (1 - soft) / (here.size + 2)))
        axes.plot(dissipated, rejected * 1.06 - 0.03, "|", color="#8c959f", ms=6)
        axes.errorbar(
            middles, shares, errors, fmt="o", color="#d55e00", capsize=3, label="verdict, by groups"
        )
        axes.axvline(150, color="#0072b2", lw=0.8, ls="--")
        axes.axhline(0.95, color="#0072b2", lw=0.8, ls="--")
        axes.set(xscale="log", xlabel="σT (nats)", ylabel="share found out of equilibrium")
        axes.legend(loc="lower right")
        return [
            Picture(
                "Blind panel: power of the verdict.",
                f"{len(dissipated)} driven systems (ticks: found above, missed below) and shares of "
                f"groups, at level {level:g}; the curve is the power of the best current if it is known "
                "beforehand. Dashed: 0.95 from σT = 150 on is asked for.",
                "Power by σT: "
                + ", ".join(f"{m:.0f}: {s:.2f}" for m, s in zip(middles, shares, strict=True))
                + ".",
                svg(figure),
            )
        ]


def coverage_picture(rows: Rows) -> Picture | None:
    """Shares of 95 % intervals that hold the truth; None without such rows."""
    found = [row for row in rows if row["metric"] == "coverage95"]
    if not found:
        return None
    with canvas(size=(5.2, 0.6 + 0.5 * len(found))) as (figure, axes):
        axes.axvspan(*_BOUNDS, color="#ddf4ff")
        axes.axvline(0.95, color="#24292f", lw=0.9)
        names = [f"{row['case'].removeprefix('coverage:')}, {row['method']}" for row in found]
        axes.errorbar(
            [row["value"] for row in found], range(len(found)),
            xerr=[row["stderr"] for row in found], fmt="o", color="#0072b2", capsize=3,
        )  # fmt: skip
        axes.set_yticks(range(len(found)), names)
        axes.set_ylim(-0.6, len(found) - 0.4)
        axes.set_xlabel("share of 95 % intervals that hold the truth")
        return Picture(
            "Coverage.",
            "Repeats on fresh data; bars: one standard error; shaded: 90 to 98.5 %.",
            "Coverage: "
            + "; ".join(f"{n} {r['value']:.3f}" for n, r in zip(names, found, strict=True)),
            svg(figure),
        )


def schedule_picture(rows: Rows) -> Picture | None:
    """Dissipation of generation against accuracy; None without such rows."""
    cost = {
        p: r for p, r in _by_place(rows, "entropy_production").items() if p[0][:9] == "schedule:"
    }
    accuracy = _by_place(rows, "w2")
    cases = list(dict.fromkeys(case for case, _ in cost))
    if not cases:
        return None
    with canvas(size=(6.0, 3.8)) as (figure, axes):
        for case, colour in zip(cases, _TINT, strict=False):
            mine = [p for p in cost if p[0] == case and p in accuracy]
            axes.errorbar(
                [cost[p]["value"] for p in mine], [accuracy[p]["value"] for p in mine],
                xerr=[cost[p]["stderr"] for p in mine], yerr=[accuracy[p]["stderr"] for p in mine],
                fmt="o-", color=colour, ms=4, lw=1, capsize=2, label=case.removeprefix("schedule:"),
            )  # fmt: skip
            for p in mine:
                axes.annotate(
                    p[1].removeprefix("blend "), (cost[p]["value"], accuracy[p]["value"]), (3, 4),
                    textcoords="offset points", fontsize=7.5, color=colour,
                )  # fmt: skip
            axes.axvline(cost[case, "lower bound"]["value"], color=colour, lw=0.8, ls="--")
        axes.set(
            xscale="log", yscale="log",
            xlabel="entropy production of a draw (unit-variance coordinates)",
            ylabel="W₂ to the data",
        )  # fmt: skip
        axes.legend()
        return Picture(
            "What generation dissipates.",
            "Each point is a choice of noise levels at equal numbers of steps: the model's own clock, and "
            "blends of it with steps of equal length (1). Dashed: W₂² of prior and data, below which no "
            "choice can be. W₂ in the same coordinates; bars: one standard error.",
            "; ".join(f"{c} {m}: {cost[c, m]['value']:.3g}" for c, m in cost if m != "lower bound"),
            svg(figure),
        )


def _by_place(rows: Rows, metric: str) -> dict[tuple[str, str], Mapping[str, Any]]:
    return {(row["case"], row["method"]): row for row in rows if row["metric"] == metric}
