"""The verb cite: the sources of a method or run."""

from typing import Annotated

import typer

from noneq.cli import options as o
from noneq.cli.output import emit


def cite(
    name: Annotated[str, typer.Argument(metavar="NAME|RUN", help="Method, study, key or run.")],
    trust: o.Trust = False,
    json: o.Json = False,
) -> None:
    """Print the BibTeX entries to cite for a method, a study or a run."""
    from noneq.cli.catalogue import remarks, sources
    from noneq.report.citations import bibtex

    entries = {key: bibtex(key) for key in sources(name, trust=trust)}
    emit(json, entries, "\n\n".join(entries.values()), *remarks(name))
