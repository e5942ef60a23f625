"""The verb inspect: what a file holds."""

from pathlib import Path
from typing import Annotated, Any

import typer

from noneq.cli import options as o
from noneq.cli.output import emit, listing, say


@o.reads_data
def inspect(
    file: o.File,
    picture: Annotated[
        Path | None, typer.Option("--picture", help="Write a picture (png, svg, pdf).")
    ] = None,
    lazy: o.Lazy = False,
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
    from noneq.data.lazy.advice import advice

    allow_reader(reading_of(**keywords(layout)), trust)
    if not lazy and (text := advice(file)):
        say(text)
    found = inspection(file, lazy=lazy, **keywords(layout | {"drop_missing": False}))
    if picture is not None:
        draw(file, picture, layout, lazy=lazy)
        say(f"picture: {picture}")
    header, columns, rows, remarks = describe(found)
    hint = "" if found.problem else found.command
    emit(json, found.to_dict(), header, listing(columns, rows), *remarks, hint=hint)
