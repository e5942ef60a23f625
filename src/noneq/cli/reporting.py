"""Which report a folder gets."""

from pathlib import Path

from noneq.cli.fitting import members
from noneq.report import run_report, study_report
from noneq.store import load


def write_report(folder: Path, *, trust: bool) -> list[Path]:
    """Write the page of a study or of a run; one page for each member of an ensemble.

    Raises:
        InvalidInput: nothing finished there, or a run that needs ``trust``.
    """
    if (folder / "cells.json").exists():
        return [study_report(folder)]
    runs = members(folder)
    for run in runs:
        load(run, trust=trust)  # imports the user's own method, if the run has one
    return [run_report(run) for run in runs]
