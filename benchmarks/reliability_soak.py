"""A loop of fits and samples that runs for a long time: row R14.

    .venv/bin/python benchmarks/reliability_soak.py 30     # minutes; 30 if left out

After the first tenth of the time the resident memory must grow by less than 1 MB in 1,000 steps of
training, nothing may be compiled anew, and the number of open files must stay.
"""

import os
import resource
import sys
import time
from pathlib import Path

import jax
import numpy as np
from reliability import keep

import noneq as nq
from noneq.nets import MLP


MINUTES = 30.0
WARM = 0.1
"""Share of the time that is left out."""
MOST = 1.0
"""MB in 1,000 steps."""
STEPS = 200
_COMPILED = "/jax/core/compile/backend_compile_duration"


def resident() -> float:
    """MB of memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def soak(minutes: float) -> dict[str, float]:
    """Slope of the memory, programs compiled and files opened after the warm part, and steps."""
    compiled = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda name, seconds, **_: compiled.append(name) if name == _COMPILED else None
    )
    frames = np.random.default_rng(0).normal(size=(2, 500, 2)) + [[[0.0, 0.0]], [[1.0, 2.0]]]
    data = nq.Snapshots.from_frames(list(frames), [0.0, 1.0])
    method = nq.methods.ScoreMatching(
        net=MLP(32, 2), training=nq.Training(steps=STEPS, batch=64, warmup=0)
    )
    seen, began, steps, before = [], time.monotonic(), 0, None
    while (gone := time.monotonic() - began) < 60 * minutes or before is None:
        fit_key, draw_key = jax.random.split(jax.random.fold_in(jax.random.key(0), steps))
        fit = method.fit(data, key=fit_key, progress=False)
        drawn = fit.model.snapshots(500, times=[0.0, 1.0], key=draw_key)
        assert np.isfinite(drawn.values).all()
        steps += STEPS
        if gone < 60 * minutes * WARM:
            continue
        open_files = len(os.listdir("/proc/self/fd"))
        if before is None:
            before = len(compiled), open_files
        seen.append((steps, resident(), open_files))
    count, files = before
    at, memory, opened = np.asarray(seen).T
    slope = np.polyfit(at / 1000, memory, 1)[0] if len(seen) > 1 else np.nan
    return {
        "megabytes_per_1000_steps": float(slope),
        "programs_compiled": len(compiled) - count,
        "files_more": float(np.abs(opened - files).max()),
        "steps": steps,
    }


def main(words: list[str]) -> None:
    found = soak(float(words[0]) if words else MINUTES)
    well = {
        "memory": found["megabytes_per_1000_steps"] < MOST,
        "programs": found["programs_compiled"] == 0,
        "open files": found["files_more"] == 0,
    }
    sys.stdout.write(f"R14: {found}\n")
    keep("R14", "soak", sum(well.values()), len(well), **found)


if __name__ == "__main__":
    main(sys.argv[1:])
