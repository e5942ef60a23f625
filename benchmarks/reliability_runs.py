"""Rows of docs/results/reliability.json: bad values, kills, signals, orders, exact laws, versions.

`python benchmarks/reliability_runs.py` counts all, `… R6 R7` some. Most rows are tests, counted
one by one; R1 counts calls, R6 and R7 count kills.
"""

import contextlib
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as Tree
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from reliability import keep


TESTS = Path(__file__).parents[1] / "tests"
sys.path += [str(TESTS), str(TESTS / "cli"), str(TESTS / "store"), str(TESTS / "laws")]

import stopped_fits  # noqa: E402

from noneq.data import Snapshots, write  # noqa: E402
from noneq.store.runs import _content  # noqa: E402


ROOMS = (
    "top", "data", "methods", "models", "metrics", "thermo", "inference", "pde", "processes",
    "nets", "runs", "studies", "systems", "samplers", "domains",
)  # fmt: skip
SETS = {
    "R2": ("degenerate data", "laws/test_degenerate.py", ""),
    "R11": ("full and read-only disks", "store data", "full_disk or read_only or refused_write"),
    "R12": ("NaN in training", "learning/test_training.py", "non_finite"),
    "R13": ("SIGINT and SIGTERM", "cli/test_cli_stop.py cli/test_cli_kill.py", "stop"),
    "R17": (
        "orders",
        "x64/test_orders.py x64/test_sampler_order.py x64/test_lyapunov_order.py",
        "",
    ),
    "R18": ("exact laws", "thermo x64/test_fokker_planck.py", "not refus"),
    "R21": ("same bytes", "cli/test_cli_jobs.py store/test_store.py", "same_bytes or byte"),
    "R22": ("older and newer versions", "store/test_old_runs.py store/test_upgrades.py", ""),
    "R23": ("one writer", "store/test_store.py", "one_writer or lock"),
    "R24": (
        "hypothesis properties",
        "spec/test_spec.py metrics/test_metric_properties.py data/test_round_trips.py",
        "",
    ),
}
"""Label, files and keywords of the tests of a row."""
METHODS = {
    "ScoreMatching": ("net.width=8", "net.depth=1"),
    "FlowMatching": ("net.width=8", "net.depth=1"),
    "EDM": ("net.width=8", "net.depth=1"),
    "VDM": ("net.width=8", "net.depth=1"),
    "PFGMpp": ("net.width=8", "net.depth=1"),
    "FlowPP": ("couplings=2",),
    "FFJORD": ("net.width=8", "net.depth=1"),
    "BoltzmannField": ("net.width=8", "net.depth=1"),
}
"""Whose fits are killed in turn."""
COMMON = ("training.steps=60", "training.batch=16", "training.warmup=0")
KILLS = {"R6": 200, "R7": 50}


def counted(files: str, keywords: str) -> tuple[int, int]:
    """(passed, tried) of the tests that pytest selects; float64 ones run in a process of theirs."""
    passed = tried = 0
    for double in (False, True):
        chosen = [str(TESTS / f) for f in files.split() if f.startswith("x64") == double]
        if not chosen:
            continue
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "report.xml"
            command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "--timeout=900", *chosen]
            command += [f"--junitxml={report}", *(["-k", keywords] if keywords else [])]
            environment = os.environ | ({"JAX_ENABLE_X64": "1"} if double else {})
            subprocess.run(command, env=environment, check=False, cwd=TESTS.parent)
            suite = Tree.parse(report).getroot()[0]
        count = lambda name, suite=suite: int(suite.get(name, 0))
        tried += count("tests") - count("skipped")
        passed += count("tests") - count("skipped") - count("failures") - count("errors")
    return passed, tried


def bad_values() -> Iterator[tuple[str, int, int]]:
    """Calls of public entries with wrong values, room by room."""
    for room in ROOMS:
        command = [sys.executable, str(TESTS / "laws" / "sweep.py"), room]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.stderr.write(done.stderr)
            continue
        found = json.loads(done.stdout)
        sys.stderr.write("".join(f"{line}\n" for line in found["escapes"]))
        yield room, found["tried"] - len(found["escapes"]), found["tried"]


@contextlib.contextmanager
def children() -> Iterator[Callable]:
    """Start functions in children of a fork server: `(process, pipe)` each; all end with it."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["noneq.store"])
    started = []

    def start(function, *args):
        ours, theirs = context.Pipe(duplex=False)
        child = context.Process(target=function, args=(*args, theirs), daemon=True)
        child.start()
        theirs.close()
        started.append(child)
        return child, ours

    try:
        yield start
    finally:
        for child in started:
            child.kill()


def kills_of_saves() -> Iterator[tuple[str, int, int]]:
    """Kills at random moments of a save: what is there is the acknowledged run or the next."""
    from test_store import _kill_while_saving, make_fit

    versions = [_content(make_fit(width=300_000 + i, seed=i)) for i in range(3)]
    rng = np.random.default_rng(0)
    with children() as start, tempfile.TemporaryDirectory() as folder:
        for writer, count in (("journal", KILLS["R6"]), ("naive", 50)):
            outcomes = [
                _kill_while_saving(start, writer, Path(folder) / f"{writer}{i}", versions, rng)
                for i in range(count)
            ]
            well = sum(outcome == (False, False) for outcome in outcomes)
            yield {"journal": "own writer", "naive": "naive writer (control)"}[writer], well, count


def kills_of_fits() -> Iterator[tuple[str, int, int]]:
    """Fits killed at a random step and resumed: the model has the bytes of an undisturbed one."""
    rng, done = np.random.default_rng(0), {name: [0, 0] for name in METHODS}
    with children() as start, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        frames = [rng.normal(i, 1, (50, 2)) for i in range(2)]
        write(Snapshots.from_frames(frames, [0.0, 1.0]), folder / "two.npz")
        write(Snapshots(frames[0]), folder / "one.npz")

        def fit(method, run, *more):
            data = folder / ("one.npz" if method in ("FlowPP", "FFJORD") else "two.npz")
            words = ["fit", method, str(data), "-o", str(run), "--quiet", *more]
            words += [w for s in (*COMMON, *METHODS[method]) for w in ("--set", s)]
            return start(stopped_fits.fit, words, str(folder / "cache"))

        def finished(method, run, *more):
            child, pipe = fit(method, run, *more)
            with contextlib.suppress(EOFError):
                while pipe.poll(300):
                    pipe.recv()
            child.join(300)
            file = run / "model.safetensors"
            return file.read_bytes() if file.exists() else None

        straight = {m: finished(m, folder / f"{m}_straight") for m in METHODS}
        for i in range(KILLS["R7"]):
            method = list(METHODS)[i % len(METHODS)]
            run, stop = folder / f"{method}_{i}", int(rng.integers(1, 18))
            child, pipe = fit(method, run)
            with contextlib.suppress(EOFError):
                while pipe.poll(300) and pipe.recv() < stop:
                    pass
            child.join(rng.uniform(0, 0.02))
            child.kill()
            child.join(10)
            same = finished(method, run, "--resume") == straight[method] is not None
            done[method][0] += same
            done[method][1] += 1
        yield from ((method, passed, tried) for method, (passed, tried) in done.items())


def main(words: list[str]) -> None:
    for case in words or ("R1", "R6", "R7", *SETS):
        if case in SETS:
            label, files, keywords = SETS[case]
            rows = [(label, *counted(files, keywords))]
        else:
            rows = {"R1": bad_values, "R6": kills_of_saves, "R7": kills_of_fits}[case]()
        for label, passed, tried in rows:
            sys.stdout.write(f"{case} {label}: {passed} of {tried}\n")
            sys.stdout.flush()
            keep(case, label, passed, tried)


if __name__ == "__main__":
    main(sys.argv[1:])
