"""Tables and charts of rows: one for each metric."""

from collections.abc import Mapping, Sequence
from typing import Any

from noneq.report.figures import metric_over_cases
from noneq.report.html import Figure, Picture, Table, with_error


_UNBIASED = (
    "An unbiased statistic: of equal laws it scatters about 0, so that values and floors below 0 "
    "mean no difference that these samples can show."
)


def tables(rows: Sequence[Mapping[str, Any]]) -> list[Table]:
    """One table per metric, the most compared first: cases down, methods across, the floor last."""
    made = []
    methods_of = lambda metric: len({r["method"] for r in rows if r["metric"] == metric})
    metrics = dict.fromkeys(row["metric"] for row in rows)
    for metric in sorted(metrics, key=methods_of, reverse=True):
        chosen = {(r["case"], r["method"]): r for r in rows if r["metric"] == metric}
        cases = list(dict.fromkeys(case for case, _ in chosen))
        methods = list(dict.fromkeys(method for _, method in chosen))
        floored = any(row["floor"] is not None for row in chosen.values())
        lines = []
        for case in cases:
            mine = [chosen.get((case, method)) for method in methods]
            floors = [r["floor"] for r in mine if r is not None and r["floor"] is not None]
            floor = [f"{floors[0]:.4f}" if floors else ""] if floored else []
            seeds = sorted({r["seeds"] for r in mine if r is not None})
            lines.append([case, *map(_cell, mine), *floor, "–".join(map(str, seeds))])
        header = ("case", *methods, *(["floor"] if floored else []), "seeds")
        made.append(Table(metric, header, lines, _explain(metric)))
    return made


def _cell(row: Mapping[str, Any] | None) -> str:
    return "" if row is None else with_error(row["value"], row["stderr"])


def _explain(metric: str) -> str:
    explained = {
        "jensen_shannon": "Jensen–Shannon divergence in bits, mean over the times after the "
        "transient; ± one standard error; floor: the same between two independent samples of the "
        "truth.",
        "jensen_shannon_transient": "The same, mean over the transient.",
        "jensen_shannon_excess": "Divergence minus floor with many samples at few times, in bits: "
        "what remains is the model's own error.",
        "transition_jensen_shannon": "Divergence of the histograms of transitions over one lag, "
        "in bits; learners of marginals know no motion.",
        "entropy_production_rate": "Nats per unit time.",
        "mmd": _UNBIASED,
        "energy_distance": _UNBIASED,
    }
    return explained.get(metric, "")


def charts(rows: Sequence[Mapping[str, Any]]) -> list[Figure]:
    """One chart of every metric, for rows that have no pictures of their own."""
    return [
        Picture(
            metric.replace("_", " "),
            "Points with one standard error; the floor dotted.",
            f"Chart of {metric.replace('_', ' ')} for every case and method.",
            metric_over_cases(rows, metric),
        )
        for metric in dict.fromkeys(row["metric"] for row in rows)
    ]
