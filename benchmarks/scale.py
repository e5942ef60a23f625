"""Past one process: what stays the same, what survives, and what it costs, as docs/results/scale.json.

    .venv/bin/python benchmarks/scale.py                 # all, about fifteen minutes on two free cores
    .venv/bin/python benchmarks/scale.py exchange slopes # some

Nothing here says how fast many devices are: forced devices and processes of one host share its
cores. The file is replaced after each part, so that an interruption loses none that is finished.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import scale_ranks
import scale_slopes
from run import label, merge, record

from noneq.data.atomic import atomic_path


RESULTS = Path(__file__).parents[1] / "docs" / "results" / "scale.json"


def zarr() -> list[dict]:
    """Data larger than memory."""
    if find_spec("scale_zarr") is None:
        sys.stderr.write("there is no benchmark scale_zarr.py; its rows stay\n")
        return []
    import scale_zarr  # pyright: ignore[reportMissingImports]

    return scale_zarr.rows()


PARTS: dict[str, Callable[[], list[dict]]] = {
    "slopes": scale_slopes.rows,
    "exchange": scale_ranks.exchange,
    "devices": scale_ranks.devices,
    "processes": scale_ranks.processes,
    "restore": scale_ranks.restore,
    "sweep": scale_ranks.sweep,
    "zarr": zarr,
}


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Past one process.")
    parser.add_argument("parts", nargs="*", default=list(PARTS), help=f"some of {', '.join(PARTS)}")
    parser.add_argument("-o", "--output", type=Path, default=RESULTS)
    arguments = parser.parse_args(words)
    output, failed, measured = arguments.output, [], set()
    old = json.loads(output.read_text()) if output.exists() else {}
    rows, load = list(old.get("rows", ())), round(os.getloadavg()[0], 2)
    for name in arguments.parts:
        try:
            new = PARTS[name]()
        except Exception as error:  # one broken part must not cost the others
            failed.append(name)
            sys.stderr.write(f"{name} failed: {type(error).__name__}: {error}\n")
            continue
        for entry in new:
            sys.stderr.write("{case:24} {method:12} {metric:22} {value:.4g}\n".format(**entry))
        rows, measured = merge(rows, new), measured | {label(row) for row in new}
        content = record(old, rows, measured, load)
        content |= {"study": "scale", "command": "python benchmarks/scale.py"}
        with atomic_path(output) as temporary:
            temporary.write_text(json.dumps(content, indent=1) + "\n")
    if failed:
        sys.stderr.write(f"failed: {', '.join(failed)}; their earlier rows stay\n")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
