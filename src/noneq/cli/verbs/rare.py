"""The verb rare: how probable, or how frequent, a rare transition is."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from noneq.cli import completion, options as o
from noneq.cli.output import emit, listing, progress, say


@o.with_words
def rare(
    system: Annotated[
        str,
        typer.Argument(
            metavar="SYSTEM|RUN",
            help="`noneq list systems`, a run of a model with a drift, or my_file:box, a BlackBox.",
            autocompletion=completion.systems,
        ),
    ],
    origin: Annotated[str, typer.Option("--from", metavar="SET", help='"x<-0.9", "x<0 and y>1".')],
    target: Annotated[str, typer.Option("--to", metavar="SET", help='"x>0.9".')],
    start: Annotated[
        str | None,
        typer.Option("--start", metavar="A,B", help="One number a coordinate; else as the system."),
    ] = None,
    horizon: Annotated[
        float | None,
        typer.Option(
            "--horizon", help="Time to reach it; else a rate, or with --start a committor."
        ),
    ] = None,
    score: Annotated[
        str | None, typer.Option("--score", metavar="EXPRESSION", help="How far a path has come.")
    ] = None,
    method: Annotated[
        Any,
        typer.Option("--method", help="splitting, or doob: a learnt push, with weights."),
    ] = "splitting",
    n: Annotated[int, typer.Option("--n", min=2, help="Paths of a repeat.")] = 200,
    repeats: Annotated[
        int, typer.Option("--repeats", min=2, help="Independent repeats: the error bar.")
    ] = 10,
    step: Annotated[float | None, typer.Option("--step", help="Of the simulation.")] = None,
    perturbation: Annotated[
        float | None, typer.Option("--perturbation", help="Push of copies, without noise.")
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Threads.")] = 1,
    state: Annotated[
        Path | None, typer.Option("--state", help="A file to go on from after an interruption.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for report.html and rare.json.")
    ] = None,
    set_: o.Set = [],  # noqa: B006
    seed: o.Seed = 0,
    trust: o.Trust = False,
    json: o.Json = False,
    quiet: o.Quiet = False,
    *,
    words: Sequence[str],
) -> None:
    """Probability or rate of a rare transition, by splitting of paths."""
    from noneq.cli.folders import folder_with
    from noneq.cli.rare_facts import begun, facts, lines, sought
    from noneq.report.rare_page.page import rare_report
    from noneq.runs.events.rare import rare

    nature = sought(system, set_, trust=trust)
    with progress(quiet, "splitting") as show:
        found = rare(
            nature, origin=origin, target=target, start=begun(start, nature), horizon=horizon,
            score=score, method=method, n=n, repeats=repeats, step=step, perturbation=perturbation,
            workers=workers, state=state, progress=show, seed=seed,
        )  # fmt: skip
    numbers = facts(found)
    if out is not None:
        page = folder_with(out, "rare.json", numbers)
        command = " ".join(["noneq", *map(shlex.quote, words)])
        say(f"report: {rare_report(page, found, name=system, command=command)}")
    hint = "" if out is not None else f"noneq rare {system} … -o FOLDER"
    shown = listing(("quantity", "value", "±"), lines(found))
    emit(json, numbers, found.sentence, shown, *found.notes, hint=hint, quiet=quiet)
