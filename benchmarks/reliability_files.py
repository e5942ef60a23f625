"""Damaged and hostile files of every format, at full counts: rows R3 and R4.

    .venv/bin/python benchmarks/reliability_files.py          # about ten minutes
    .venv/bin/python benchmarks/reliability_files.py R4 nc    # one of them, one format

R3: a file is cut at 50 places, has one of its bits flipped at 200, is empty, starts otherwise or
(zarr) misses one of its files. It passes if it is refused in one line, or read bit by bit equal.

R4: ``noneq inspect`` of each file in tests/data/hostile.py. It passes if it is refused in one line
with exit code 2 or 4, runs nothing, and takes less than 2 s of the processor and 200 MB more than
the same command on a good file; what the process takes that opens the file is counted too.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from reliability import keep


sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "data"))

from damage import FORMATS, paths_with_labels, survey
from hostile import HOSTILE, good_files


MEASURE = """
import json, resource, subprocess, sys
done = subprocess.run(sys.argv[1:], capture_output=True, text=True, errors="replace", timeout=300)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
said = done.stderr.strip()
print(json.dumps([done.returncode, said[-400:], said.count("\\n"), sum(used[:2]), used.ru_maxrss]))
"""


def measured(*words: str) -> tuple[int, str, int, float, float]:
    """Exit code, message, line breaks in it, seconds of the processor and MB of a command."""
    command = [sys.executable, "-c", MEASURE, sys.executable, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    code, said, breaks, seconds, kilobytes = json.loads(done.stdout)
    return code, said, breaks, seconds, kilobytes / 1000


def opening(path: Path) -> float:
    """MB of the process that opens a file, 0 for formats that need none."""
    form = {".nc": "hdf5", ".parquet": "parquet"}.get(path.suffix)
    if form is None:
        return 0.0
    request = {"path": str(path), "format": form, "limit": 10**8, "texts": ["trajectory"]}
    return measured("-P", "-m", "noneq.unpacking", json.dumps(request))[-1]


def damaged(extension: str) -> tuple[int, int]:
    with tempfile.TemporaryDirectory() as folder:
        rng = np.random.default_rng(0)
        found = survey(extension, paths_with_labels(), Path(folder), rng, 50, 200)
    for line in found.wrong:
        print(f"R3 {extension}: {line}", file=sys.stderr)
    return found.tried - len(found.wrong), found.tried


def hostile(extension: str) -> tuple[int, int]:
    makers = [make for make in HOSTILE if make.__name__.startswith(extension)]
    passed = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        good = next(p for p in good_files(folder) if p.suffix == f".{extension}")
        *_, seconds, memory = measured("-m", "noneq", "inspect", str(good))
        memory += opening(good)
        for make in makers:
            path = make(folder)
            code, said, breaks, more, size = measured("-m", "noneq", "inspect", str(path))
            more, size = more - seconds, size + opening(path) - memory
            well = code in (2, 4) and not breaks and more < 2 and size < 200
            passed += well and not (folder / "ran").exists()
            print(
                f"R4 {make.__name__}: exit {code}, {more:+.2f} s, {size:+.0f} MB", file=sys.stderr
            )
            if not well:
                print(said, file=sys.stderr)
    return passed, len(makers)


CASES: dict[str, Callable[[str], tuple[int, int]]] = {"R3": damaged, "R4": hostile}


def main(words: list[str]) -> None:
    for case, count in CASES.items():
        for extension in FORMATS:
            if {case, extension}.issuperset(words):
                passed, tried = count(extension)
                print(f"{case} {extension}: {passed} of {tried}")
                keep(case, extension, passed, tried)


if __name__ == "__main__":
    main(sys.argv[1:])
