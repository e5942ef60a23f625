"""Keep the rows of a full study run: docs/keep.py RUN/metrics.json docs/results/NAME.json."""

import sys
from pathlib import Path

from results_pages import read


def keep(source: Path, target: Path) -> None:
    """Copy a results file after looking at it.

    Raises:
        SystemExit: missing, malformed, partial or quick.
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
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(source.read_text())


if __name__ == "__main__":
    keep(Path(sys.argv[1]), Path(sys.argv[2]))
