"""The page of the study thermo_zoo: estimates beside what they must converge to."""

from pathlib import Path
from typing import Any

import results_pages as results


_FAR, _NEVER = 3.0, 5.0
_ALLOWED = ((100, 3), (200, 4), (300, 5))
"""Of so many z, so many may be beyond 3."""
_RELATIVE = "relative_error"


def page(record: dict[str, Any], images: Path) -> str:
    """Counts, tables and pictures of a results file; what was not run is left out.

    Args:
        record: of `results_pages.read`.
        images: folder of pictures, ``../images`` of the page.
    """
    parts = (
        _verdict(record),
        _scores(record),
        _pictures(record, images),
        _estimates(record, "entropy_production_rate", "Entropy production"),
        _estimates(record, "free_energy", "Free energy"),
        _coverage(record),
        _schedules(record),
    )
    return "\n".join(part for part in parts if part)


def _scores(record: dict[str, Any]) -> str:
    """How many z are far, beside the number that chance allows."""
    z = {place: row["value"] for place, row in results.values(record, "z").items()}
    if not z:
        return ""
    far = {place: value for place, value in z.items() if abs(value) > _FAR}
    allowed = next((most for n, most in _ALLOWED if len(z) <= n), _ALLOWED[-1][1])
    worst = max(z, key=lambda place: abs(z[place]))
    named = "; ".join(f"{c}, {m}: {value:.2f}" for (c, m), value in far.items())
    return (
        f"Of {len(z)} z = (estimate − target)/error, {len(far)} are beyond ±{_FAR:g} "
        f"(allowed: {allowed}, and none beyond {_NEVER:g})"
        + (f": {named}" if far else "")
        + f". The largest is {z[worst]:.2f} ({worst[0]}, {worst[1]}).\n"
    )


def _verdict(record: dict[str, Any]) -> str:
    """The blind panel."""
    place = ("blind", "verdict")
    alarms, tried, power = (
        results.values(record, metric).get(place)
        for metric in ("false_alarms", "alarms_tried", "power_150")
    )
    if alarms is None or tried is None or power is None:
        return ""
    return (
        f"Blind panel, level 0.01: {alarms['value']:.0f} false alarms in {tried['value']:.0f} systems "
        f"in equilibrium (at most 8 allowed); power {results.with_error(power)} where σT ≥ 150 "
        "(asked for: 0.95).\n"
    )


def _pictures(record: dict[str, Any], images: Path) -> str:
    """Those that need the rows alone."""
    from noneq.studies.thermo_zoo.pictures import from_rows, truth_picture, z_picture

    rows, parts = record["rows"], []
    drawn = [truth_picture(rows), z_picture(rows), *from_rows(rows)]
    for i, one in enumerate(picture for picture in drawn if picture is not None):
        (images / f"thermo_zoo_{i}.svg").write_bytes(one.data)
        parts.append(
            f"**{one.title}** {one.caption}\n\n![{one.alt}](../images/thermo_zoo_{i}.svg)\n"
        )
    return "\n".join(parts)


def _estimates(record: dict[str, Any], metric: str, title: str) -> str:
    """A line for each system and method."""
    found = results.values(record, metric)
    columns = {name: results.values(record, name) for name in ("target", "z", _RELATIVE, "seconds")}
    body = []
    for place, row in found.items():
        target, z, relative, seconds = (columns[name].get(place) for name in columns)
        judged = "" if z is None else f"{z['value']:+.2f}"
        body.append([
            place[0], place[1], results.with_error(row),
            "" if target is None else f"{target['value']:.5g}", judged,
            "" if relative is None else f"{relative['value']:.1%} ({relative['seeds']})",
            "" if seconds is None else f"{seconds['value']:.2g}",
        ])  # fmt: skip
    if not body:
        return ""
    head = ["system", "method", "estimate", "target", "z", "relative error (trainings)", "seconds"]
    return f"## {title}\n\n" + results.table(head, body)


def _coverage(record: dict[str, Any]) -> str:
    found = results.values(record, "coverage95")
    body = [[c.removeprefix("coverage:"), m, results.with_error(r)] for (c, m), r in found.items()]
    head = ["system", "method", "share of 95 % intervals that hold the truth"]
    return "## Coverage\n\n" + results.table(head, body) if body else ""


def _schedules(record: dict[str, Any]) -> str:
    cost, w2 = (results.values(record, metric) for metric in ("entropy_production", "w2"))
    body = [
        [c.removeprefix("schedule:"), m, results.with_error(row),
         results.with_error(w2[c, m]) if (c, m) in w2 else "",
         results.number(w2[c, m]["floor"]) if (c, m) in w2 and w2[c, m]["floor"] else ""]
        for (c, m), row in cost.items()
    ]  # fmt: skip
    head = ["model", "levels", "entropy production (nats a draw)", "W₂", "floor"]
    return "## Noise schedules\n\n" + results.table(head, body) if body else ""
