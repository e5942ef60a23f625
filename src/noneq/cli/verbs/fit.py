"""The verb fit: a method and data give a run folder."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from noneq.cli import options as o
from noneq.cli.output import emit, progress


@o.reads_data
def fit(
    method: o.Method,
    file: o.File,
    out: o.Out,
    set_: o.Set = [],  # noqa: B006
    with_: o.With = [],  # noqa: B006
    seed: o.Seed = 0,
    seeds: o.Seeds = 1,
    together: o.Together = False,
    resume: o.Resume = False,
    lazy: o.Lazy = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what it would take.")
    ] = False,
    processes: o.Processes = 1,
    coordinator: o.Coordinator = "",
    rank: o.Rank = None,
    trust: o.Trust = False,
    json: o.Json = False,
    quiet: o.Quiet = False,
    *,
    layout: dict[str, Any],
    words: Sequence[str],
) -> int:
    """Fit a method to data and keep the model in a run folder."""
    from noneq.cli.moving import reads_velocities, say_velocities
    from noneq.cli.outcomes import outcome
    from noneq.cli.ranks import is_first, shares, start
    from noneq.cli.requests import further_inputs, load_data, load_lazy, make_method, record_of
    from noneq.runs import cost, fit_seeds
    from noneq.runs.costs import texts

    if shares(processes, coordinator, rank):
        return start(words, processes, coordinator, rank)
    recipe = make_method(method, set_, trust=trust)
    inputs = further_inputs(recipe, with_, trust)
    layout = layout if lazy else reads_velocities([recipe], inputs, layout)
    data: Any = (
        load_lazy(file, layout, quiet=quiet)
        if lazy
        else load_data(file, layout, quiet=quiet, trust=trust)
    )
    if not lazy:
        say_velocities([recipe], inputs, data, quiet=quiet)
    if dry_run:
        estimate = cost(recipe, data, inputs=inputs)
        emit(json, estimate, *texts(estimate))
        return 0
    with progress(quiet or not is_first(), type(recipe).__name__) as show:
        fits = fit_seeds(
            recipe, data, out, seed=seed, seeds=seeds, resume=resume, inputs=inputs,
            record=record_of(file, layout, words), progress=show, together=together, trust=trust,
        )  # fmt: skip
    if not is_first():
        return 0
    facts, text = outcome(out, fits)
    emit(json, facts, text, hint=f"noneq report {out}, noneq evaluate {out} NEW_FILE", quiet=quiet)
    return 0
