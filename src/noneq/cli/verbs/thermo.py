"""The verb thermo: is it in equilibrium, and what does it cost?"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from noneq.cli import options as o
from noneq.cli.output import emit, listing, say


@o.reads_data
def thermo(
    what: Annotated[
        Path, typer.Argument(metavar="DATA|RUN", help="A file of paths, works or a chain; a run.")
    ],
    method: Annotated[
        str | None, typer.Option("--method", help="One estimator; else all that apply.")
    ] = None,
    level: Annotated[
        float, typer.Option("--level", min=1e-9, max=0.5, help="False alarms of the verdict.")
    ] = 0.01,
    system: Annotated[
        str | None, typer.Option("--system", help="The system that the paths follow, if known.")
    ] = None,
    set_: o.Set = [],  # noqa: B006
    protocol: Annotated[
        str | None,
        typer.Option(
            "--protocol", metavar="T:V,T:V", help="Its protocol: 0:1,1:4 (ramp), jumps too."
        ),
    ] = None,
    work: Annotated[
        str | None, typer.Option("--work", metavar="COLUMN", help="The rows are works of paths.")
    ] = None,
    direction: Annotated[
        str, typer.Option("--direction", metavar="COLUMN=VALUE", help="Which works are forward.")
    ] = "",
    pulls: Annotated[
        bool, typer.Option("--pulls", help="Columns force and extension: works of single pulls.")
    ] = False,
    temperature: Annotated[
        float, typer.Option("--temperature", help="Kelvin, for works in units of energy.")
    ] = 298.15,
    matrix: Annotated[
        bool, typer.Option("--matrix", help="The file is a matrix of transitions or rates.")
    ] = False,
    data: Annotated[
        Path | None, typer.Option("--data", help="Data that a run is audited with.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for report.html and thermo.json.")
    ] = None,
    lazy: o.Lazy = False,
    seed: o.Seed = 0,
    trust: o.Trust = False,
    json: o.Json = False,
    quiet: o.Quiet = False,
    *,
    layout: dict[str, Any],
    words: Sequence[str],
) -> None:
    """Entropy production, currents, work: is it in equilibrium, and what does it cost?"""
    from noneq.cli.thermo_facts import facts, findings, table
    from noneq.cli.thermo_page import write_page

    asked = {
        "method": method, "level": level, "system": system, "settings": set_,
        "protocol": protocol, "work": work, "direction": direction, "pulls": pulls,
        "temperature": temperature, "matrix": matrix, "data": data, "seed": seed,
        "trust": trust, "quiet": quiet, "lazy": lazy,
    }  # fmt: skip
    found = findings(what, layout, asked)
    numbers = facts(found)
    if out is not None:
        say(f"report: {write_page(out, what, found, numbers, words)}")
    hint = "" if out is not None else f"noneq thermo {what} … -o FOLDER"
    shown = [listing(*table(found))] if found.estimates else []
    emit(json, numbers, found.sentence, *shown, *found.notes, hint=hint, quiet=quiet)
