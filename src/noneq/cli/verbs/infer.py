"""The verb infer: what moves these paths?"""

from typing import Any

from noneq.cli import options as o
from noneq.cli.output import emit


@o.reads_data
def infer(
    file: o.File,
    seed: o.Seed = 0,
    trust: o.Trust = False,
    json: o.Json = False,
    quiet: o.Quiet = False,
    *,
    layout: dict[str, Any],
) -> None:
    """First look at paths: kind of motion, law, noise, residuals, memory, and what to do next."""
    from noneq.cli.requests import load_data
    from noneq.runs.look import first_look

    found = first_look(load_data(file, layout, quiet=quiet, trust=trust), seed=seed)
    hint = found.recommendation.replace("FILE", str(file))
    emit(json, found.facts | {"recommendation": hint}, *found.lines, hint=hint, quiet=quiet)
