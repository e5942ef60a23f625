"""The verb control: from one value to another at least work."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from noneq.cli import options as o
from noneq.cli.output import emit, listing, say


@o.with_words
def control(
    system: o.System,
    parameter: Annotated[
        str | None, typer.Option("--protocol", metavar="NAME", help="The number that is moved.")
    ] = None,
    start: Annotated[float | None, typer.Option("--from", help="Its value before.")] = None,
    end: Annotated[float | None, typer.Option("--to", help="Its value after.")] = None,
    duration: Annotated[float, typer.Option("--time", help="Between both.")] = 1.0,
    shape: Annotated[
        list[str],
        typer.Option(
            "--shape", help="optimal, linear, swift or slow; repeatable; else the first two."
        ),
    ] = [],  # noqa: B006
    values: Annotated[
        str | None,
        typer.Option("--values", metavar="T:V,T:V", help="A protocol of your own, jumps too."),
    ] = None,
    erase: Annotated[
        bool, typer.Option("--erase", help="Erase the bit of a double well instead.")
    ] = False,
    n: Annotated[int, typer.Option("--n", help="Paths of each protocol.")] = 2000,
    relax: Annotated[
        float,
        typer.Option("--relax", min=0.0, help="Time before the start, of several coordinates."),
    ] = 0.0,
    set_: o.Set = [],  # noqa: B006
    out: Annotated[
        Path | None,
        typer.Option("--report", "--out", "-o", help="Folder for report.html and control.json."),
    ] = None,
    seed: o.Seed = 0,
    json: o.Json = False,
    quiet: o.Quiet = False,
    *,
    words: Sequence[str],
) -> None:
    """Drive a system from one value of a number to another: least work, and what protocols take."""
    from noneq.cli.control_facts import facts, findings, lines, write_page

    asked = {
        "parameter": parameter, "start": start, "end": end, "duration": duration, "shapes": shape,
        "values": values, "erase": erase, "n": n, "relax": relax, "settings": set_, "seed": seed,
    }  # fmt: skip
    found = findings(system, asked)
    numbers = facts(found)
    if out is not None:
        say(f"report: {write_page(out, found, numbers, words)}")
    columns = ("protocol", "mean work", "above the least", "ends as asked")
    hint = "" if out is not None else "add -o FOLDER for a page with pictures"
    shown = listing(columns, lines(found), found.title)
    emit(json, numbers, found.sentence, shown, *found.notes, hint=hint, quiet=quiet)
