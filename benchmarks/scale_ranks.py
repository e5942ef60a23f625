"""Devices and processes that compute one thing: equal numbers, kills, the time of an exchange."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from timing import row

from noneq.data import Snapshots, read, write


TESTS = Path(__file__).parents[1] / "tests"
sys.path += [str(TESTS), str(TESTS / "cli"), str(TESTS / "runs")]

from test_cli_ranks import ranks_of  # noqa: E402
from test_sweep import children  # noqa: E402


KILLS = 5
"""Of each rank."""
STEPS = 3_000
"""Of a fit that is killed: long enough to leave a state, which it does every 5 s."""
MOVED = 1_000
"""Of a fit that goes on with another number of processes."""
CELLS = {"training.rate": "1e-3,2e-3,3e-3,4e-3,5e-3,6e-3,7e-3,8e-3,9e-3,1e-2,1.1e-2,1.2e-2"}
FLOATS = (1, 1_000, 30_000, 1_000_000)
EXCHANGE = """
import json, sys, time, jax, jax.numpy as jnp, numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec
jax.config.update("jax_cpu_collectives_implementation", "gloo")
jax.distributed.initialize(sys.argv[1], 2, int(sys.argv[2]), initialization_timeout=300)
mesh = jax.make_mesh((2,), ("d",), axis_types=(AxisType.Auto,))
own, whole = (NamedSharding(mesh, PartitionSpec(*axis)) for axis in (("d",), ()))
mean = jax.jit(lambda x: x.mean(axis=0), out_shardings=whole)
found = {}
for size in json.loads(sys.argv[3]):
    x = jax.make_array_from_callback((2, size), own, lambda s: np.ones((1, size), np.float32))
    jax.block_until_ready(mean(x))
    seconds = []
    for _ in range(100):
        start = time.perf_counter()
        jax.block_until_ready(mean(x))
        seconds.append(time.perf_counter() - start)
    found[size] = seconds
if jax.process_index() == 0:
    print("FOUND", json.dumps(found))
"""


class Place:
    """A folder with data, in which commands are run."""

    def __init__(self, folder: str):
        self.folder = Path(folder)
        rng = np.random.default_rng(0)
        write(Snapshots(rng.normal(size=(2000, 2)) + [1.0, -2.0]), self.folder / "d.npz")

    def start(self, *words: str, devices: int = 1, quiet: bool = True) -> subprocess.Popen:
        own = {"JAX_PLATFORMS": "cpu"}
        if devices > 1:
            # A small pool of threads lets devices wait for each other for ever.
            flags = f"--xla_force_host_platform_device_count={devices}"
            own |= {"XLA_FLAGS": flags, "NPROC": "8"}
        return subprocess.Popen(
            [sys.executable, "-m", "noneq", *words, *["--quiet"] * quiet], cwd=self.folder,
            env=os.environ | own, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, *words: str, devices: int = 1) -> None:
        process = self.start(*words, devices=devices)
        said = process.communicate(timeout=1800)[1]
        if process.returncode:
            raise RuntimeError(said.strip().splitlines()[-1])

    def fit(self, name: str, steps: int, *more: str) -> list[str]:
        words = ["fit", "ScoreMatching", "d.npz", "-o", name, "--set", "training.batch=64"]
        return [*words, "--set", "net.width=16", "--set", f"training.steps={steps}", *more]

    def losses(self, name: str) -> dict[float, float]:
        """By step."""
        with (self.folder / name / "history.csv").open() as file:
            return {float(line["step"]): float(line["loss"]) for line in csv.DictReader(file)}

    def model(self, name: str) -> bytes:
        return (self.folder / name / "model.safetensors").read_bytes()


def _equal(place: Place, label: str, *more: str, devices: int = 1) -> list[dict]:
    """Loss of the first step, and samples, beside those of one device."""
    name = label.replace("=", "_")
    place.run(*place.fit(name, 1, *more), devices=devices)
    one, other = place.losses("one")[1.0], place.losses(name)[1.0]
    draw = ("sample", "one", "--n", "1001", "-o")
    place.run(*draw, f"{name}.npz", *more, devices=devices)
    x, y = (read(place.folder / f"{n}.npz").values for n in ("one", name))
    return [
        row(label, "noneq", "step1_loss_difference", abs(one - other) / abs(one)),
        row(label, "noneq", "sample_difference", float(np.abs(x - y).max() / np.abs(x).max())),
    ]


def _one(place: Place) -> None:
    place.run(*place.fit("one", 1))
    place.run("sample", "one", "--n", "1001", "-o", "one.npz")


def devices() -> list[dict]:
    """Several devices of one process."""
    with tempfile.TemporaryDirectory() as folder:
        place = Place(folder)
        _one(place)
        return [r for n in (2, 4) for r in _equal(place, f"devices={n}", devices=n)]


def processes() -> list[dict]:
    """Two processes: the numbers of one, and kills of either."""
    two, label = ("--processes", "2"), "processes=2"
    with tempfile.TemporaryDirectory() as folder:
        place = Place(folder)
        _one(place)
        rows = _equal(place, label, *two)
        place.run(*place.fit("whole", STEPS, *two))
        same, slowest = [], 0.0
        for i in range(2 * KILLS):
            seconds, alike = _killed(place, f"killed_{i}", i % 2, two)
            same.append(alike)
            slowest = max(slowest, seconds)
            sys.stderr.write(f"kill of rank {i % 2}: {seconds:.1f} s, resumed alike: {alike}\n")
        rows += [
            row(label, "noneq", "resume_identical", float(np.mean(same))),
            row(label, "noneq", "kills", len(same)),
            row(label, "noneq", "seconds_to_end", slowest),
        ]
    return rows


def _killed(place: Place, name: str, rank: int, two: tuple[str, ...]) -> tuple[float, bool]:
    """Seconds until all have ended, and whether the fit goes on to the same bytes."""
    running = place.start(*place.fit(name, STEPS, *two))
    _state(place, name, running)
    os.kill(ranks_of(running.pid)[rank], signal.SIGKILL)
    began = time.monotonic()
    said = running.communicate(timeout=300)[1]
    seconds = time.monotonic() - began
    if running.returncode != 3 or f"rank {rank} was killed" not in said:
        raise RuntimeError(f"code {running.returncode} after a kill of rank {rank}: {said}")
    place.run(*place.fit(name, STEPS, *two, "--resume"))
    return seconds, place.model(name) == place.model("whole")


def restore() -> list[dict]:
    """A fit that is stopped and goes on with another number of processes, beside one that is not.

    Losses differ by the order of their sums alone, and by what training makes of that.
    """
    rows, two = [], ("--processes", "2")
    with tempfile.TemporaryDirectory() as folder:
        place = Place(folder)
        for case, first, then in (("2 to 1", two, ()), ("1 to 2", (), two)):
            whole, moved = f"whole_{case[0]}", f"moved_{case[0]}"
            place.run(*place.fit(whole, MOVED, *first))
            running = place.start(*place.fit(moved, MOVED, *first), quiet=False)
            assert running.stderr is not None
            while "loss" not in running.stderr.readline():
                if running.poll() is not None:
                    raise RuntimeError(f"the fit ended by itself: {running.communicate()[1]}")
            running.send_signal(signal.SIGTERM)
            said = running.communicate(timeout=300)[1]
            found = re.search(r"stopped on request at step (\d+)", said)
            if running.returncode != 143 or found is None:
                raise RuntimeError(f"code {running.returncode} after SIGTERM: {said}")
            place.run(*place.fit(moved, MOVED, *then, "--resume"))
            one, other = place.losses(whole), place.losses(moved)
            away = {step: abs(other[step] - one[step]) / abs(one[step]) for step in one}
            soon, last = min(s for s in away if s >= float(found[1]) + 50), max(away)
            rows += [
                row(case, "noneq", "stopped_at_step", float(found[1])),
                row(case, "noneq", "loss_difference", away[soon]),
                row(case, "noneq", "final_loss_difference", away[last]),
                row(case, "noneq", "largest_loss_difference", max(away.values())),
            ]
    return rows


def _state(place: Place, name: str, running: subprocess.Popen) -> None:
    """Wait for the first saved state of a fit, and a little more."""
    while not (place.folder / name / "checkpoint" / "state.safetensors").exists():
        if running.poll() is not None:
            raise RuntimeError(f"the fit ended before it was killed: {running.communicate()[1]}")
        time.sleep(0.05)
    time.sleep(float(np.random.default_rng(len(name)).uniform(0, 1)))


def exchange() -> list[dict]:
    """Time in which two processes of this host take the mean of so many numbers, by gloo."""
    place = "127.0.0.1:39431"
    command = [sys.executable, "-c", EXCHANGE, place]
    pair = [
        subprocess.Popen(
            [*command, str(i), json.dumps(FLOATS)], text=True, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, env=os.environ | {"JAX_PLATFORMS": "cpu"},
        )
        for i in range(2)
    ]  # fmt: skip
    said = [process.communicate(timeout=600)[0] for process in pair]
    line = next(text for text in said[0].splitlines() if text.startswith("FOUND "))
    rows = []
    for size, seconds in json.loads(line.removeprefix("FOUND ")).items():
        # The quartile, as other programs of the machine only ever add.
        case = f"exchange:{int(size):,}".replace(",", "_")
        rows.append(row(case, "gloo", "exchange_seconds", float(np.quantile(seconds, 0.25))))
    return rows


def sweep() -> list[dict]:
    """48 cells beside ten kills of workers: the rows of a sweep that nobody disturbs."""
    with tempfile.TemporaryDirectory() as folder:
        place = Place(folder)
        words = ["sweep", "ScoreMatching", "d.npz", "--set", "training.steps=100", "--seeds", "4"]
        words += ["--set", "net.width=16", "--set", "training.batch=64", "--metrics", "sliced_w2"]
        words += [w for name, tries in CELLS.items() for w in ("--set", f"{name}={tries}")]
        words += ["--n", "200", "-o"]
        place.run(*words, "serial")
        running, killed, done = place.start(*words, "shared", "--workers", "2"), 0, 0
        while running.poll() is None and killed < 10:
            time.sleep(0.05)
            now = len(list((place.folder / "shared" / "cells").glob("*.json")))
            if now < done + 4:
                continue
            for worker in children(running.pid)[:1]:
                os.kill(worker, signal.SIGKILL)
                killed, done = killed + 1, now
        running.communicate(timeout=1800)
        one, other = _cells(place.folder / "serial"), _cells(place.folder / "shared")
    same = sum(other.get(name) == rows for name, rows in one.items())
    return [
        row("sweep:48", "noneq", "cells_recovered", same / 48),
        row("sweep:48", "noneq", "workers_killed", killed),
    ]


def _cells(folder: Path) -> dict[str, list]:
    """Rows of each cell that is there."""
    kept = (json.loads(file.read_text()) for file in (folder / "cells").glob("*.json"))
    return {cell["hash"]: cell["rows"] for cell in kept}
