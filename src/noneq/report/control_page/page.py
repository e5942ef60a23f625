"""The page of `noneq control`: what was asked, the least work, and each protocol beside it."""

from pathlib import Path

from noneq.report.citations import bibtex
from noneq.report.control_page.pictures import pictures
from noneq.report.html import Table, render, with_error
from noneq.runs.control import ControlFindings


_LIMITS = (
    "The least work is that of any path of potentials between both ends; a driving that can only change "
    "one number of the system may cost more.",
    "It holds for overdamped motion at one temperature that starts in equilibrium.",
    "Works are measured on paths of finite time steps: their errors are those of sampling alone.",
)


def control_report(path: Path, found: ControlFindings, *, command: str = "") -> Path:
    """Write the page.

    Args:
        path: of the page.
        found: what there is to tell.
        command: that was typed.
    """
    return render(
        path,
        title=f"Control of {found.title}",
        lead=found.sentence[:1].upper() + found.sentence[1:] + ".",
        notes=list(found.notes),
        figures=pictures(found),
        tables=[_table(found)],
        limits=list(_LIMITS),
        sources=[bibtex(key) for key in ("schmiedl2007optimal", "aurell2011optimal")],
        command=command,
    )


def _table(found: ControlFindings) -> Table:
    rows = []
    for one in found.measured:
        work = one.work
        value, error = float(work.value), float(work.stderr)
        lost = "" if found.free_energy is None else with_error(value - found.free_energy, error)
        above = "" if found.bound is None else with_error(value - found.bound, error)
        ends = "" if one.success is None else f"{one.success:.2%}"
        rows.append([one.name, with_error(value, error), lost, above, ends])
    if found.bound is not None and found.free_energy is not None:
        lost = f"{found.bound - found.free_energy:.5g}"
        rows.append(["least of all", f"{found.bound:.5g}", lost, "0", ""])
    return Table(
        "Mean work",
        ("protocol", "work", "above the free energy", "above the least work", "ends as asked"),
        rows,
        "± one standard error; energies in the system's unit. The work counts the jumps at both ends.",
    )
