"""Compute some kept rows anew: docs/refresh.py docs/results/NAME.json RUN METHOD [CASE ...].

For rows that a change of the code made stale, where the whole study would take hours. The other
rows stay as they are, and so do all times, which mean something only beside others of one run. The
record says which cells were computed later, by what and on which machine.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from results_pages import read

from noneq.studies import AbstractStudy, run_study, study_named


def refresh(
    target: Path, folder: Path, study: AbstractStudy, method: str, cases: Sequence[str]
) -> None:
    """Replace the rows of the cells of one method, in some cases or in all.

    Raises:
        SystemExit: no such cells, or one of them failed; the file is as it was.
    """
    record = read(target)
    chosen = lambda cell: cell.method_name == method and (not cases or cell.case in cases)
    if not any(map(chosen, study.cells())):
        raise SystemExit(f"{study.name} has no cells of {method} {' '.join(cases)}")
    words = ["python docs/refresh.py", str(target), str(folder), f"'{method}'", *cases]
    found = run_study(study, folder, only=chosen, command=" ".join(words))
    if found.get("failed"):
        raise SystemExit(f"{len(found['failed'])} cells failed: {found['failed'][0]['error']}")
    target.write_text(json.dumps(merged(record, found), indent=1) + "\n")


def merged(record: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """The record with the found rows in place of those of the same case and method."""
    place = lambda row: (row["case"], row["method"])
    new: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in found["rows"]:
        new.setdefault(place(row), []).extend([] if _is_time(row) else [row])
    rows: list[dict[str, Any]] = []
    for row in record["rows"]:
        if place(row) not in new or _is_time(row):
            rows.append(row)
        else:
            rows += new[place(row)]
            new[place(row)] = []
    rows += [row for more in new.values() for row in more]
    again = {place(cell) for cell in found["cells"]}
    cells = [cell for cell in record.get("cells", ()) if place(cell) not in again]
    later = {key: found[key] for key in ("command", "versions", "machine")}
    later["cells"] = [cell["hash"] for cell in found["cells"]]
    return record | {
        "rows": rows,
        "cells": [*cells, *found["cells"]],
        "refreshed": [*record.get("refreshed", ()), later],
    }


def _is_time(row: dict[str, Any]) -> bool:
    return row["metric"].endswith("seconds")


if __name__ == "__main__":
    where, run, who, *some = sys.argv[1:]
    refresh(Path(where), Path(run), study_named(Path(where).stem), who, some)
