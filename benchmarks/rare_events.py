"""Adaptive multilevel splitting: largest value of an Ornstein–Uhlenbeck process, a = 4 within 10.

The peer is the algorithm as one writes it first: a Python loop over single paths and single steps, whole
paths kept in lists, the lowest tenth of 200 paths killed at each level, as ours does. Both look at the level
after steps of 0.01, so that both estimate the same number, 3.331e-3. Ours has twenty repeats, the peer
one: times are given for each path of a repeat. The peer uses one core, ours what it finds.
"""

import math
import random
import time

import jax
from timing import row

from noneq.inference import splitting
from noneq.systems import Linear


STEP, HORIZON, LEVEL, EXACT = 0.01, 10.0, 4.0, 3.331e-3
N, REPEATS, WORKERS = 200, 20, 2


def path_from(x: float, steps: int, rng: random.Random) -> list[float]:
    """States after each of so many steps, or up to the level."""
    out, kick = [], math.sqrt(2 * STEP)
    for _ in range(steps):
        x += -x * STEP + kick * rng.gauss(0.0, 1.0)
        out.append(x)
        if x > LEVEL:
            break
    return out


def loop(n: int, seed: int) -> float:
    """One repeat of the peer."""
    rng, steps = random.Random(seed), round(HORIZON / STEP)
    paths = [path_from(0.0, steps, rng) for _ in range(n)]
    best, weight = [max(path) for path in paths], 1.0
    while True:
        level = sorted(best)[n // 10 - 1]
        if level > LEVEL:
            return weight * sum(top > LEVEL for top in best) / n
        killed = [i for i in range(n) if best[i] <= level]
        alive = [i for i in range(n) if best[i] > level]
        if not alive:
            return 0.0
        weight *= len(alive) / n
        for i in killed:
            parent = paths[rng.choice(alive)]
            j = next(k for k, x in enumerate(parent) if x > level)
            start = parent[: j + 1]
            paths[i] = start + (
                [] if start[-1] > LEVEL else path_from(start[-1], steps - j - 1, rng)
            )
            best[i] = max(paths[i])


def ours(seed: int) -> float:
    system = Linear(A=((1.0,),), D=((1.0,),))
    found = splitting(
        system, target=f"x > {LEVEL}", horizon=HORIZON, start=[0.0], step=STEP, n=N,
        repeats=REPEATS, workers=WORKERS, continuous=False, key=jax.random.key(seed),
    )  # fmt: skip
    return float(found.probability.value)


def rows() -> list[dict]:
    """Seconds of each path of a repeat, the median of three, and the ratio."""
    ours(0)  # compiles
    mine, theirs = [], []
    for seed in range(1, 4):
        begin = time.perf_counter()
        ours(seed)
        middle = time.perf_counter()
        loop(N, seed)
        mine.append((middle - begin) / (N * REPEATS))
        theirs.append((time.perf_counter() - middle) / N)
    a, b = sorted(mine)[1], sorted(theirs)[1]
    return [
        row("splitting_ou", "noneq", "seconds_per_path", a),
        row("splitting_ou", "Python loop (peer)", "seconds_per_path", b),
        row("splitting_ou", "noneq", "ratio", b / a),
    ]


def check() -> None:
    """The peer estimates the same number."""
    found = sum(loop(N, seed) for seed in range(10, 14)) / 4
    if not 0.3 * EXACT < found < 3 * EXACT:
        raise SystemExit(f"the peer is wrong: {found:.3g}, exact {EXACT:.3g}")


if __name__ == "__main__":
    check()
    for entry in rows():
        print("{case:16} {method:26} {metric:26} {value:.4g} ± {stderr}".format(**entry))
