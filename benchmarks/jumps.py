"""Gillespie's algorithm, many replicas: the driven ring of three states, and Schlögl's model.

The peer is plain NumPy with all replicas in one array, one event of each at a time (direct method,
PCG64's float32 numbers), which runs on one core. A second row counts the events of a loop over
single events in Python, as one writes it first. Ours is the public call, `simulate`, on all cores,
with threefry numbers, host copies and checks included.
"""

import math
import time
from collections.abc import Callable

import jax
import numpy as np
from timing import Case, row, side_by_side, speed_rows

from noneq.simulation import simulate
from noneq.systems import MarkovJump, Schlogl


N, RING_TIME, SCHLOGL_TIME = 16384, 100.0, 0.2
RATES = np.asarray([[3.0, 1.0], [1.0, 3.0], [3.0, 1.0]])
"""Of the ring: to the two other states, in rising order."""
ENDS = np.asarray([[1, 2], [0, 2], [0, 1]])


def ours(system: MarkovJump | Schlogl, end: float) -> Case:
    keys = iter(jax.random.split(jax.random.key(0), 100))
    return lambda: simulate(system, (0.0, end), n=N, key=next(keys))


class Peer:
    """States of N replicas; every pass makes one event of those that are not done."""

    def __init__(self, seed: int, event: Callable[..., tuple[np.ndarray, np.ndarray]], end: float):
        self.rng = np.random.default_rng(seed)
        self.event, self.end = event, end

    def run(self, start: np.ndarray) -> tuple[np.ndarray, int]:
        """States at the end, and the number of events."""
        x, t, count = start.copy(), np.zeros(len(start)), 0
        live = np.arange(len(start))
        while live.size:
            total, after = self.event(self.rng, x[live])
            t[live] -= np.log1p(-self.rng.random(live.size, np.float32)) / total
            going = t[live] < self.end
            live, after = live[going], after[going]
            x[live] = after
            count += live.size
        return x, count


def ring_event(rng: np.random.Generator, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    second = rng.random(x.size, np.float32) * 4.0 >= RATES[x, 0]
    return np.full(x.size, 4.0), ENDS[x, second.astype(int)]


def schlogl_event(rng: np.random.Generator, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    pairs = n * (n - 1.0)
    up = 3.0 / 25 * pairs + 0.25 * 2.0 * 25
    total = up + 0.6 / 625 * pairs * (n - 2.0) + 2.95 * n
    return total, n + np.where(rng.random(n.size, np.float32) * total < up, 1.0, -1.0)


def single_events(count: int = 50_000) -> float:
    """Events per second of a Python loop over the ring."""
    rng = np.random.default_rng(0)
    x, t, begin = 0, 0.0, time.perf_counter()
    for _ in range(count):
        rates = RATES[x]
        total = rates.sum()
        t += rng.exponential(1 / total)
        x = int(ENDS[x][np.searchsorted(rates.cumsum(), rng.random() * total, side="right")])
    return count / (time.perf_counter() - begin)


def cases() -> dict[str, tuple[MarkovJump | Schlogl, float, Peer, np.ndarray]]:
    schlogl = Schlogl(b=2.0)
    law = schlogl.stationary()
    molecules = np.random.default_rng(0).choice(law.size, N, p=law).astype(float)
    states = np.random.default_rng(0).integers(0, 3, N)
    return {
        "jumps_ring": (MarkovJump(), RING_TIME, Peer(1, ring_event, RING_TIME), states),
        "jumps_schlogl": (schlogl, SCHLOGL_TIME, Peer(1, schlogl_event, SCHLOGL_TIME), molecules),
    }


def rows() -> list[dict]:
    out = []
    for case, (system, end, peer, start) in cases().items():
        events = peer.run(start)[1]  # on average as many in ours, which has the same law
        timings = side_by_side(
            {"noneq": ours(system, end), "NumPy replicas (peer)": lambda p=peer, s=start: p.run(s)}
        )
        out += speed_rows(case, timings)
        for method, timing in timings.items():
            rate = events / timing.median
            relative = timing.stderr / timing.median
            out.append(row(case, method, "events_per_second", rate, rate * relative))
    out.append(row("jumps_ring", "Python loop (peer)", "events_per_second", single_events()))
    return out


def check() -> None:
    """The peers follow the same laws: states uniform on the ring, 72.45 molecules."""
    for case, (_, _, peer, start) in cases().items():
        end = peer.run(start)[0]
        exact = 1.0 if case == "jumps_ring" else 72.45
        if abs(end.mean() - exact) > 5 * end.std() / math.sqrt(N):
            raise SystemExit(f"the peer of {case} is wrong: mean {end.mean():.4f}, exact {exact}")


if __name__ == "__main__":
    check()
    for entry in rows():
        print("{case:16} {method:26} {metric:26} {value:.4g} ± {stderr}".format(**entry))
