"""Pictures of the study `latent_cycle`: likelihoods, the frontier, and the cycles themselves."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from noneq.report.chains import chain_pictures
from noneq.report.figures import canvas, svg
from noneq.report.html import Figure, Picture
from noneq.studies.running import Kept
from noneq.studies.sheets import samples_by_case, samples_sheet


_STYLE = {
    "LatentCycle": ("#0072b2", "o"),
    "LatentCycle(two_step)": ("#56b4e9", "s"),
    "LatentCycle(two layers)": ("#004a75", "D"),
    "LatentCycle(random start)": ("#009e73", "^"),
    "TiedChain": ("#e69f00", "o"),
    "TiedChain(random start)": ("#d55e00", "^"),
    "MixtureEM": ("#3d444d", "X"),
    "RBM": ("#cc79a7", "P"),
}
_PANELS = {
    "kl": "KL(data ‖ model), nats",
    "test_log_likelihood": "held-out log-likelihood, nats",
    "self_transition": "self-transition",
    "entropy_production": "entropy production, nats per step",
    "autocorrelation_time": "autocorrelation time, steps",
}


def figures(rows: Sequence[Mapping[str, Any]], cells: Sequence[Kept]) -> list[Figure]:
    """All pictures of the study.

    Args:
        rows: rows of the results file.
        cells: the finished cells.
    """
    drawn = [sizes_picture(rows, part) for part in ("bars", "digits")]
    drawn.append(frontier_picture(rows))
    made: list[Figure] = [picture for picture in drawn if picture is not None]
    for case, methods in samples_by_case(cells).items():
        cycle = methods.get("LatentCycle")
        if cycle is not None and "transition_matrix" in cycle:
            made += chain_pictures(
                cycle["transition_matrix"], cycle.get("state_means"), title=f"LatentCycle, {case}"
            )
        if case.startswith(("bars", "digits")):
            made.append(samples_sheet(case, methods))
    return made


def sizes_picture(rows: Sequence[Mapping[str, Any]], part: str) -> Picture | None:
    """What is measured against the size of the hidden layer; None without such rows."""
    mine = [row for row in rows if row["case"].startswith(f"{part}:H=")]
    metrics = [name for name in _PANELS if any(row["metric"] == name for row in mine)]
    if not metrics:
        return None
    sizes = sorted({_size(row) for row in mine})
    with canvas(1, len(metrics), size=(2.5 * len(metrics), 3.0), squeeze=False) as (figure, axes):
        for panel, metric in zip(axes[0], metrics, strict=True):
            for i, (name, (colour, marker)) in enumerate(_STYLE.items()):
                chosen = [r for r in mine if (r["method"], r["metric"]) == (name, metric)]
                shift = (i - 3.5) * 0.05
                panel.errorbar(
                    [sizes.index(_size(row)) + shift for row in chosen],
                    [row["value"] for row in chosen],
                    [row["stderr"] or 0.0 for row in chosen],
                    fmt=f"{marker}-", color=colour, ms=4, lw=0.9, capsize=2, label=name,
                )  # fmt: skip
            panel.set_xticks(range(len(sizes)), [f"{size}" for size in sizes])
            panel.set_xlabel("hidden states H (bits for RBM)")
            panel.set_title(_PANELS[metric], fontsize=8.5)
            if metric == "autocorrelation_time":
                panel.set_yscale("log")
        figure.legend(
            *axes[0][0].get_legend_handles_labels(), loc="outside upper left", ncols=4,
            columnspacing=1.2,
        )  # fmt: skip
        return Picture(
            f"{part.capitalize()}: every method against the size of its hidden layer.",
            "Means over the seeds with one standard error. Tied chain, latent cycle and mixture are "
            "the same family of laws; a restricted Boltzmann machine of H bits is a larger one.",
            f"Charts of {', '.join(_PANELS[m] for m in metrics)} against H.",
            svg(figure),
        )


def frontier_picture(rows: Sequence[Mapping[str, Any]]) -> Picture | None:
    """Likelihood against dissipation where dissipation is paid or charged for."""
    of = {(r["method"], r["metric"]): r for r in rows if r["case"].startswith("frontier:")}
    names = sorted({name for name, _ in of}, key=lambda name: _weight(name))
    if not names:
        return None
    with canvas(size=(5.4, 3.4)) as (figure, axes):
        x, y = ([of[name, metric] for name in names] for metric in ("entropy_production", "kl"))
        axes.errorbar(
            [r["value"] for r in x], [r["value"] for r in y],
            [r["stderr"] or 0.0 for r in y], [r["stderr"] or 0.0 for r in x],
            fmt="o-", color="#0072b2", ms=4, capsize=2, lw=0.9,
        )  # fmt: skip
        for i, (name, a, b) in enumerate(zip(names, x, y, strict=True)):
            axes.annotate(
                f"λ = {_weight(name):g}", (a["value"], b["value"]), (5, -12 if i % 2 else 5),
                textcoords="offset points", fontsize=8,
            )  # fmt: skip
        axes.set_xscale("symlog", linthresh=0.1)
        axes.set_xlabel("entropy production, nats per step")
        axes.set_ylabel("KL(data ‖ model), nats")
        return Picture(
            "The frontier of likelihood and dissipation.",
            "Bars and stripes: log-likelihood + λ × entropy production maximised; means over the "
            "seeds with one standard error.",
            "KL against entropy production: "
            + "; ".join(
                f"λ = {_weight(n):g}: {b['value']:.2f} at {a['value']:.2f}"
                for n, a, b in zip(names, x, y, strict=True)
            )
            + ".",
            svg(figure),
        )


def _size(row: Mapping[str, Any]) -> int:
    return int(row["case"].split("=")[1])


def _weight(name: str) -> float:
    return float(np.asarray(name.split("=")[1].rstrip(")"), float))
