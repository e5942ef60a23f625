"""The verb simulate: a system's trajectories as a file."""

from typing import Annotated

import typer

from noneq.cli import options as o
from noneq.cli.output import emit


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
