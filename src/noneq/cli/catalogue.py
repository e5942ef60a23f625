"""What there is, found by walking the public namespace, and whom to cite for it."""

import inspect
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import equinox as eqx

from noneq.cli.model_traits import traits_of
from noneq.cli.output import listing
from noneq.cli.terms import comment, methods_listing, terms
from noneq.domains import AbstractDomain
from noneq.errors import InvalidInput
from noneq.learning.method import AbstractMethod
from noneq.runs import members
from noneq.simulation import AbstractSolver
from noneq.spec import modules, public, unknown
from noneq.store import load
from noneq.studies import AbstractStudy, studies
from noneq.systems.base import AbstractSystem


KINDS = (
    "methods", "systems", "metrics", "thermo", "inference", "control", "studies", "processes", "nets",
    "samplers", "solvers", "domains", "pdes",
)  # fmt: skip
_ACROSS = "observables"
"""Not a room but what several hold: functions of data or of a model that need no reference."""


def catalogue(kind: str = "") -> dict[str, list[dict[str, Any]]]:
    """Names and first lines of the documentation, by kind.

    Raises:
        InvalidInput: an unknown kind.
    """
    if kind == _ACROSS:
        return {kind: _observables()}
    if kind and kind not in KINDS:
        raise unknown("kind", kind, (*KINDS, _ACROSS))
    return {room: _entries(room) for room in ([kind] if kind else KINDS)}


def listings(found: dict[str, list[dict[str, Any]]]) -> list[Any]:
    """A catalogue as tables and remarks for people."""
    pieces = []
    for room, entries in found.items():
        if room == "methods":
            pieces += methods_listing(entries)
        else:
            rows = [list(entry.values()) for entry in entries]
            pieces.append(listing(list(entries[0]), rows, room))
    return pieces


def _entries(room: str) -> list[dict[str, Any]]:
    if room in ("metrics", "thermo", "inference"):
        from noneq.runs.measures import declared, known_metrics

        things: dict[str, Any] = known_metrics() if room == "metrics" else declared(room)
    elif room == "studies":
        things = studies()
    elif room == "control":
        things = public(room)
    elif room == "solvers":
        things = modules("simulation", AbstractSolver)
    elif room == "pdes":
        from noneq.pde import zoo

        return [{"name": name, "what": pde.text} for name, pde in zoo().items()]
    elif room == "methods":
        things = modules(room, AbstractMethod)
        return [
            _entry(n, t) | {"gives": ", ".join(traits_of(t))} | terms(t) for n, t in things.items()
        ]
    else:
        # Parts live beside the whole: shapes of regions, dynamics of spins.
        wholes: dict[str, type] = {"domains": AbstractDomain, "systems": AbstractSystem}
        things = modules(room, wholes.get(room, eqx.Module))
    return [_entry(name, thing) for name, thing in sorted(things.items())]


def _observables() -> list[dict[str, Any]]:
    """All functions that say what they need and compare with nothing, wherever they are."""
    from noneq.runs.measures import ROOMS, declared, needs

    found = [(name, room, f) for room in ROOMS for name, f in declared(room).items()]
    return [
        {"name": name, "room": room, "of": needs(f).of} | {"what": _entry(name, f)["what"]}
        for name, room, f in sorted(found, key=lambda entry: entry[:2])
        if not needs(f).metric
    ]


def _entry(name: str, thing: Any) -> dict[str, str]:
    return {"name": name, "what": (inspect.getdoc(thing) or "").splitlines()[0]}


def sources(name: str, *, trust: bool = False) -> list[str]:
    """BibTeX keys for a method, a study, a run folder, or a key itself.

    Args:
        name: of any of these.
        trust: allow a run whose method is code outside noneq.

    Raises:
        InvalidInput: nothing of that name, or a run that is not trusted.
    """
    if Path(name).is_dir():
        return _sources_of_run(Path(name), trust)
    methods = modules("methods", AbstractMethod)
    if name in methods:
        return [methods[name].source]
    if name in studies():
        return list(studies()[name].sources)
    known = bibliography()
    if name in known:
        return [name]
    raise unknown("name to cite", name, {*methods, *studies(), *known})


def remarks(name: str) -> list[str]:
    """Lines that BibTeX skips: what is to be known of the method besides its source."""
    found = modules("methods", AbstractMethod)
    return [comment(found[name])] if name in found else []


def _sources_of_run(folder: Path, trust: bool) -> list[str]:
    if (folder / "cells.json").exists():
        return [key for cls in _study_of(folder) for key in cls.sources]
    methods = [load(run, trust=trust).method for run in members(folder)]
    return list(dict.fromkeys(method.source for method in methods))


def _study_of(folder: Path) -> list[type[AbstractStudy]]:
    from noneq.studies.page import read_result

    name = read_result(folder)["study"]
    if name not in studies():
        raise InvalidInput(f"{folder} holds the study {name!r}, which this version does not know.")
    return [studies()[name]]


def bibliography() -> list[str]:
    """All keys of the bibliography."""
    text = (files("noneq.report") / "references.bib").read_text(encoding="utf-8")
    return re.findall(r"^@\w+\{([^,]+),", text, re.MULTILINE)
