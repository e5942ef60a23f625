"""The page of `noneq thermo`: the verdict first, then what it rests on."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from noneq.data.ensembles import Trajectories
from noneq.domains import Discrete
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.report.chains import chain_pictures
from noneq.report.citations import bibtex
from noneq.report.html import Picture, Table, render, with_error
from noneq.report.thermo_page.model_pictures import audit_pictures
from noneq.report.thermo_page.pictures import (
    agreement_picture,
    angle_picture,
    current_picture,
    local_picture,
    work_picture,
)
from noneq.runs.thermodynamics import Findings
from noneq.runs.works import Works
from noneq.thermo import Audit, transition_matrix_from


_LIMITS = {
    "trajectories": (
        "Only what was recorded counts: a hidden degree of freedom can dissipate unseen, so that "
        "every number is a lower bound for the whole system.",
        "The numbers hold for the data's own recording interval; a coarse one hides dissipation.",
    ),
    "chain": ("The chain is taken as it stands; its entries carry no error here.",),
    "model": (
        "This is the thermodynamics of the model, not of the system behind its data; its error bars "
        "hold the sampling noise alone, not that of the fit.",
    ),
    "work": (
        "Free energies from work ask that each process starts in equilibrium; how it ends does not "
        "matter.",
    ),
}
_SOURCES = {
    "trajectories": ("seifert2012stochastic",),
    "chain": ("seifert2012stochastic", "schnakenberg1976network"),
    "model": ("seifert2012stochastic",),
    "work": (),
}
_SOURCE_OF = {
    "force_current": "frishman2020learning",
    "neep": "kim2020learning",
    "neighbours": "wang2009divergence",
    "spectral": "nardini2017entropy",
    "plug_in": "schnakenberg1976network",
    "hidden_path": "kim2020learning",
    "bar": "bennett1976efficient",
    "jarzynski": "jarzynski1997nonequilibrium",
    "crossing": "crooks1999entropy",
    "cumulants": "jarzynski1997nonequilibrium",
    "speed_limit": "aurell2011optimal",
}
"""Sources of the methods whose numbers stand on the page."""


def thermo_report(path: Path, found: Findings, *, name: str, command: str = "") -> Path:
    """Write the page.

    Args:
        path: of the page.
        found: what there is to tell.
        name: of the file or run.
        command: that was typed.
    """
    figures, notes = _figures(found)
    return render(
        path,
        title=f"Thermodynamics of {name}",
        lead=found.sentence[:1].upper() + found.sentence[1:] + ".",
        notes=[*found.notes, *notes],
        figures=figures,
        tables=[_table(found.estimates)] if found.estimates else [],
        limits=[*_LIMITS[found.subject], *found.assumptions],
        sources=[bibtex(key) for key in _sources(found)],
        command=command or f"noneq thermo {name}",
    )


def _figures(found: Findings) -> tuple[list[Picture], list[str]]:
    """Pictures by subject, and why one is missing."""
    if isinstance(found.detail, Works):
        return [work_picture(*found.detail, found.estimates[0][1])], []
    if found.subject == "chain":
        return chain_pictures(found.detail, kind="", names=found.names), []
    if isinstance(found.detail, Audit):
        return audit_pictures(found.detail, found.estimates), []
    rates = [e for name, e in found.estimates if name == "entropy_production_rate"]
    figures = [agreement_picture(rates, rates[0].unit)] if len(rates) > 1 else []
    if not isinstance(found.data, Trajectories):
        return figures, []
    discrete = isinstance(found.data.domain, Discrete)
    drawn, notes = [], []
    for draw in (_loops,) if discrete else (current_picture, angle_picture, local_picture):
        try:
            drawn += draw(found.data)
        except InvalidInput as error:
            notes.append(f"One picture less: {error}")
    return [*drawn, *figures], notes


def _loops(data: Trajectories) -> list[Picture]:
    """The chain that was counted, its currents and its loop."""
    return chain_pictures(transition_matrix_from(data), title="As counted", kind="")


def _limit(one: Estimate) -> str:
    assert one.limit is not None
    error = None if one.limit_stderr is None else one.limit_stderr.item()
    return with_error(one.limit.item(), error)


def _shown(one: Estimate) -> str:
    """The value with its error, or the mean over times."""
    sign = {"none": "", "lower": "≥ ", "upper": "≤ "}[one.bound]
    mean = one.mean()
    text = sign + with_error(mean.value.item(), mean.stderr.item())
    return text if one.value.size == 1 else f"{text}, mean of {one.value.size}"


def _sources(found: Findings) -> list[str]:
    """Of the subject, and of every method that was used."""
    used = [_SOURCE_OF[e.method] for _, e in found.estimates if e.method in _SOURCE_OF]
    return list(dict.fromkeys([*_SOURCES[found.subject], *used]))


def _table(estimates: Sequence[tuple[str, Estimate]]) -> Table:
    rows = [
        [
            name.replace("_", " "),
            one.method.replace("_", " "),
            _shown(one),
            one.unit,
            "" if one.bias is None else f"{float(np.mean(one.bias)):.3g}",
            "" if one.limit is None else _limit(one.mean()),
        ]
        for name, one in estimates
    ]
    columns = ("quantity", "method", "value", "unit", "bias taken off", "interval → 0")
    kept = [i for i in range(6) if i < 4 or any(row[i] for row in rows)]
    said = "± one standard error; ≥ and ≤ are bounds."
    if 5 in kept:
        said += " The last column extrapolates to a recording interval of 0."
    cut = [[row[i] for i in kept] for row in rows]
    return Table("Numbers", tuple(columns[i] for i in kept), cut, said)
