"""The page of the study control: works beside the least work."""

from pathlib import Path
from typing import Any

import results_pages as results


def page(record: dict[str, Any], images: Path) -> str:
    """Tables and pictures of a results file; what was not run is left out.

    Args:
        record: of `results_pages.read`.
        images: folder of pictures, ``../images`` of the page.
    """
    parts = (_picture(record, images), _works(record), _success(record), _others(record))
    return "\n".join(part for part in parts if part)


def _picture(record: dict[str, Any], images: Path) -> str:
    """The one that needs the rows alone."""
    from noneq.studies.control.pictures import dissipation_picture

    drawn = dissipation_picture(record["rows"])
    if drawn is None:
        return ""
    (images / "control_0.svg").write_bytes(drawn.data)
    return f"**{drawn.title}** {drawn.caption}\n\n![{drawn.alt}](../images/control_0.svg)\n"


def _works(record: dict[str, Any]) -> str:
    """A line for each process."""
    work = results.values(record, "work")
    energy = results.values(record, "free_energy")
    body = []
    for case in results.ordered([case for case, _ in work]):
        best = work.get((case, "optimal"))
        ours, linear = work.get((case, "noneq")), work.get((case, "linear"))
        if best is None or ours is None:
            continue
        z = (ours["value"] - best["value"]) / ours["stderr"] if ours["stderr"] else 0.0
        body.append([
            case.removeprefix("control:"),
            f"{energy[case, 'optimal']['value']:.5f}" if (case, "optimal") in energy else "",
            f"{best['value']:.5f}",
            results.with_error(ours),
            f"{_share(ours, best)}, z = {z:+.1f}",
            "" if linear is None else results.with_error(linear),
            "" if linear is None else _share(linear, best),
        ])  # fmt: skip
    head = [
        "process", "free energy", "least mean work", "optimal protocol, measured", "from the least",
        "linear protocol", "from the least",
    ]  # fmt: skip
    return "## Work\n\n" + results.table(head, body) if body else ""


def _share(row: dict[str, Any], best: dict[str, Any]) -> str:
    return f"{100 * (row['value'] - best['value']) / abs(best['value']):+.1f} %"


def _success(record: dict[str, Any]) -> str:
    found = results.values(record, "success")
    body = [
        [c.removeprefix("control:"), m, f"{100 * r['value']:.2f} %"] for (c, m), r in found.items()
    ]
    return (
        "## States in the right well\n\n" + results.table(["process", "protocol", "share"], body)
        if body
        else ""
    )


def _others(record: dict[str, Any]) -> str:
    """Costs of forces that steer, and what else the rows hold."""
    shown = {"work", "free_energy", "success", "seconds"}
    names = results.ordered([r["metric"] for r in record["rows"] if r["metric"] not in shown])
    return "\n".join(
        f"## {results.title_of(name)}\n\n{results.metric_table(record, name)}" for name in names
    )
