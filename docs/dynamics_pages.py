"""The page of the study dynamics: laws, forces beside a peer, interventions, graphs."""

from pathlib import Path
from typing import Any

import results_pages as results


_PARTS = (
    ("Forces", "drift_error", "sfi:", "⟨δfᵀD⁻¹δf⟩/⟨fᵀD⁻¹f⟩, the mean over data sets."),
    (
        "Support",
        "support_right",
        "sfi:",
        "Share of data sets whose terms were all found, and no other.",
    ),
    ("Time", "seconds", "sfi:", "Seconds of one fit after the first."),
    ("Laws", "terms_right", "law:", "Share of records whose terms were all found, and no other."),
    (
        "",
        "max_z",
        "law:",
        "Largest distance of a coefficient from the truth, in standard errors; mean.",
    ),
    ("Intervals", "coverage95", "coverage:", "Share of 95 % intervals that hold the truth."),
    ("Interventions", "z", "intervention:", "Largest |value − exact|/error of the five moments."),
    ("", "energy_distance", "intervention:", "Distance from true paths after the knock-out."),
    ("Graphs", "auroc", "graph:", "Area under the ROC curve over all pairs of recorded nodes."),
)


def page(record: dict[str, Any], images: Path) -> str:
    """Tables and pictures of a results file; what was not run is left out.

    Args:
        record: of `results_pages.read`.
        images: folder of pictures, ``../images`` of the page.
    """
    made = [_pictures(record, images), _far(record)]
    for title, metric, start, caption in _PARTS:
        rows = results.values(record, metric)
        cases = [case for case, _ in rows if case.startswith(start)]
        if cases:
            head = f"## {title}\n\n" if title else ""
            seeds = ", ".join(str(n) for n in sorted({r["seeds"] for r in rows.values()}))
            made.append(f"{head}{caption} Data sets per number: {seeds}.\n\n{_table(rows, cases)}")
    return "\n".join(part for part in made if part)


def _table(rows: dict[tuple[str, str], dict[str, Any]], cases: list[str]) -> str:
    """Cases down, methods across, and the floor where there is one."""
    cases = results.ordered(cases)
    methods = results.ordered([m for c, m in rows if c in cases])
    floors = {c: next((r["floor"] for (k, _), r in rows.items() if k == c), None) for c in cases}
    body = []
    for case in cases:
        line = [
            case,
            *(results.with_error(rows[case, m]) if (case, m) in rows else "" for m in methods),
        ]
        floor = floors[case]
        body.append(
            line + ([results.number(floor) if floor else ""] if any(floors.values()) else [])
        )
    return results.table(["", *methods, *(["*floor*"] if any(floors.values()) else [])], body)


def _far(record: dict[str, Any]) -> str:
    """How many coefficients are beyond three standard errors."""
    total = lambda metric: sum(
        round(row["value"] * row["seeds"]) for row in results.values(record, metric).values()
    )
    count = total("coefficients")
    if not count:
        return ""
    allowed = next((most for n, most in ((100, 3), (200, 4), (300, 5)) if count <= n), 5)
    return (
        f"Of {count} coefficients of recovered laws, {total('beyond_3')} are beyond three standard "
        f"errors (allowed: {allowed}).\n"
    )


def _pictures(record: dict[str, Any], images: Path) -> str:
    from noneq.studies.dynamics.pictures import from_rows

    made = []
    for i, one in enumerate(from_rows(record["rows"])):
        (images / f"dynamics_{i}.svg").write_bytes(one.data)
        made.append(f"**{one.title}** {one.caption}\n\n![{one.alt}](../images/dynamics_{i}.svg)\n")
    return "\n".join(made)
