"""The verb simulate: trajectories of a system, or of a fitted model's dynamics, as a file."""

from typing import Annotated

import typer

from noneq.cli import completion, options as o
from noneq.cli.output import emit


def simulate(
    system: Annotated[
        str,
        typer.Argument(
            metavar="SYSTEM|RUN",
            help="`noneq list systems`, or the run folder of a model with a drift.",
            autocompletion=completion.systems,
        ),
    ],
    out: o.Out,
    n: Annotated[int, typer.Option("--n", min=1, help="Trajectories.")] = 1000,
    times: Annotated[
        str | None,
        typer.Option(
            "--times",
            metavar="START:STOP:COUNT",
            help="Both ends included; else 0:10:201, or the times that a run was fitted to.",
        ),
    ] = None,
    intervene: Annotated[
        list[str],
        typer.Option(
            "--intervene",
            metavar="NAME=VALUE",
            help="x=1 holds x, x+=0.5 pushes it, noise:x=0 stops its noise, start:x=2 starts there.",
        ),
    ] = [],  # noqa: B006
    solver: Annotated[
        str | None,
        typer.Option(
            "--solver",
            help="Of a diffusion, by `noneq list solvers`; weak (WeakEuler) is fastest, for laws only.",
        ),
    ] = None,
    substeps: Annotated[
        int | None,
        typer.Option("--substeps", min=1, help="Steps between two times; else by the system."),
    ] = None,
    set_: o.Set = [],  # noqa: B006
    record: o.Record = False,
    seed: o.Seed = 0,
    trust: o.Trust = False,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Simulate a system or a fitted model, also after an intervention."""
    import jax

    from noneq.cli.interventions import intervention, solver_of, system_or_run
    from noneq.cli.requests import parse_times
    from noneq.data.files import check_target, write
    from noneq.simulation import simulate, simulate_to
    from noneq.store import fingerprint

    check_target(out)
    nature, usual = system_or_run(system, set_, trust=trust)
    if intervene:
        nature = intervention(nature, intervene)
    when = usual if times is None else parse_times(times)
    scheme, key = None if solver is None else solver_of(solver, trust=trust), jax.random.key(seed)
    asked = {"n": n, "key": key, "solver": scheme, "substeps": substeps}
    if out.suffix.lower() == ".zarr":
        data = simulate_to(out, nature, when, **asked)
    else:
        data = simulate(nature, when, **asked)
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
