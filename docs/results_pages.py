"""Tables and pictures from docs/results/*.json: nothing in them is typed by hand."""

import json
import math
from collections.abc import Collection
from pathlib import Path
from typing import Any


ROW = {
    "case": str,
    "method": str,
    "metric": str,
    "value": float,
    "stderr": float,
    "floor": float,
    "seeds": int,
}
_OPTIONAL = ("stderr", "floor")
"""May be null. A row may also name the hashes of its ``cells``, which the record lists."""
_METRICS = {
    "jensen_shannon": "Jensen–Shannon divergence, t > 0.2 (bits)",
    "jensen_shannon_transient": "Jensen–Shannon divergence, t ≤ 0.2 (bits)",
    "transition_jensen_shannon": "Jensen–Shannon divergence of transitions (bits)",
    "entropy_production_rate": "Entropy production rate (nats per unit time)",
    "nll": "Negative log-likelihood (nats, held out)",
    "nll_bound": "Bound on the negative log-likelihood (nats, held out)",
    "bits_per_dim": "Bits per dimension (held out)",
    "bits_per_dim_bound": "Bound on the bits per dimension (held out)",
    "mass_error": "Normalisation error: mass of the density on a grid, from 1",
    "sliced_w2": "Sliced Wasserstein-2 distance (unit of the data)",
    "w2": "Wasserstein-2 distance (unit of the data)",
    "mmd": "Squared maximum mean discrepancy (unbiased: about 0, also below, for equal laws)",
    "score_fpe_residual": "Residual of the Fokker–Planck equation (0 to 1)",
    "curl": "Curl of the score (0 for a gradient, 2 for a rotation)",
    "mean_kl": "Mean KL divergence of the marginals, as Gaussians (nats)",
    "bw2_squared": "Squared Bures–Wasserstein distance of the marginals, mean over the times",
    "force_error": "Error of the drift, root mean square over exact marginals",
    "cbw2_uvp": "Distance of the plan, cBW₂²-UVP (per cent, from draws)",
    "cbw2_uvp_analytic": "Distance of the plan, cBW₂²-UVP (per cent, from closed-form moments)",
    "npe": "Excess of the path energy over the squared distance W₂² (share)",
    "emd_squared": "Squared distance of optimal pairs at the time left out",
    "jacobian_error": "Error of the Jacobian of the drift (share of its norm)",
    "rotation_sign": "Sense of rotation (1: as the truth)",
    "committor_error": "Error of fate probabilities (mean absolute)",
    "mass_ratio": "Ratio of the masses of two branches (truth: 2)",
    "outlier_fraction": "Fraction of samples farther out than any of the data",
    "nfe": "Evaluations of the network for one draw",
    "train_seconds": "Training (seconds)",
    "sample_seconds": "Sampling (seconds)",
}
_WORKLOADS = {
    "simulate_1e7": "simulate 10,000 particles × 1,000 steps",
    "simulate_law_1e7": "laws in the rotating wells, 10,000 particles × 1,000 weak steps",
    "simulate_law_linear_1e7": "laws of a linear system, 10,000 particles × 1,000 weak steps",
    "ising_32x32": "Ising 32 × 32, 1,024 replicas, 50 heat-bath sweeps",
    "train_seeds8_mlp3x64": "train 3×64, batch 256, 1,000 steps, eight seeds at once",
    "train_mlp4x128_b1024": "train 4×128, batch 1,024, 2,000 steps",
    "train_mlp3x64_b256": "train 3×64, batch 256, 2,000 steps",
    "sample_heun200_n10000": "sample 10,000 points, 200 Heun steps",
    "sample_edm18_mlp3x64_n10000": "sample 10,000 points, EDM's 18 levels, 3×64",
    "sample_edm18_mlp4x128_n10000": "sample 10,000 points, EDM's 18 levels, 4×128",
    "log_prob_exact": "log-likelihood with exact divergence, 2,000 points",
}


def read(path: Path) -> dict[str, Any]:
    """A results file whose keys and rows have the documented form.

    Raises:
        ValueError: naming what is wrong.
    """
    record = json.loads(path.read_text())
    missing = {"study", "command", "versions", "machine", "rows"} - record.keys()
    if missing:
        raise ValueError(f"{path} lacks {', '.join(sorted(missing))}")
    for row in record["rows"]:
        if row.keys() - {"cells"} != ROW.keys():
            raise ValueError(f"{path}: a row has the keys {sorted(row)}, expected {sorted(ROW)}")
        for name, kind in ROW.items():
            value = row[name]
            absent = value is None and name in _OPTIONAL
            good = isinstance(value, (int, float) if kind is float else kind) and value == value
            if not (absent or good):
                raise ValueError(f"{path}: {name} = {value!r} in the row {row}")
    return record


def values(record: dict[str, Any], metric: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Rows of one metric by (case, method)."""
    rows = record["rows"]
    return {(row["case"], row["method"]): row for row in rows if row["metric"] == metric}


def number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 100 else f"{value:,.0f}"


def with_error(row: dict[str, Any]) -> str:
    """Value ± error, both cut at the error's second digit."""
    error = row["stderr"]
    if not error or not math.isfinite(error):
        return number(row["value"])
    digits = max(0, 1 - int(f"{error:e}".split("e")[1]))
    if digits > 10:
        return f"{row['value']:.3g} ± {error:.1g}"
    return f"{row['value']:.{digits}f} ± {error:.{digits}f}"


def table(head: list[str], body: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def ordered(names: list[str]) -> list[str]:
    return list(dict.fromkeys(names))


def metric_table(record: dict[str, Any], metric: str, cases: Collection[str] | None = None) -> str:
    """Methods down, cases across (those named, or all), the sampling floor as the last line."""
    found = values(record, metric)
    rows = {(c, m): row for (c, m), row in found.items() if cases is None or c in cases}
    cases, methods = ordered([c for c, _ in rows]), ordered([m for _, m in rows])
    body = [
        [m, *(with_error(rows[c, m]) if (c, m) in rows else "" for c in cases)] for m in methods
    ]
    floors = {c: [r["floor"] for (k, _), r in rows.items() if k == c and r["floor"]] for c in cases}
    if any(floors.values()):
        mean = lambda some: number(sum(some) / len(some)) if some else ""
        body.append(["*sampling floor*", *(mean(floors[c]) for c in cases)])
    return table(["", *cases], body)


def title_of(metric: str) -> str:
    """What a metric is, with its unit."""
    return _METRICS.get(metric, metric.replace("_", " "))


def study_page(record: dict[str, Any]) -> str:
    """All metrics of a study."""
    names = ordered([row["metric"] for row in record["rows"]])
    parts = []
    for metric in [*(m for m in _METRICS if m in names), *(m for m in names if m not in _METRICS)]:
        seeds = sorted({row["seeds"] for row in values(record, metric).values()})
        parts += [
            f"## {title_of(metric)}\n",
            f"`{metric}`, seeds per number: {', '.join(map(str, seeds))}.\n",
        ]
        parts += [metric_table(record, metric)]
    return "\n".join(parts)


def speed_table(record: dict[str, Any]) -> str:
    """Our seconds, and for each peer how many times longer it takes."""
    seconds, ratios = values(record, "seconds"), values(record, "ratio")
    body = []
    for case in ordered([c for c, _ in seconds]):
        ours = seconds.get((case, "noneq"))
        peers = [
            f"{method.removesuffix(' (peer)')} {with_error(row)} ×"
            for (c, method), row in ratios.items()
            if c == case
        ]
        took = "" if ours is None else f"{ours['value']:.3g} s"
        body.append([_WORKLOADS.get(case, case), took, "; ".join(peers)])
    return table(["workload", "noneq", "peer's time / ours"], body)


def share_table(record: dict[str, Any]) -> str:
    """Share of the machine's large matrix product that training reaches."""
    shares = values(record, "share_of_matmul")
    body = [[_WORKLOADS.get(c, c), m, f"{row['value']:.0%}"] for (c, m), row in shares.items()]
    return table(["workload", "method", "share"], body)


def provenance(record: dict[str, Any]) -> str:
    """Command, machine and versions; and of earlier runs that some rows come from."""
    lines = [f"`{record['command']}` {_where(record)}.\n"]
    for run in record.get("earlier", ()):
        lines.append(f"Measured earlier {_where(run)}: {'; '.join(run['of'])}.\n")
    return "\n".join(lines)


def _where(run: dict[str, Any]) -> str:
    machine = run["machine"]
    versions = ", ".join(f"{name} {v}" for name, v in run["versions"].items())
    return f"on {machine['cores']} cores ({machine['processor']}); {versions}"


def sweep_picture(record: dict[str, Any], path: Path) -> None:
    """Jensen–Shannon divergence against the drive, with entropy production above."""
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    rows = values(record, "jensen_shannon")
    drive = lambda case: float(case.split("=")[1])
    mpl.rcParams.update({"svg.hashsalt": "noneq", "font.size": 10})
    figure, axes = plt.subplots(figsize=(6.4, 4.0), layout="constrained")
    for method in ordered([m for _, m in rows]):
        line = sorted(
            (drive(c), r["value"], r["stderr"] or 0) for (c, m), r in rows.items() if m == method
        )
        x, y, error = zip(*line, strict=True)
        axes.errorbar(x, y, error, marker="o", ms=4, capsize=2, label=method)
    floor = sorted({drive(c): r["floor"] for (c, _), r in rows.items() if r["floor"]}.items())
    if floor:
        axes.plot(*zip(*floor, strict=True), "k--", lw=1, label="sampling floor")
    axes.set(xscale="log", yscale="log", xlabel="drive (rotation, × the paper's)")
    axes.set_ylabel("Jensen–Shannon divergence (bits)")
    ticks = sorted({drive(c) for c, _ in rows})
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.minorticks_off()
    production = values(record, "entropy_production_rate")
    rate = sorted((drive(c), r["value"]) for (c, m), r in production.items() if m == "simulation")
    if rate:
        above = axes.twinx()
        above.plot(*zip(*rate, strict=True), "s:", color="0.6", ms=4, label="entropy production")
        above.set(yscale="log", ylabel="entropy production (nats per unit time)")
        above.legend(frameon=False, loc="lower right")
    axes.legend(frameon=False, loc="upper left")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
