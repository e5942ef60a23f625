"""The verb study: a whole experiment."""

from pathlib import Path
from typing import Annotated

import typer

from noneq.cli import options as o
from noneq.cli.output import emit, progress, say, table


def study(
    name: o.Study,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Run folder; noneq-NAME by default.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Minutes instead of hours.")] = False,
    part: Annotated[
        list[str], typer.Option("--part", metavar="NAME", help="Only this part of the study.")
    ] = [],  # noqa: B006
    set_: o.Set = [],  # noqa: B006
    seed: o.Seed = 0,
    workers: o.Workers = 1,
    scheduler: o.Scheduler = "",
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> int:
    """Run a study; the same command again goes on where it was stopped."""
    from noneq.cli.studying import run_and_report

    folder = Path(f"noneq-{name}") if out is None else out
    with progress(quiet, name) as show:
        result, page = run_and_report(
            name, part, set_, folder, quick=quick, seed=seed, workers=workers,
            scheduler=scheduler, progress=show,
        )  # fmt: skip
    failed = result.get("failed", ())
    for cell in failed:
        say(f"{cell['case']} {cell['method']} failed: {cell['error']}")
    emit(json, result, table(result["rows"]), f"report: {page}")
    return 3 if failed else 0
