"""The folder that `noneq thermo -o` writes."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from noneq.errors import WriteFailed
from noneq.report.thermo_page.page import thermo_report
from noneq.runs.thermodynamics import Findings
from noneq.store import write_text
from noneq.store.records import to_json


def write_page(
    folder: Path,
    what: Path,
    found: Findings,
    numbers: dict[str, Any],
    words: Sequence[str],
) -> Path:
    """Write ``report.html`` and ``thermo.json`` into a folder, and return the page.

    Raises:
        WriteFailed: the disk refused.
    """
    if folder.is_file():
        raise WriteFailed(f"{folder} is a file; name a folder for report.html and thermo.json.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteFailed(f"cannot write to {folder}: {error.strerror or error}.") from error
    write_text(folder / "thermo.json", to_json(numbers))
    command = " ".join(["noneq", *map(shlex.quote, words)])
    return thermo_report(folder / "report.html", found, name=what.name, command=command)
