"""The verb demo: the quick study of the driven wells."""

from pathlib import Path
from typing import Annotated

import typer

from noneq.cli import options as o
from noneq.cli.verbs.study import study


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Run folder.")] = Path("noneq-demo"),
    quiet: o.Quiet = False,
) -> int:
    """Run the quick Prinz study: driven wells against the equilibrium assumption (minutes)."""
    return study("prinz", out=out, quick=True, part=[], set_=[], seed=0, json=False, quiet=quiet)
