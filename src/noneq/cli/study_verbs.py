"""Verbs for studies and for what there is: study, demo, list, cite."""

from pathlib import Path
from typing import Annotated

import typer

from noneq.cli import options as o
from noneq.cli.output import emit, progress, say, table


def study(
    name: o.Study,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Run folder; noneq-NAME by default.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Minutes instead of hours.")] = False,
    part: Annotated[
        list[str], typer.Option("--part", metavar="NAME", help="Only this part of the study.")
    ] = [],  # noqa: B006
    set_: o.Set = [],  # noqa: B006
    seed: o.Seed = 0,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> int:
    """Run a study; the same command again goes on where it was stopped."""
    from noneq.cli.studying import run_and_report

    folder = Path(f"noneq-{name}") if out is None else out
    with progress(quiet, name) as show:
        result, page = run_and_report(
            name, part, set_, folder, quick=quick, seed=seed, progress=show
        )
    failed = result.get("failed", ())
    for cell in failed:
        say(f"{cell['case']} {cell['method']} failed: {cell['error']}")
    emit(json, result, table(result["rows"]), f"report: {page}")
    return 3 if failed else 0


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Run folder.")] = Path("noneq-demo"),
    quiet: o.Quiet = False,
) -> int:
    """Run the quick Prinz study: driven wells against the equilibrium assumption (minutes)."""
    return study("prinz", out=out, quick=True, part=[], set_=[], seed=0, json=False, quiet=quiet)


def list_(
    kind: Annotated[str, typer.Argument(metavar="[KIND]", help="methods, systems, …")] = "",
    json: o.Json = False,
) -> None:
    """What there is: methods, systems, metrics, studies and the parts they are made of."""
    from noneq.cli.catalogue import catalogue, listings

    found = catalogue(kind)
    emit(json, found, *listings(found))


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


VERBS = (study, demo, list_, cite)
