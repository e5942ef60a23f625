"""The verb sweep: one method at many settings."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from noneq.cli import options as o
from noneq.cli.output import emit, progress, say, table


Values = Annotated[
    list[str],
    typer.Option("--set", metavar="KEY=A,B", help="Try these values, e.g. net.width=64,128."),
]


@o.reads_data
def sweep(
    method: o.Method,
    file: o.File,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder; sweep_METHOD_FILE by default.")
    ] = None,
    set_: Values = [],  # noqa: B006
    with_: o.With = [],  # noqa: B006
    metrics: o.Metrics = "",
    workers: o.Workers = 1,
    scheduler: o.Scheduler = "",
    n: o.Samples = 1000,
    frames: o.Frames = 20,
    seed: o.Seed = 0,
    seeds: o.Seeds = 1,
    together: o.Together = False,
    trust: o.Trust = False,
    json: o.Json = False,
    quiet: o.Quiet = False,
    *,
    layout: dict[str, Any],
    words: Sequence[str],
) -> int:
    """Fit a method at every combination of settings; the same command does what is missing."""
    from noneq.cli.requests import (
        case_of,
        further_inputs,
        load_data,
        make_method,
        names_in,
        record_of,
    )
    from noneq.cli.words import choices
    from noneq.runs import sweep
    from noneq.runs.judgement import best

    settings = choices(set_)
    recipe = make_method(method, [], trust=trust)
    inputs = further_inputs(recipe, with_, trust)
    data = load_data(file, layout, quiet=quiet, trust=trust)
    folder = Path(f"sweep_{Path(method).stem}_{file.stem}") if out is None else out
    with progress(quiet, "sweep") as show:
        rows, failed = sweep(
            recipe, data, folder, settings, metrics=names_in(metrics), seeds=seeds, seed=seed,
            workers=workers, scheduler=scheduler, case=case_of(file, layout["components"]), n=n,
            frames=frames, inputs=inputs, record=record_of(file, layout, words), progress=show,
            together=together, trust=trust,
        )  # fmt: skip
    for cell in failed:
        say(f"{cell['name']} seed {cell['replicate']} failed: {cell['error']}")
    said = best(rows)
    facts = {"rows": rows, "failed": failed, "best": said}
    text = f"runs and metrics.json in {folder}"
    emit(json, facts, table(rows), *said, text, hint=f"noneq report {folder}", quiet=quiet)
    return 3 if failed else 0
