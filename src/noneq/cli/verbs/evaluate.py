"""The verb evaluate: a run against data."""

from typing import Any

from noneq.cli import options as o
from noneq.cli.output import emit, table


@o.reads_data
def evaluate(
    run: o.Run,
    file: o.File,
    metrics: o.Metrics = "",
    n: o.Samples = 1000,
    frames: o.Frames = 20,
    lazy: o.Lazy = False,
    seed: o.Seed = 0,
    trust: o.Trust = False,
    json: o.Json = False,
    quiet: o.Quiet = False,
    *,
    layout: dict[str, Any],
) -> None:
    """Score a fitted model against data it has not seen."""
    from noneq.cli.requests import case_of, load_data, load_lazy, names_in
    from noneq.runs import evaluate

    data = (
        load_lazy(file, layout, quiet=quiet)
        if lazy
        else load_data(file, layout, quiet=quiet, trust=trust)
    )
    case = case_of(file, layout["components"])
    rows = evaluate(
        run, data, names_in(metrics), case=case, n=n, frames=frames, seed=seed, trust=trust
    )
    emit(json, {"rows": rows}, table(rows), hint=f"noneq report {run}", quiet=quiet)
