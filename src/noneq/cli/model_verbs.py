"""Verbs for models: fit, sample, evaluate, compare, report."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from noneq.cli import options as o
from noneq.cli.output import emit, progress, say, table


@o.reads_data
def fit(
    method: o.Method,
    file: o.File,
    out: o.Out,
    set_: o.Set = [],  # noqa: B006
    with_: o.With = [],  # noqa: B006
    seed: o.Seed = 0,
    seeds: o.Seeds = 1,
    resume: o.Resume = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what it would take.")
    ] = False,
    trust: o.Trust = False,
    json: o.Json = False,
    quiet: o.Quiet = False,
    *,
    layout: dict[str, Any],
    words: Sequence[str],
) -> None:
    """Fit a method to data and keep the model in a run folder."""
    from noneq.cli.moving import reads_velocities, say_velocities
    from noneq.cli.outcomes import outcome
    from noneq.cli.requests import further_inputs, load_data, make_method, record_of
    from noneq.runs import cost, fit_seeds
    from noneq.runs.costs import texts

    recipe = make_method(method, set_, trust=trust)
    inputs = further_inputs(recipe, with_, trust)
    layout = reads_velocities([recipe], inputs, layout)
    data = load_data(file, layout, quiet=quiet, trust=trust)
    say_velocities([recipe], inputs, data, quiet=quiet)
    if dry_run:
        estimate = cost(recipe, data, inputs=inputs)
        emit(json, estimate, *texts(estimate))
        return
    with progress(quiet, type(recipe).__name__) as show:
        fits = fit_seeds(
            recipe, data, out, seed=seed, seeds=seeds, resume=resume, inputs=inputs,
            record=record_of(file, layout, words), progress=show, trust=trust,
        )  # fmt: skip
    facts, text = outcome(out, fits)
    emit(json, facts, text, hint=f"noneq report {out}, noneq evaluate {out} NEW_FILE", quiet=quiet)


def sample(
    run: o.Run,
    out: o.Out,
    n: o.Samples = 1000,
    times: Annotated[
        str | None, typer.Option("--times", help="START:STOP:COUNT or a list; else the data's.")
    ] = None,
    paths: o.Paths = None,
    condition: o.Condition = None,
    guidance: o.Guidance = None,
    given: o.Given = [],  # noqa: B006
    set_: o.SetSampler = [],  # noqa: B006
    record: o.Record = False,
    seed: o.Seed = 0,
    trust: o.Trust = False,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Draw samples of a fitted model and write them as data."""
    from noneq.cli.requests import parse_condition, parse_given, parse_times
    from noneq.cli.words import assignments
    from noneq.data.files import check_target, write
    from noneq.runs import sample

    check_target(out)
    data = sample(
        run, n, None if times is None else parse_times(times), paths=paths,
        condition=None if condition is None else parse_condition(condition, run),
        guidance=guidance, given=parse_given(given, run), settings=assignments(set_), seed=seed,
        trust=trust,
    )  # fmt: skip
    write(data, out, record=record)
    facts = {"file": str(out), "n": n, "times": data.times.size, "event_shape": data.event_shape}
    text = f"{out}: {n} samples at {data.times.size} time{'s' * (data.times.size > 1)}"
    emit(json, facts, text, hint=f"noneq inspect {out}", quiet=quiet)


@o.reads_data
def evaluate(
    run: o.Run,
    file: o.File,
    metrics: o.Metrics = "",
    n: o.Samples = 1000,
    frames: o.Frames = 20,
    seed: o.Seed = 0,
    trust: o.Trust = False,
    json: o.Json = False,
    quiet: o.Quiet = False,
    *,
    layout: dict[str, Any],
) -> None:
    """Score a fitted model against data it has not seen."""
    from noneq.cli.requests import case_of, load_data, names_in
    from noneq.runs import evaluate

    data, case = (
        load_data(file, layout, quiet=quiet, trust=trust),
        case_of(file, layout["components"]),
    )
    rows = evaluate(
        run, data, names_in(metrics), case=case, n=n, frames=frames, seed=seed, trust=trust
    )
    emit(json, {"rows": rows}, table(rows), hint=f"noneq report {run}", quiet=quiet)


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


def report(
    run: o.Run,
    picture: Annotated[
        list[str],
        typer.Option("--picture", metavar="FILE:NAME", help="Draw with a function of your own."),
    ] = [],  # noqa: B006
    trust: o.Trust = False,
    json: o.Json = False,
) -> None:
    """Write report.html of a run or a study: one page that opens offline."""
    from noneq.cli.reporting import write_report

    pages = [str(page) for page in write_report(run, picture, trust=trust)]
    emit(json, {"reports": pages}, *pages)


VERBS = (fit, sample, evaluate, compare, report)
