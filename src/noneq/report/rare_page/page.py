"""The page of `noneq rare`: the answer, how it converges, whence and along which paths events come."""

from pathlib import Path

from noneq.report.citations import bibtex
from noneq.report.html import Picture, Table, render, with_error
from noneq.report.rare_page.averages import cumulants_picture
from noneq.report.rare_page.chances import chances_picture
from noneq.report.rare_page.pictures import levels_picture, paths_picture, repeats_picture
from noneq.runs.events.averages import AverageFindings
from noneq.runs.events.rare import RareFindings


_LIMITS = (
    "The number is that of the simulated system at its time step; a fitted model adds the error of its fit.",
    "The error bar is the spread of independent repeats: with few of them, and where it is as large as "
    "the value, a rarer way may have been missed altogether.",
)
_SOURCES = {
    "splitting": ("cerou2007adaptive", "brehier2016unbiasedness"),
    "forward_flux": ("allen2006simulating",),
    "weighted_ensemble": ("huber1996weighted",),
    "cloning": ("giardina2006direct",),
    "doob": ("heng2021simulating", "cerou2007adaptive"),
}


def rare_report(
    path: Path, found: RareFindings | AverageFindings, *, name: str, command: str = ""
) -> Path:
    """Write the page.

    Args:
        path: of the page.
        found: what there is to tell.
        name: of the system or run.
        command: that was typed.
    """
    rows = [
        [label.replace("_", " "), with_error(float(one.value), float(one.stderr)), f"{int(one.n)}"]
        for label, one in found.estimates
    ]
    table = Table("Numbers", ("quantity", "value", "repeats"), rows, "± one standard error.")
    return render(
        path,
        title=f"Rare events of {name}",
        lead=f"Asked: {found.question}. Found: {found.sentence}.",
        notes=found.notes,
        figures=[one for one in _pictures(found) if one is not None],
        tables=[table],
        limits=_LIMITS,
        sources=[bibtex(key) for key in _SOURCES[found.estimates[0][1].method or "splitting"]],
        command=command or f"noneq rare {name}",
    )


def _pictures(found: RareFindings | AverageFindings) -> list[Picture | None]:
    if isinstance(found, AverageFindings):
        event = found.event
        return [None if event is None else repeats_picture(event), cumulants_picture(found)]
    return [
        repeats_picture(found.event), chances_picture(found), paths_picture(found), levels_picture(found),
    ]  # fmt: skip
