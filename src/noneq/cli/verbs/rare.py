"""The verb rare: how probable, or how frequent, a rare transition is."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

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
    origin: Annotated[
        str | None, typer.Option("--from", metavar="SET", help='"x<-0.9", "x<0 and y>1".')
    ] = None,
    target: Annotated[str | None, typer.Option("--to", metavar="SET", help='"x>0.9".')] = None,
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
        str | None,
        typer.Option(
            "--method",
            help="splitting, doob (a learnt push, with weights), forward_flux (of a rate) or "
            "weighted_ensemble (within --horizon).",
        ),
    ] = None,
    levels: Annotated[
        str | None,
        typer.Option("--levels", metavar="A,B,…", help="Of the score, for the last two."),
    ] = None,
    average: Annotated[
        str | None,
        typer.Option(
            "--average", metavar="EXPRESSION", help="Its mean over --horizon, instead of two sets."
        ),
    ] = None,
    above: Annotated[
        float | None, typer.Option("--above", help="P(the average is at least so high).")
    ] = None,
    below: Annotated[
        float | None, typer.Option("--below", help="P(the average is at most so high).")
    ] = None,
    tilts: Annotated[
        str | None,
        typer.Option(
            "--tilts", metavar="A,B,…", help="Scaled cumulants of the average at these k."
        ),
    ] = None,
    n: Annotated[
        int | None,
        typer.Option("--n", min=2, help="Paths of a repeat: 200, of time averages 1000."),
    ] = None,
    repeats: Annotated[
        int, typer.Option("--repeats", min=2, help="Independent repeats: the error bar.")
    ] = 10,
    step: Annotated[float | None, typer.Option("--step", help="Of the simulation.")] = None,
    perturbation: Annotated[
        float | None, typer.Option("--perturbation", help="Push of copies, without noise.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Threads of a splitting.")
    ] = None,
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
    """Probability or rate of a rare transition, or of a time average that stays high or low."""
    from noneq.cli.folders import folder_with
    from noneq.cli.rare_facts import begun, facts, found_for, lines, several, sought
    from noneq.report.rare_page.page import rare_report

    nature = sought(system, set_, trust=trust)
    averages = {"above": above, "below": below, "tilts": several(tilts, "--tilts")}
    transitions = {
        "score": score, "method": method, "levels": several(levels, "--levels"),
        "perturbation": perturbation, "workers": workers, "state": state,
    }  # fmt: skip
    both = {
        "start": begun(start, nature), "horizon": horizon, "n": n, "repeats": repeats, "step": step,
        "seed": seed,
    }  # fmt: skip
    with progress(quiet, method or "splitting") as show:
        found = found_for(
            nature, sets=(origin, target), average=average, averages=averages,
            transitions=transitions, both=both, show=show,
        )  # fmt: skip
    numbers = facts(found)
    if out is not None:
        page = folder_with(out, "rare.json", numbers)
        command = " ".join(["noneq", *map(shlex.quote, words)])
        say(f"report: {rare_report(page, found, name=system, command=command)}")
    hint = "" if out is not None else f"noneq rare {system} … -o FOLDER"
    shown = listing(("quantity", "value", "±"), lines(found))
    emit(json, numbers, found.sentence, shown, *found.notes, hint=hint, quiet=quiet)
