"""What docs/results/scale.json says of several devices, processes and workers: rows R8 to R10 and R16.

.venv/bin/python benchmarks/scale.py devices processes restore sweep
.venv/bin/python benchmarks/reliability_scale.py
"""

import json
import sys

from reliability import keep
from scale import RESULTS


LONGEST = 15.0
"""Seconds after a kill within which all ranks must have ended."""


def main() -> None:
    found: dict[str, dict[str, float]] = {}
    for row in json.loads(RESULTS.read_text())["rows"]:
        found.setdefault(row["case"], {})[row["metric"]] = row["value"]

    def say(case: str, method: str, passed: int, tried: int, **figures: float) -> None:
        sys.stdout.write(f"{case} {method}: {passed} of {tried}, {figures}\n")
        keep(case, method, passed, tried, **figures)

    two = found["processes=2"]
    kills, seconds = round(two["kills"]), two["seconds_to_end"]
    say("R8", "resumed", round(two["resume_identical"] * kills), kills)
    say("R8", "ended in time", int(seconds < LONGEST), 1, seconds_to_end=seconds)
    for case in ("devices=2", "devices=4", "processes=2"):
        loss, sample = (found[case][f"{m}_difference"] for m in ("step1_loss", "sample"))
        figures = {"step1_loss_difference": loss, "sample_difference": sample}
        say("R9", case, (loss <= 1e-6) + (sample <= 1e-5), 2, **figures)
    for case in ("2 to 1", "1 to 2"):
        names = ("loss_difference", "final_loss_difference")
        figures = {name: found[case][name] for name in names}
        say("R10", case, sum(value <= 1e-4 for value in figures.values()), 2, **figures)
    sweep = found["sweep:48"]
    cells = round(48 * sweep["cells_recovered"])
    say("R16", "sweep", cells, 48, workers_killed=sweep["workers_killed"])


if __name__ == "__main__":
    main()
