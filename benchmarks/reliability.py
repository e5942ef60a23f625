"""Rows of docs/results/reliability.json: how many of a promise's cases passed."""

import json
import os
import platform
from pathlib import Path

from run import processor, versions

from noneq.data.atomic import atomic_path


RESULTS = Path(__file__).parents[1] / "docs" / "results" / "reliability.json"


def keep(
    case: str, method: str, passed: int, tried: int, *, output: Path = RESULTS, **figures: float
) -> None:
    """Put the rows of a case and method in the place of earlier ones; all others stay.

    Args:
        case: row of the scoreboard.
        method: which part of it.
        passed, tried: how many.
        output: the file.
        figures: further numbers, by the name of their metric.
    """
    old = json.loads(output.read_text())["rows"] if output.exists() else []
    rest = [row for row in old if (row["case"], row["method"]) != (case, method)]
    entry = {"case": case, "method": method, "stderr": None, "floor": None, "seeds": 1}
    new = [
        entry | {"metric": metric, "value": value}
        for metric, value in {"passed": passed, "tried": tried, **figures}.items()
    ]
    order = lambda row: (int(row["case"].removeprefix("R")), row["method"])
    content = {
        "study": "reliability",
        "command": "python benchmarks/reliability_*.py",
        "versions": versions(),
        "machine": {
            "processor": processor(),
            "cores": os.cpu_count(),
            "system": platform.platform(terse=True),
        },
        "rows": sorted([*rest, *new], key=order),
    }
    with atomic_path(output) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n")
