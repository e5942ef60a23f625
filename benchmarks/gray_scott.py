"""Gray–Scott on 128 × 128 sites: 8 fields, 1,000 explicit steps of 1, the 5-point Laplacian.

The peer is NumPy as it is usually written for speed: fields with a margin that is copied from the
opposite edge, neighbours as slices, float32, all fields in one array, on one core. Ours is the public
call, `simulate`, with checks and host copies included.
"""

import jax
import numpy as np
from timing import Case, row, side_by_side, speed_rows

from noneq.simulation import Euler, simulate
from noneq.systems import GrayScott


N, SIZE, STEPS = 8, 128, 1000
SYSTEM = GrayScott.waves(SIZE)
START = np.asarray(jax.vmap(SYSTEM.initial)(jax.random.split(jax.random.key(0), N)))


def run_ours(steps: int = STEPS) -> np.ndarray:
    paths = simulate(
        SYSTEM, (0.0, float(steps)), n=N, key=jax.random.key(0), solver=Euler(), start=START
    )
    return paths.values[:, 1]


def run_peer(steps: int = STEPS) -> np.ndarray:
    wide = np.zeros((N, 2, SIZE + 2, SIZE + 2), np.float32)
    inner = wide[..., 1:-1, 1:-1]
    inner[:] = START
    rates = np.asarray([SYSTEM.Du, SYSTEM.Dv], np.float32)[:, None, None]
    feed, loss = np.float32(SYSTEM.F), np.float32(SYSTEM.F + SYSTEM.k)
    for _ in range(steps):
        wide[..., 0, :], wide[..., -1, :] = wide[..., -2, :], wide[..., 1, :]
        wide[..., :, 0], wide[..., :, -1] = wide[..., :, -2], wide[..., :, 1]
        around = wide[..., :-2, 1:-1] + wide[..., 2:, 1:-1]
        around += wide[..., 1:-1, :-2]
        around += wide[..., 1:-1, 2:]
        around -= 4 * inner
        around *= rates
        u, v = inner[:, 0], inner[:, 1]
        reaction = u * v * v
        around[:, 0] += feed * (1 - u) - reaction
        around[:, 1] += reaction - loss * v
        inner += around
    return inner.copy()


def rows() -> list[dict]:
    cases: dict[str, Case] = {"noneq": run_ours, "NumPy (peer)": run_peer}
    timings = side_by_side(cases)
    out = speed_rows("gray_scott_128", timings)
    for method, timing in timings.items():
        rate = N * SIZE**2 * STEPS / timing.median
        relative = timing.stderr / timing.median
        out.append(row("gray_scott_128", method, "cell_updates_per_second", rate, rate * relative))
    return out


def check() -> None:
    """Both compute the same fields, up to rounding."""
    gap = np.abs(run_ours(60) - run_peer(60)).max()
    if gap > 1e-4:
        raise SystemExit(f"the peer computes something else: fields differ by {gap:.2g}")


if __name__ == "__main__":
    check()
    for entry in rows():
        print("{case:16} {method:16} {metric:26} {value:.4g} ± {stderr}".format(**entry))
