"""The page of `noneq rare`: the answer, how it converges, whence and along which paths events come."""

from pathlib import Path

from noneq.report.citations import bibtex
from noneq.report.html import Table, render, with_error
from noneq.report.rare_page.chances import chances_picture
from noneq.report.rare_page.pictures import levels_picture, paths_picture, repeats_picture
from noneq.runs.events.rare import RareFindings


_LIMITS = (
    "The number is that of the simulated system at its time step; a fitted model adds the error of its fit.",
    "The error bar is the spread of independent repeats: with few of them, and where it is as large as "
    "the value, a rarer way may have been missed altogether.",
)
_SOURCES = ("cerou2007adaptive", "brehier2016unbiasedness")


def rare_report(path: Path, found: RareFindings, *, name: str, command: str = "") -> Path:
    """Write the page.

    Args:
        path: of the page.
        found: what there is to tell.
        name: of the system or run.
        command: that was typed.
    """
    figures = [
        repeats_picture(found), chances_picture(found), paths_picture(found), levels_picture(found),
    ]  # fmt: skip
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
        figures=[one for one in figures if one is not None],
        tables=[table],
        limits=_LIMITS,
        sources=[bibtex(key) for key in _SOURCES],
        command=command or f"noneq rare {name}",
    )
