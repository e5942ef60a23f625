"""Data larger than memory: what training on a zarr folder holds, and how fast it is read.

    .venv/bin/python benchmarks/scale_zarr.py        # 0.5 GB, about a minute on two free cores

The folder is written part by part and trained on in a process of its own. `rss_share` is the growth
of its memory after the first chunk of steps, over the size of the data; `megabytes_per_second` counts
decoded values of whole epochs, with the folder in the page cache: a rate of decoding, not of a disk.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from timing import row


FRAMES, DIM = 1000, 8
PART = 250
"""Trajectories written at once."""
STEPS, BATCH = 1280, 16384
"""Some forty windows in training; measuring before it reads every chunk."""


def rows(gigabytes: float = 0.5) -> list[dict]:
    """Rows of the case ``zarr:0.5GB``."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "walks.zarr"
        write_walks(path, gigabytes)
        found = measured(path)
    case = f"zarr:{gigabytes:g}GB"
    return [
        row(case, "noneq", name, found[name])
        for name in ("rss_share", "megabytes_per_second", "window_megabytes")
    ]


def write_walks(path: Path, gigabytes: float) -> None:
    """Random walks, of which a few MB are held."""
    from noneq.data.lazy.writer import write_parts

    n = int(gigabytes * 1e9 / (FRAMES * DIM * 4)) // PART * PART
    write_parts(_walks(n), path, n=n, times=np.arange(float(FRAMES)))


def _walks(n: int) -> Iterator:
    from noneq.data import Trajectories
    from noneq.data.layouts import as_raw

    for first in range(0, n, PART):
        rng = np.random.default_rng([0, first])
        steps = rng.standard_normal((PART, FRAMES, DIM), dtype=np.float32)
        yield as_raw(Trajectories(0.1 * steps.cumsum(1), np.arange(float(FRAMES))))


def measured(path: Path) -> dict[str, float]:
    """What the child process says."""
    words = [sys.executable, __file__, str(path)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=1200, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    return json.loads(done.stdout.splitlines()[-1])


def child(path: Path) -> dict[str, float]:
    """Train on the folder and read it, watching the memory of this process."""
    import noneq as nq
    from noneq.spec import override

    data = nq.data.read(path, lazy=True)
    fields = {"training.steps": STEPS, "training.batch": BATCH, "net.width": 32, "net.depth": 2}
    held = _Memory()
    method = override(nq.methods.ScoreMatching(), fields)
    method.fit(data, seed=0, progress=lambda done, total, row: held.begin())
    growth = held.end()
    count = data.chunks // data.window_chunks
    size = data.window_chunks * data.nbytes / data.chunks
    seconds = []
    for epoch in range(3):
        began = time.perf_counter()
        for number in range(count):
            data.window(0, epoch * count + number)
        seconds.append(time.perf_counter() - began)
    return {
        "rss_share": growth / data.nbytes,
        "megabytes_per_second": count * size / min(seconds) / 1e6,
        "window_megabytes": size / 1e6,
    }


class _Memory:
    """Largest resident memory since `begin`, looked at every few milliseconds."""

    def __init__(self) -> None:
        self.first, self.most, self.stop = 0, 0, threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def begin(self) -> None:
        """Called often; the first call counts."""
        if not self.first:
            self.first = self.most = _resident()
            self.thread.start()

    def end(self) -> int:
        """Growth in bytes."""
        self.stop.set()
        self.thread.join()
        return max(self.most, _resident()) - self.first

    def _watch(self) -> None:
        while not self.stop.wait(0.005):
            self.most = max(self.most, _resident())


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.stdout.write(json.dumps(child(Path(sys.argv[1]))) + "\n")
    else:
        sys.stdout.write(json.dumps(rows(), indent=1) + "\n")
