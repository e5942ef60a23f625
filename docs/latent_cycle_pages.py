"""The page of the study `latent_cycle`: one section for each part, pictures of the rows."""

from pathlib import Path
from typing import Any

import results_pages as results


_PARTS = {
    "bars:": "Bars and stripes",
    "digits:": "Digits",
    "frontier:": "Paying for dissipation",
    "ising:": "Spins against exact energies",
}
_METRICS = {
    "kl": "KL(data ‖ model), nats",
    "test_log_likelihood": "Held-out log-likelihood, nats",
    "energy": "Energy per spin",
    "entropy_production": "Entropy production, nats per step of the hidden chain",
    "self_transition": "Self-transition of the hidden chain",
    "autocorrelation_time": "Autocorrelation time of the visible states, steps per independent draw",
    "class_kl": "KL of class frequencies, nats",
    "classifier_error": "Error of the classifier that names the classes",
    "ep_likelihood_correlation": "Correlation over seeds of entropy production and likelihood",
    "train_seconds": "Training, seconds",
}
_INTERVAL = "ep_likelihood_correlation"


def page(record: dict[str, Any], images: Path) -> str:
    """Tables and pictures of a results file.

    Args:
        record: of `results_pages.read`.
        images: folder that pictures are written to, ``../images`` of the page.
    """
    from noneq.studies.latent_cycle.pictures import frontier_picture, sizes_picture

    rows = record["rows"]
    drawn = {
        "bars:": sizes_picture(rows, "bars"),
        "digits:": sizes_picture(rows, "digits"),
        "frontier:": frontier_picture(rows),
    }
    parts = []
    for prefix, title in _PARTS.items():
        mine = record | {"rows": [row for row in rows if row["case"].startswith(prefix)]}
        if not mine["rows"]:
            continue
        parts.append(f"## {title}\n")
        picture = drawn.get(prefix)
        if picture is not None:
            name = f"latent_cycle_{prefix.rstrip(':')}.svg"
            (images / name).write_bytes(picture.data)
            parts.append(f"**{picture.title}** {picture.caption}\n\n![](../images/{name})\n")
        parts += [section(mine, metric, said) for metric, said in _METRICS.items()]
    return "\n".join(part for part in parts if part)


def section(record: dict[str, Any], metric: str, said: str) -> str:
    """One metric: methods down, cases across."""
    found = results.values(record, metric)
    if not found:
        return ""
    seeds = "–".join(map(str, sorted({row["seeds"] for row in found.values()})))
    table = intervals(record) if metric == _INTERVAL else results.metric_table(record, metric)
    return f"### {said}\n\n`{metric}`, seeds per number: {seeds}.\n\n{table}"


def intervals(record: dict[str, Any]) -> str:
    """Correlations with their 95 % intervals."""
    of = {end: results.values(record, f"{_INTERVAL}{end}") for end in ("", "_low", "_high")}
    value = lambda end, at: f"{of[end][at]['value']:.2f}"
    body = [
        [method, case, value("", at), f"{value('_low', at)} … {value('_high', at)}"]
        for at in of[""]
        for case, method in [at]
        if at in of["_low"] and at in of["_high"]
    ]
    return results.table(["method", "case", "correlation", "95 % interval"], body)
