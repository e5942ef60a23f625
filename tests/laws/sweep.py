"""Every public entry of some rooms with every bad value: `python sweep.py ROOM…` prints JSON.

A process of its own, because the tests' type checker would refuse most values first.
"""

import gc
import json
import os
import sys
import tempfile
from pathlib import Path


sys.path.insert(0, str(Path(__file__).parents[1]))

import entries
import jax
from bad_values import escapes, fault, tried


def sweep(room: str) -> dict[str, object]:
    """How many calls were made in a room, and which escaped."""
    found, count = [], 0
    for entry in entries.of(room, Path(tempfile.mkdtemp())):
        if wrong := fault(entry, entry.good):
            found.append(f"{entry.name} with good arguments: {wrong}")
        found += escapes(entry)
        count += tried(entry)
        gc.collect()
    return {"room": room, "tried": count, "escapes": found}


if __name__ == "__main__":
    os.chdir(tempfile.mkdtemp())  # an empty text is the path of this folder
    jax.config.update("jax_disable_most_optimizations", True)
    for room in sys.argv[1:] or entries.ROOMS:
        sys.stdout.write(json.dumps(sweep(room)) + "\n")
        sys.stdout.flush()
