"""The verb fates: where the states of a run end."""

from pathlib import Path
from typing import Annotated, Any

import typer

from noneq.cli import options as o
from noneq.cli.output import emit, listing


@o.reads_data
def fates(
    run: o.Run,
    file: o.File,
    fate: Annotated[
        list[str],
        typer.Option("--fate", metavar="NAME=REGION", help="right='x > 0'; repeatable."),
    ] = [],  # noqa: B006
    by: Annotated[
        str | None,
        typer.Option(
            "--by", metavar="CONDITION", help="Fates are its values in the last snapshot."
        ),
    ] = None,
    clusters: Annotated[
        int | None,
        typer.Option("--clusters", min=2, help="Fates are so many clusters of the last snapshot."),
    ] = None,
    start: Annotated[
        float | None, typer.Option("--start", help="Time of the states; else the first one.")
    ] = None,
    end: Annotated[
        float | None, typer.Option("--end", help="Time of the ends; else the last one.")
    ] = None,
    states: Annotated[int, typer.Option("--states", min=1, help="States of that time.")] = 200,
    paths: Annotated[int, typer.Option("--paths", min=2, help="Paths from each state.")] = 100,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Write each state and its probabilities as data."),
    ] = None,
    seed: o.Seed = 0,
    trust: o.Trust = False,
    json: o.Json = False,
    quiet: o.Quiet = False,
    *,
    layout: dict[str, Any],
) -> None:
    """Which end the states of a snapshot come to, and which coordinates drive it."""
    from noneq.cli.fating import driver_text, facts_of, write_fates
    from noneq.cli.requests import load_data
    from noneq.cli.words import assignments
    from noneq.data.files import check_target
    from noneq.runs import fates

    if out is not None:
        check_target(out)
    if by is not None:
        layout = layout | {
            "condition_columns": [*dict.fromkeys([*layout["condition_columns"], by])]
        }
    data = load_data(file, layout, quiet=quiet, trust=trust)
    found = fates(
        run, data, regions=assignments(fate), by=by, clusters=clusters, start=start, end=end,
        states=states, paths=paths, seed=seed, trust=trust,
    )  # fmt: skip
    facts = facts_of(found)
    rows = [
        [one["fate"], f"{one['probability']:.4g}", f"{one['stderr']:.2g}", driver_text(one)]
        for one in facts["fates"]
    ]
    shown = listing(("fate", "probability", "±", "drivers (correlation over the states)"), rows)
    if out is not None:
        write_fates(found, out)
    emit(json, facts, shown, hint=f"noneq report {run}", quiet=quiet)
