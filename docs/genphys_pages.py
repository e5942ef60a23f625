"""The page of the study `genphys`: verdicts, two charges, distances, and pictures of the rows."""

from pathlib import Path
from typing import Any

import results_pages as results


PNG = b"\x89PNG"
_DISTANCES = ("sliced_w2", "mmd", "w2", "nll", "outlier_fraction")
_HANDLINGS = {
    "source_free": "velocity without a source",
    "weights": "weights",
    "resampling": "resampling",
    "branching": "births and deaths",
    "ignored": "source ignored",
}


def page(record: dict[str, Any], images: Path) -> str:
    """Tables and pictures of a results file.

    Args:
        record: of `results_pages.read`.
        images: folder that pictures are written to, ``../images`` of the page.
    """
    from noneq.studies.genphys import pictures as report
    from noneq.studies.genphys.curves import excess_picture, sweep_picture
    from noneq.studies.genphys.table import verdicts

    rows = record["rows"]
    charges, excess = report.charges_picture(rows), excess_picture(rows)
    sweeps = [sweep_picture(rows, kind) for kind in ("steps", "error")]
    parts = [
        verdict_section(record),
        *(
            _shown(p, f"blobs_{i}", images)
            for i, p in enumerate(report.blobs(tuple(verdicts(rows))))
        ),
        charges_section(record),
        _shown(charges, "charges", images),
        excess_section(record),
        _shown(excess, "excess", images),
        "## Fewer steps, and networks with errors\n" if any(sweeps) else "",
        *(_shown(p, f"sweep_{i}", images) for i, p in enumerate(sweeps)),
        *(distance_section(record, metric) for metric in _DISTANCES),
    ]
    return "\n".join(part for part in parts if part)


def verdict_section(record: dict[str, Any]) -> str:
    """Which equations generate, with formulas that are derived here."""
    from noneq.studies.genphys.table import VERDICTS, condition, formulas, sign, spoken, verdicts

    body = [
        [spoken(name), *(sign(values[metric]) for metric in VERDICTS), condition(name)]
        + [*map(_plain, formulas(name))]
        for name, values in verdicts(record["rows"]).items()
    ]
    if not body:
        return ""
    head = ["", "C1", "C2", "both", "½ needs", "equation", "ω(k)", "p", "p v", "R"]
    return (
        "## Which equations generate\n\n"
        "[C1](../genphys.md#two-conditions): the density stays positive; C2: details die faster "
        "than the mean; an equation with both is s-generative. ✓ holds, ✗ fails, ½ under the "
        "condition beside it. "
        "Formulas are derived from the equation.\n\n" + results.table(head, body)
    )


def charges_section(record: dict[str, Any]) -> str:
    """The weight of the smaller charge, 0.2 in truth."""
    from noneq.studies.genphys.pictures import CHARGES, SHARE

    weights = results.values(record, "weight_small")
    effective = results.values(record, "effective_fraction")
    cases = results.ordered([case for case, _ in weights])
    if not cases:
        return ""

    def cell(case: str, handling: str) -> str:
        if (case, handling) not in weights:
            return ""
        text = results.with_error(weights[case, handling])
        share = effective.get((case, handling), {"value": 1.0})["value"]
        return text if handling in ("source_free", "ignored") else f"{text} ({share:.0%})"

    present = [h for h in _HANDLINGS if any(handling == h for _, handling in weights)]
    body = [
        [case.removeprefix(CHARGES).replace(",", ", "), *(cell(case, h) for h in present)]
        for case in cases
    ]
    return (
        "## Two charges\n\n"
        f"Weight of the smaller of two charges ({SHARE} in truth) after sampling in the exact "
        "Yukawa field of mass m from height z; ± one standard error. In brackets: the part of the "
        "particles that still counts.\n\n"
        + results.table(["", *(_HANDLINGS[h] for h in present)], body)
    )


def excess_section(record: dict[str, Any]) -> str:
    """Excess over the floor against EDM's: a ratio, or a difference where that is noise."""
    from noneq.studies.genphys.curves import METRICS, SURE, TARGET, data_sets, excess

    rows = record["rows"]
    found = {(c, m): made for c in data_sets(rows) for m in METRICS if (made := excess(rows, c, m))}
    if not found:
        return ""
    names = results.ordered([name for made in found.values() for name in made.values])
    error = lambda pair: results.with_error({"value": pair[0], "stderr": pair[1]})

    def cell(made: Any, name: str) -> str:
        if name not in made.values:
            return ""
        text = error(made.values[name])
        return f"{text} ×" if made.ratio else text if text.startswith("-") else f"+{text}"

    body = [[name, *(cell(made, name) for made in found.values())] for name in names]
    body.append(["*EDM's own excess*", *(error(made.reference) for made in found.values())])
    head = ["", *(f"{case}, {METRICS[metric]}" for case, metric in found)]
    return (
        "## Excess over the floor, against EDM's\n\n"
        f"× times EDM's excess over the sampling floor (1: as good as EDM, 0: as good as the truth, "
        f"target: at most {TARGET}). With a sign: difference from EDM, where EDM's own excess is "
        f"less than {SURE:g} standard errors and a ratio would mean nothing. ± one standard error; "
        "the floor counts as known.\n\n" + results.table(head, body)
    )


def distance_section(record: dict[str, Any], metric: str) -> str:
    """One metric of all processes on all data sets."""
    found = results.values(record, metric)
    cases = results.ordered([case for case, _ in found if ":" not in case])
    if not cases:
        return ""
    seeds = sorted({row["seeds"] for (case, _), row in found.items() if case in cases})
    return (
        f"## {results.title_of(metric)}\n\n"
        f"`{metric}`, seeds per number: {', '.join(map(str, seeds))}.\n\n"
        + results.metric_table(record, metric, cases)
    )


def _shown(picture: Any, name: str, images: Path) -> str:
    """Write a picture, if there is one; how the page shows it."""
    if picture is None:
        return ""
    file = f"genphys_{name}.{'png' if picture.data.startswith(PNG) else 'svg'}"
    (images / file).write_bytes(picture.data)
    return f"![{picture.alt}](../images/{file})\n\n**{picture.title}** {picture.caption}\n"


def _plain(text: str) -> str:
    """A formula as it is, its bars no borders of a cell."""
    return text.replace("|", "\\|").replace("_", "\\_").replace("*", "\\*")
