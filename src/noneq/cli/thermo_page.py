"""The folder that `noneq thermo -o` writes."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from noneq.cli.folders import folder_with
from noneq.report.thermo_page.page import thermo_report
from noneq.runs.thermodynamics import Findings


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
    page = folder_with(folder, "thermo.json", numbers)
    command = " ".join(["noneq", *map(shlex.quote, words)])
    return thermo_report(page, found, name=what.name, command=command)
