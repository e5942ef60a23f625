"""The verb convert: the same data in another format."""

from pathlib import Path
from typing import Annotated, Any

import typer

from noneq.cli import options as o
from noneq.cli.output import emit


@o.reads_data
def convert(
    file: o.File,
    target: Annotated[
        Path, typer.Argument(metavar="TARGET", help="csv, npz, nc, zarr, parquet or h5ad.")
    ],
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    record: o.Record = False,
    trust: o.Trust = False,
    json: o.Json = False,
    quiet: o.Quiet = False,
    *,
    layout: dict[str, Any],
) -> None:
    """Write data in another format; options say how to read what is there."""
    from noneq.cli.requests import keywords, load_data
    from noneq.data.files import check_target, write
    from noneq.data.lazy.convert import Converted, convert_parts
    from noneq.errors import InvalidInput

    check_target(target)
    if target.exists() and (target.samefile(file) or not force):
        what = "is the file itself" if target.samefile(file) else "exists"
        raise InvalidInput(f"{target} {what}; choose another name, or --force to replace a file.")
    data = None if keywords(layout) else convert_parts(file, target, record=record)
    if data is None:
        data = load_data(file, layout, quiet=quiet, trust=trust)
        write(data, target, record=record)
    kind = data.kind if isinstance(data, Converted) else type(data).__name__.lower()
    facts = {
        "path": str(target),
        "kind": kind,
        "n": data.n,
        "times": int(data.times.size),
        "event_shape": list(data.event_shape),
    }
    shape = f"{data.n} {kind}, {data.times.size} times, states of shape {data.event_shape}"
    emit(json, facts, f"{target}: {shape}", hint=f"noneq inspect {target}", quiet=quiet)
