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
