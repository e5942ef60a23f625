"""Faults planted one at a time in a copy of the package: does the named test module find them?

    python tests/mutants.py docs/results/mutants.json

plants all of them and keeps the rows; `make slow` runs the same faults as tests.
"""

import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from faults import FAULTS, Fault


ROOT = Path(__file__).parents[1]
PACKAGES = ("noneq", "jax", "equinox", "numpy")
SECONDS = 60
"""Of processor time, within which a module has to find its fault: a busy machine is no excuse."""


class Outcome(NamedTuple):
    """Whether tests failed on the planted fault, processor time, and the end of what they said."""

    caught: bool
    seconds: float
    said: str


def planted(fault: Fault | None, folder: Path) -> Path:
    """A copy of the package with the fault (None: without), as a folder to import from.

    Raises:
        ValueError: the line is not in its file exactly once.
    """
    source = Path(folder) / "src"
    shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
    if fault is not None:
        path = source / "noneq" / fault.file
        text = path.read_text()
        if text.count(fault.line) != 1:
            raise ValueError(f"{fault.file} has {text.count(fault.line)} times: {fault.line}")
        path.write_text(text.replace(fault.line, fault.wrong))
    return source


def tried(fault: Fault | None, module: str, only: str = "", seconds: int = SECONDS) -> Outcome:
    """Run a test module on the package with a fault; a failed test catches it, an error does not."""
    with tempfile.TemporaryDirectory() as folder:
        source = planted(fault, Path(folder))
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-n", "0", "-p", "no:cacheprovider"]
        command += ["-m", "not (slow or kill or multi)", str(ROOT / "tests" / module)]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            command + (["-k", only] if only else []),
            env=os.environ | {"PYTHONPATH": str(source)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=10 * seconds,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds)),
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    # 1: tests failed. Above: they could not be run, and below: out of time, which proves nothing.
    return Outcome(done.returncode == 1, used, done.stdout[-2000:] + done.stderr[-500:])


def record(outcomes: dict[Fault, Outcome]) -> dict:
    """The results file: one row per fault."""
    from noneq.studies.running import machine

    rows = [
        {
            "case": fault.name,
            "method": fault.module.removesuffix(".py"),
            "metric": "caught",
            "value": float(outcome.caught),
            "stderr": 0.0,
            "floor": None,
            "seeds": 1,
        }
        for fault, outcome in outcomes.items()
    ]
    return {
        "study": "mutants",
        "command": "python tests/mutants.py docs/results/mutants.json",
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in PACKAGES},
        "machine": machine(),
        "rows": rows,
    }


def main(target: Path) -> None:
    """Plant all faults and keep the rows."""
    outcomes = {}
    for fault in FAULTS:
        outcome = outcomes[fault] = tried(fault, fault.module, fault.only)
        word = "caught" if outcome.caught else "MISSED"
        sys.stdout.write(f"{word} in {outcome.seconds:.0f} s: {fault.name} ({fault.module})\n")
        sys.stdout.flush()
        if not outcome.caught:
            sys.stdout.write(outcome.said + "\n")
    target.write_text(json.dumps(record(outcomes), indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
