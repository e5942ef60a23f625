"""The verb list: what there is."""

from typing import Annotated

import typer

from noneq.cli import options as o
from noneq.cli.output import emit


def list_(
    kind: Annotated[str, typer.Argument(metavar="[KIND]", help="methods, systems, …")] = "",
    json: o.Json = False,
) -> None:
    """What there is: methods, systems, metrics, studies and the parts they are made of."""
    from noneq.cli.catalogue import catalogue, listings

    found = catalogue(kind)
    emit(json, found, *listings(found))
