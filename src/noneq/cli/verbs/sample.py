"""The verb sample: states or paths of a run as a file."""

from collections.abc import Sequence
from typing import Annotated

import typer

from noneq.cli import options as o
from noneq.cli.output import emit


@o.with_words
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
    processes: o.Processes = 1,
    coordinator: o.Coordinator = "",
    rank: o.Rank = None,
    trust: o.Trust = False,
    json: o.Json = False,
    quiet: o.Quiet = False,
    *,
    words: Sequence[str],
) -> int:
    """Draw samples of a fitted model and write them as data."""
    from noneq.cli.ranks import is_first, shares, start
    from noneq.cli.requests import parse_condition, parse_given, parse_times
    from noneq.cli.words import assignments
    from noneq.data.files import check_target, write
    from noneq.runs import sample

    if shares(processes, coordinator, rank):
        return start(words, processes, coordinator, rank)
    if is_first():
        check_target(out)
    data = sample(
        run, n, None if times is None else parse_times(times), paths=paths,
        condition=None if condition is None else parse_condition(condition, run),
        guidance=guidance, given=parse_given(given, run), settings=assignments(set_), seed=seed,
        trust=trust,
    )  # fmt: skip
    if not is_first():
        return 0
    write(data, out, record=record)
    facts = {"file": str(out), "n": n, "times": data.times.size, "event_shape": data.event_shape}
    text = f"{out}: {n} samples at {data.times.size} time{'s' * (data.times.size > 1)}"
    emit(json, facts, text, hint=f"noneq inspect {out}", quiet=quiet)
    return 0
