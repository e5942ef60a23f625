"""The verb compare: methods against each other."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from noneq.cli import options as o
from noneq.cli.output import emit, progress, say, table


@o.reads_data
def compare(
    file: o.File,
    methods: Annotated[str, typer.Option("--methods", metavar="A,B", help="Methods to fit.")],
    metrics: o.Metrics = "",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder; compare_FILE by default.")
    ] = None,
    hold_out: Annotated[
        list[float],
        typer.Option("--hold-out", metavar="TIME", help="Leave this time out and score on it."),
    ] = [],  # noqa: B006
    set_: o.Set = [],  # noqa: B006
    n: o.Samples = 1000,
    frames: o.Frames = 20,
    seed: o.Seed = 0,
    seeds: o.Seeds = 1,
    trust: o.Trust = False,
    json: o.Json = False,
    quiet: o.Quiet = False,
    *,
    layout: dict[str, Any],
    words: Sequence[str],
) -> int:
    """Fit several methods on one part of the data and score them on the rest."""
    from noneq.cli.moving import reads_velocities, say_velocities
    from noneq.cli.requests import case_of, load_data, make_methods, names_in, record_of
    from noneq.runs import compare, verdicts

    recipes = make_methods(names_in(methods), set_, trust=trust)
    layout = reads_velocities(recipes, {}, layout)
    data = load_data(file, layout, quiet=quiet, trust=trust)
    say_velocities(recipes, {}, data, quiet=quiet)
    folder = Path(f"compare_{file.stem}") if out is None else out
    with progress(quiet, "compare") as show:
        rows, failed = compare(
            recipes, data, folder, names_in(metrics), case=case_of(file, layout["components"]),
            hold_out=hold_out, n=n, frames=frames, seed=seed, seeds=seeds,
            record=record_of(file, layout, words), progress=show, trust=trust,
        )  # fmt: skip
    for name, reason in failed.items():
        say(f"{name} failed: {reason}")
    said = verdicts(rows) if hold_out else []
    facts = {"rows": rows, "failed": failed, "verdicts": said}
    text = f"runs and metrics.json in {folder}"
    emit(json, facts, table(rows), *said, text, hint=f"noneq report {folder}", quiet=quiet)
    return 3 if failed else 0
