"""Verbs for data: simulate, inspect."""

from pathlib import Path
from typing import Annotated, Any

import typer

from noneq.cli import options as o
from noneq.cli.output import emit, listing, say


def simulate(
    system: o.System,
    out: o.Out,
    n: Annotated[int, typer.Option("--n", min=1, help="Trajectories.")] = 1000,
    times: Annotated[
        str, typer.Option("--times", metavar="START:STOP:COUNT", help="Both ends included.")
    ] = "0:10:201",
    set_: o.Set = [],  # noqa: B006
    record: o.Record = False,
    seed: o.Seed = 0,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Simulate a system and write its trajectories."""
    import jax

    from noneq.cli.requests import make_system, parse_times
    from noneq.data.files import check_target, write
    from noneq.simulation import simulate
    from noneq.store import fingerprint

    check_target(out)
    data = simulate(make_system(system, set_), parse_times(times), n=n, key=jax.random.key(seed))
    write(data, out, record=record)
    facts = {"file": str(out), "n": n, "times": data.times.size, "event_shape": data.event_shape}
    text = f"{out}: {n} trajectories, {data.times.size} times, states of shape {data.event_shape}"
    emit(
        json,
        facts | {"fingerprint": fingerprint(data)},
        text,
        hint=f"noneq inspect {out}",
        quiet=quiet,
    )


@o.reads_data
def inspect(
    file: o.File,
    picture: Annotated[
        Path | None, typer.Option("--picture", help="Write a picture (png, svg, pdf).")
    ] = None,
    trust: o.Trust = False,
    json: o.Json = False,
    *,
    layout: dict[str, Any],
) -> None:
    """Look at data: times, counts, scales, what is missing, and what to do next."""
    from noneq.cli.inspecting import describe, draw
    from noneq.cli.requests import allow_reader, keywords
    from noneq.data.files import reading_of
    from noneq.data.inspection import inspection

    allow_reader(reading_of(**keywords(layout)), trust)
    found = inspection(file, **keywords(layout | {"drop_missing": False}))
    if picture is not None:
        draw(file, picture, layout)
        say(f"picture: {picture}")
    header, columns, rows, remarks = describe(found)
    hint = "" if found.problem else found.command
    emit(json, found.to_dict(), header, listing(columns, rows), *remarks, hint=hint)


VERBS = (simulate, inspect)
