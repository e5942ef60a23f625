"""Keep the rows of a full study run: docs/keep.py RUN/metrics.json docs/results/NAME.json."""

import sys
from pathlib import Path
from typing import Any

from results_pages import read

from noneq.studies import AbstractStudy, study_named
from noneq.studies.provenance import hash_of, spec_of


def keep(source: Path, target: Path) -> None:
    """Copy a results file after looking at it.

    Raises:
        SystemExit: missing, malformed, partial or quick; or not what the study would compute now.
    """
    if not source.exists():
        raise SystemExit(
            f"there is no {source}; run the study first: noneq study NAME -o runs/NAME"
        )
    try:
        record = read(source)
    except ValueError as error:
        raise SystemExit(f"{error}; run the study again") from error
    if "--quick" in record["command"].split():
        raise SystemExit(f"{source} is of a quick run; only full runs are kept")
    if record.get("failed"):
        raise SystemExit(f"{source}: {len(record['failed'])} cells failed; run the study again")
    if fault := stale(record, study_named(record["study"])):
        raise SystemExit(f"{source}: {fault}; run the study again in the same folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(source.read_text())


def stale(record: dict[str, Any], study: AbstractStudy) -> str:
    """Why a record is not what the study computes with its present settings and code, or ''."""
    now = {hash_of(spec_of(cell, 0)): cell for cell in study.cells()}
    then = {cell["hash"]: cell for cell in record.get("cells", ())}
    if not then:
        return "its rows name no cells, so nobody knows which code made them"
    if gone := [cell for name, cell in then.items() if name not in now]:
        what = f"{gone[0]['case']} {gone[0]['method']}"
        return f"the code or the settings of {len(gone)} cells changed since ({what} …)"
    if new := [cell for name, cell in now.items() if name not in then]:
        return f"{len(new)} cells are missing ({new[0].case} {new[0].method_name} …)"
    return ""


if __name__ == "__main__":
    keep(Path(sys.argv[1]), Path(sys.argv[2]))
