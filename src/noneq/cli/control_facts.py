"""From the words of `noneq control` to what it finds, and back to numbers."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from noneq.cli.requests import make_system
from noneq.cli.words import typed_protocol
from noneq.errors import InvalidInput, WriteFailed
from noneq.report.control_page.page import control_report
from noneq.runs.control import ControlFindings, control, erase
from noneq.store import write_text
from noneq.store.records import to_json
from noneq.systems.protocols import Protocol


def findings(name: str, asked: dict[str, Any]) -> ControlFindings:
    """The answer to one call.

    Raises:
        InvalidInput: options that do not go together, or that the system does not fit.
    """
    system = make_system(name, asked["settings"])
    parts = ("parameter", "start", "end")
    if asked["erase"]:
        if any(asked[part] is not None for part in (*parts, "values")):
            raise InvalidInput(
                "--erase takes the system as it is; leave --protocol, --from, --to, --values out."
            )
        return erase(system, duration=asked["duration"], n=asked["n"], seed=asked["seed"])
    missing = [
        f"--{word}"
        for word, part in zip(("protocol", "from", "to"), parts, strict=True)
        if asked[part] is None
    ]
    if missing:
        raise InvalidInput(
            f"{', '.join(missing)} missing; say what moves and between which values, such as --protocol "
            "stiffness --from 1 --to 4 (or --erase)."
        )
    shapes: list[Any] = list(asked["shapes"]) or ["optimal", "linear"]
    if asked["values"] is not None:
        shapes.append(Protocol(*typed_protocol(asked["values"], "--values")))
    return control(
        system,
        asked["parameter"],
        start=asked["start"],
        end=asked["end"],
        duration=asked["duration"],
        shapes=shapes,
        n=asked["n"],
        relax=asked["relax"],
        seed=asked["seed"],
    )


def facts(found: ControlFindings) -> dict[str, Any]:
    """The answer for machines."""
    return {
        "subject": found.title,
        "verdict": found.sentence,
        "least_work": found.bound,
        "free_energy": found.free_energy,
        "distance": None if found.least is None else found.least.distance,
        "protocols": [
            {
                "name": one.name,
                "work": float(one.work.value),
                "stderr": float(one.work.stderr),
                "dissipated": None
                if found.free_energy is None
                else float(one.work.value) - found.free_energy,
                "jumps": _jumps(one.system.protocol),
                "success": one.success,
                "n": len(one.works),
            }
            for one in found.measured
        ],
        "notes": list(found.notes),
    }


def _jumps(protocol: Any) -> list[dict[str, float]]:
    """Every jump with the values on both of its sides."""
    return [
        {"time": t, "before": float(protocol.before(t)), "after": float(protocol(t))}
        for t in protocol.jumps
    ]


def lines(found: ControlFindings) -> list[list[str]]:
    """The table for people."""
    bound = "" if found.bound is None else f"{found.bound:.5g}"
    rows = []
    for one in found.measured:
        above = "" if found.bound is None else f"{float(one.work.value) - found.bound:+.2g}"
        ends = "" if one.success is None else f"{one.success:.2%}"
        rows.append([one.name, str(one.work), above, ends])
    return [*rows, ["least of all", bound, "0", ""]] if bound else rows


def write_page(
    folder: Path, found: ControlFindings, numbers: dict[str, Any], words: Sequence[str]
) -> Path:
    """Write ``report.html`` and ``control.json`` into a folder, and return the page.

    Raises:
        WriteFailed: the disk refused.
    """
    if folder.is_file():
        raise WriteFailed(f"{folder} is a file; name a folder for report.html and control.json.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteFailed(f"cannot write to {folder}: {error.strerror or error}.") from error
    write_text(folder / "control.json", to_json(numbers))
    command = " ".join(["noneq", *map(shlex.quote, words)])
    return control_report(folder / "report.html", found, command=command)
