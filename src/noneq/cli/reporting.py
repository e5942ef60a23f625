"""Which report a folder gets."""

from collections.abc import Sequence
from pathlib import Path

from noneq.errors import InvalidInput
from noneq.report import group_report, run_report
from noneq.runs import members
from noneq.spec.names import own_function
from noneq.store import inside, load
from noneq.studies.page import study_report


def write_report(folder: Path, pictures: Sequence[str] = (), *, trust: bool) -> list[Path]:
    """Write the page of a study or of a run; of a comparison or an ensemble also each run's own.

    Args:
        folder: of the study or the run.
        pictures: ``my_file:my_picture`` …, functions of a `Fit` that draw on the page of a run.
        trust: allow code outside noneq.

    Raises:
        InvalidInput: nothing finished there, or a run or a picture that needs ``trust``.
        DataFileError: a damaged file, or links that lead elsewhere.
    """
    if (folder / "cells.json").exists():
        if pictures:
            raise InvalidInput("a study draws its own pictures; give --picture with a run.")
        return [study_report(folder)]
    own = [own_function(name, trust=trust) for name in pictures]
    runs = _runs(folder)
    for run in runs.values():
        load(run, trust=trust)  # imports the user's own method, if the run has one
    whole = [] if list(runs.values()) == [folder] else [group_report(folder, runs)]
    return whole + [run_report(run, pictures=own) for run in runs.values()]


def _runs(folder: Path) -> dict[str, Path]:
    """The run itself, the seeds of an ensemble, or all runs of a comparison, by name."""
    compared = (folder / "metrics.json").exists() and not (folder / "meta.json").exists()
    found = [run for run in members(folder) if run != folder]
    if not found and compared:
        methods = sorted(path for path in folder.iterdir() if path.is_dir())
        found = [run for path in methods for run in members(path) if (run / "meta.json").exists()]
    below = [run.relative_to(folder).parts for run in found]
    return {" ".join(parts): inside(folder, *parts) for parts in below} or {folder.name: folder}
