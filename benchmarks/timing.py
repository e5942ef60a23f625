"""Side-by-side timing: every case is warmed up, then all take turns."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from statistics import median, stdev


REPEATS = 5
THREADS = 2
TORCH = find_spec("torch") is not None
"""PyTorch is an opt-in; without it its cases are left out."""
TORCHCFM = TORCH and all(map(find_spec, ("torchcfm", "ot")))
"""The same for the peer of the transports."""
LEFT_OUT = tuple(
    name for name, there in {"PyTorch": TORCH, "torchcfm": TORCHCFM}.items() if not there
)
"""Beginnings of the names of peers that this machine lacks."""

Case = Callable[[], object]
"""One complete run of a workload; returns only when its result is ready."""


@dataclass(frozen=True)
class Timing:
    """Seconds of the runs of one method, and of its first run (compilation included)."""

    seconds: list[float]
    first: float

    @property
    def median(self) -> float:
        return median(self.seconds)

    @property
    def stderr(self) -> float:
        """Standard error of the median, 1.253 std/sqrt(n)."""
        return 1.253 * stdev(self.seconds) / len(self.seconds) ** 0.5


def clock(case: Case) -> float:
    start = time.perf_counter()
    case()
    return time.perf_counter() - start


def side_by_side(cases: dict[str, Case], repeats: int = REPEATS) -> dict[str, Timing]:
    """Warm each case up once, then time them in turn, so that all meet the same machine."""
    first = {name: clock(case) for name, case in cases.items()}
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(repeats):
        for name, case in cases.items():
            seconds[name].append(clock(case))
    return {name: Timing(seconds[name], first[name]) for name in cases}


def row(case: str, method: str, metric: str, value: float, stderr: float | None = None) -> dict:
    return {
        "case": case,
        "method": method,
        "metric": metric,
        "value": value,
        "stderr": stderr,
        "floor": None,
        "seeds": 1,
    }


def speed_rows(case: str, timings: dict[str, Timing]) -> list[dict]:
    """Seconds of all, first runs, and peer seconds / ours; the entry ``noneq`` is ours."""
    ours = timings["noneq"]
    rows = []
    for method, timing in timings.items():
        rows.append(row(case, method, "seconds", timing.median, timing.stderr))
        rows.append(row(case, method, "first_run_seconds", timing.first))
        if method != "noneq":
            ratio = timing.median / ours.median
            relative = (timing.stderr / timing.median) ** 2 + (ours.stderr / ours.median) ** 2
            rows.append(row(case, method, "ratio", ratio, ratio * relative**0.5))
    return rows
