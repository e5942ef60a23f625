"""The arguments that several verbs share. Nothing heavy is imported here."""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from noneq.cli import completion


File = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="Data: csv, npz, nc, zarr, h5 (x.h5:/a/b), mat, h5ad …"),
]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="Run folder written by `noneq fit`.")]
Method = Annotated[
    str,
    typer.Argument(
        metavar="METHOD",
        help="`noneq list methods`, a spec.toml or my_file:MyMethod.",
        autocompletion=completion.methods,
    ),
]

System = Annotated[
    str,
    typer.Argument(
        metavar="SYSTEM", help="`noneq list systems`.", autocompletion=completion.systems
    ),
]
Study = Annotated[
    str,
    typer.Argument(metavar="NAME", help="`noneq list studies`.", autocompletion=completion.studies),
]

Out = Annotated[Path, typer.Option("--out", "-o", help="Where the result goes.")]
Record = Annotated[
    bool, typer.Option("--record", help="A comment line with labels and checksum above a csv.")
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Base of all random numbers.")]
Seeds = Annotated[
    int, typer.Option("--seeds", min=1, help="Fit so many seeds: the model's own error bar.")
]
Together = Annotated[
    bool,
    typer.Option(
        "--together",
        help="Train all seeds by one program, for small networks; no checkpoints.",
    ),
]
Set = Annotated[
    list[str],
    typer.Option("--set", metavar="KEY=VALUE", help="Change a field, e.g. net.width=128."),
]
With = Annotated[
    list[str],
    typer.Option("--with", metavar="NAME=PATH", help="Give a run or data file to the method."),
]
SetSampler = Annotated[
    list[str],
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Change the sampler: sampler=Heun, sampler.steps=20."
    ),
]
Condition = Annotated[
    str | None,
    typer.Option(
        "--condition",
        metavar="A,B",
        help="What to sample for: a number or category per condition column; nan leaves one open.",
    ),
]
Paths = Annotated[
    bool | None,
    typer.Option(
        "--paths/--no-paths",
        help="Whole paths, or each time for itself; by default paths if the model has them.",
    ),
]
Guidance = Annotated[
    float | None,
    typer.Option(
        "--guidance",
        metavar="W",
        help="Multiply the condition's effect (needs a fit with drop_condition > 0).",
    ),
]
Given = Annotated[
    list[str],
    typer.Option(
        "--given", metavar="NAME=VALUE", help="Known coordinate, by name or place; repeatable."
    ),
]
Metrics = Annotated[
    str,
    typer.Option(
        "--metrics",
        metavar="A,B",
        help="`noneq list metrics`, thermo, inference, or my_file:my_metric.",
    ),
]
Samples = Annotated[int, typer.Option("--n", min=1, help="Samples at each time.")]
Frames = Annotated[int, typer.Option("--frames", min=1, help="Score at no more times than this.")]
Json = Annotated[bool, typer.Option("--json", help="Machine output on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress, no hints.")]
Workers = Annotated[
    int, typer.Option("--workers", min=1, help="Processes to share the work, one thread each.")
]
Scheduler = Annotated[
    str,
    typer.Option(
        "--scheduler", metavar="ADDRESS", help="A dask scheduler, such as tcp://host:8786."
    ),
]
Processes = Annotated[
    int,
    typer.Option("--processes", min=1, help="Compute in so many processes, each on its devices."),
]
Coordinator = Annotated[
    str,
    typer.Option(
        "--coordinator",
        metavar="HOST:PORT",
        help="On several hosts: where rank 0 is; slurm takes all from srun.",
    ),
]
Rank = Annotated[
    int | None,
    typer.Option("--rank", metavar="I", help="On several hosts: number of this process."),
]
Lazy = Annotated[
    bool,
    typer.Option("--lazy", help="Leave a zarr folder where it is and read a few chunks at a time."),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with a fit that was stopped.")]
Trust = Annotated[
    bool,
    typer.Option("--trust", help="Allow code outside noneq (a method, metric or reader) to run."),
]

READING = {
    "columns": (
        Annotated[str, typer.Option("--columns", metavar="A,B", help="The coordinates, by name.")],
        "",
    ),
    "domain": (
        Annotated[
            str,
            typer.Option("--domain", metavar="D", help="torus:2pi, torus:360, box:LOW:HIGH, free."),
        ],
        "",
    ),
    "units": (
        Annotated[str, typer.Option("--units", metavar="x=um,time=s", help="Units by name.")],
        "",
    ),
    "missing": (
        Annotated[
            str,
            typer.Option("--missing", metavar="-999", help="Numbers that mark missing entries."),
        ],
        "",
    ),
    "read": (
        Annotated[
            list[str],
            typer.Option(
                "--read",
                metavar="NAME=VALUE",
                help="More on the file: every, window, variable, grid, fill …",
            ),
        ],
        [],
    ),
    "components": (
        Annotated[
            int | None,
            typer.Option("--components", min=1, help="Use the first so many coordinates."),
        ],
        None,
    ),
    "drop_missing": (
        Annotated[
            bool, typer.Option("--drop-missing", help="Leave out missing and infinite entries.")
        ],
        False,
    ),
    "time_column": (
        Annotated[str | None, typer.Option("--time-column", help="Column with the times.")],
        None,
    ),
    "trajectory_column": (
        Annotated[str | None, typer.Option("--trajectory-column", help="Column of path labels.")],
        None,
    ),
    "condition_columns": (
        Annotated[
            list[str], typer.Option("--condition-column", help="Column that is a condition.")
        ],
        [],
    ),
    "kind": (
        Annotated[
            str | None, typer.Option("--kind", help="snapshots or trajectories, if left open.")
        ],
        None,
    ),
    "unpack_limit": (
        Annotated[
            float | None,
            typer.Option(
                "--unpack-limit",
                metavar="MB",
                help="Let a file that you trust unpack to so much (default: 100, or 100 x its size).",
            ),
        ],
        None,
    ),
}


def reads_data(verb: Callable[..., int | None]) -> Callable[..., int | None]:
    """Give a verb the options of how to read its file; it gets them as one dict ``layout``.

    A verb with the argument ``words`` also gets the whole command as it was typed.
    """
    takes = inspect.signature(verb).parameters
    own = [p for p in takes.values() if p.name not in ("layout", "words")]
    extra = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, (kind, default) in READING.items()
    ]

    if "words" in takes:
        kind = inspect.Parameter.KEYWORD_ONLY
        extra.append(inspect.Parameter("context", kind, annotation=typer.Context))

    @functools.wraps(verb)
    def wrapped(**given: Any) -> int | None:
        layout = {name: given.pop(name) for name in READING}
        typed = {"words": given.pop("context").obj} if "words" in takes else {}
        return verb(**given, layout=layout, **typed)

    signature = inspect.Signature([*own, *extra])
    vars(wrapped)["__signature__"] = signature
    wrapped.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
    return wrapped


def with_words(verb: Callable[..., int | None]) -> Callable[..., int | None]:
    """Give a verb its argument ``words``: the whole command as it was typed."""
    own = [p for p in inspect.signature(verb).parameters.values() if p.name != "words"]
    kind = inspect.Parameter.KEYWORD_ONLY
    extra = inspect.Parameter("context", kind, annotation=typer.Context)

    @functools.wraps(verb)
    def wrapped(**given: Any) -> int | None:
        return verb(words=given.pop("context").obj, **given)

    signature = inspect.Signature([*own, extra])
    vars(wrapped)["__signature__"] = signature
    wrapped.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
    return wrapped
