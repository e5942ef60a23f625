"""The verb report: the page of a run."""

from typing import Annotated

import typer

from noneq.cli import options as o
from noneq.cli.output import emit


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
