"""The report of several runs in one folder: methods that were compared, or seeds of one method."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from noneq.report.citations import bibtex
from noneq.report.clouds import clouds
from noneq.report.figures import colour_of
from noneq.report.html import Clouds, Figure, render
from noneq.report.observed import data_name
from noneq.report.paths.motions import path_pictures
from noneq.report.tables import tables
from noneq.runs.judgement import verdicts
from noneq.spec import to_toml
from noneq.store import load, read_rows


_PANELS = 6


def group_report(path: str | Path, runs: Mapping[str, Path]) -> Path:
    """Write ``report.html`` of a folder that holds several runs on the same data.

    Args:
        path: the folder, with ``metrics.json`` if the runs were scored.
        runs: a name for each run, and its folder.

    Returns:
        The page.

    Raises:
        InvalidInput: no finished run in one of the folders.
        DataFileError: a file that is damaged.
        WriteFailed: the disk refused.
    """
    folder = Path(path)
    rows = read_rows(folder)
    fits = {name: load(run) for name, run in runs.items()}
    first = next(iter(fits.values()))
    drawn = [figure for name, fit in list(fits.items())[:_PANELS] for figure in clouds(fit, name)]
    kept = ", ".join(f"{time:g}" for time in first.summary.times[:10])
    more = ", …" if len(first.summary.times) > 10 else ""
    return render(
        folder / "report.html",
        title=" and ".join(dict.fromkeys(type(fit.method).__name__ for fit in fits.values()))
        + (f" on {data_name(first)}" if data_name(first) else ""),
        lead=f"{len(fits)} fits ({', '.join(fits)}), trained on times {kept}{more}.",
        figures=([_side_by_side(drawn)] if drawn else []) + _paths(fits),
        tables=[replace(table, caption=_CAPTION) for table in tables(rows)],
        limits=[
            *verdicts(rows),
            "The floor is the same metric between two samples of the truth: held-out against "
            "training data, or two disjoint halves of what was held out.",
            "A number is one standard error uncertain; with one seed this holds the sampling "
            "noise of the evaluation, not that of the fit.",
        ]
        + ([] if rows else ["Not evaluated yet: `noneq evaluate RUN FILE` adds the numbers."]),
        sources=[bibtex(key) for key in dict.fromkeys(f.method.source for f in fits.values())],
        command=str(first.meta.get("command", "")) or f"noneq report {folder}",
        settings="\n".join(f"# {name}\n{to_toml(fit.method)}" for name, fit in fits.items()),
    )


_CAPTION = "Mean over the scored times, ± one standard error."


def _paths(fits: Mapping[str, Any]) -> list[Figure]:
    """Paths of the first few methods that have some."""
    return [
        replace(picture, title=f"{name}: {picture.title[0].lower()}{picture.title[1:]}")
        for name, fit in list(fits.items())[:_PANELS]
        for picture in path_pictures(fit)
    ]


def _side_by_side(drawn: list[Clouds]) -> Clouds:
    """One picture with a panel per run, on a box that holds all."""
    panels = {name: points for one in drawn for name, points in one.panels.items()}
    return replace(
        drawn[0],
        panels=panels,
        colours={name: colour_of(name, i) for i, name in enumerate(panels)},
        low=np.min([one.low for one in drawn], axis=0),
        high=np.max([one.high for one in drawn], axis=0),
    )
