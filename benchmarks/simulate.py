"""10,000 particles × 1,000 Euler steps in the rotating wells, beside PyTorch and diffrax.

All take the same potential, differentiated automatically, from the same starts, and draw their own
float32 noise; ours and PyTorch fold at the walls after each step.
"""

import math
from typing import TYPE_CHECKING

import diffrax
import jax
import jax.numpy as jnp
import lineax
import numpy as np
from timing import THREADS, TORCH, Case, row, side_by_side, speed_rows

from noneq.simulation import simulate
from noneq.systems import Prinz


if TYPE_CHECKING:
    import torch


N, STEPS, STEP = 10_000, 1_000, 0.001
SYSTEM = Prinz()


def starts(n: int = N) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (n, 2)).astype(np.float32)


def ours(record: int) -> Case:
    """Recorded ``record`` times; the library's public call, host copy and checks included."""
    times = np.linspace(0.0, STEPS * STEP, record + 1)
    keys = iter(jax.random.split(jax.random.key(0), 1000))
    start = starts()
    return lambda: simulate(
        SYSTEM, times, n=N, key=next(keys), substeps=STEPS // record, start=start
    )


def potential(t: float, x: "torch.Tensor") -> "torch.Tensor":
    """Of the peer in PyTorch, many states at once."""
    import torch

    r = torch.linalg.vector_norm(x, dim=1)
    a, b = x[:, 0] / r, x[:, 1] / r
    real, imag = a, b
    for _ in range(4):
        real, imag = real * a - imag * b, real * b + imag * a
    phase = math.pi / 2 * t
    return real * math.cos(phase) + imag * math.sin(phase) + 10.0 * (r - 0.5) ** 2


def peer_torch() -> Case:
    import torch

    torch.set_num_threads(THREADS)

    def run() -> torch.Tensor:
        x = torch.from_numpy(starts())
        scale = math.sqrt(2 * STEP / SYSTEM.beta)
        for k in range(STEPS):
            x.requires_grad_(True)
            (gradient,) = torch.autograd.grad(potential(k * STEP, x).sum(), x)
            with torch.no_grad():
                x = x - STEP * gradient + scale * torch.randn_like(x)
                x = 1 - torch.abs(2 - torch.remainder(x + 1, 4))
        return x

    return run


def diffrax_solve(path, shape, drift, x, key):
    """Without the walls, which diffrax does not have: less work than ours."""
    noise = lineax.DiagonalLinearOperator(jnp.full(shape, math.sqrt(2 / SYSTEM.beta)))
    terms = diffrax.MultiTerm(
        diffrax.ODETerm(lambda t, y, _: drift(t, y)),
        diffrax.ControlTerm(lambda t, y, _: noise, path(shape, key)),
    )
    return diffrax.diffeqsolve(
        terms, diffrax.Euler(), 0.0, STEPS * STEP, STEP, x, max_steps=STEPS + 1, throw=False,
        adjoint=diffrax.ForwardMode(),
    ).ys[-1]  # fmt: skip


def peer_diffrax() -> Case:
    """As its documentation does it: a solve per particle under vmap, VirtualBrownianTree."""
    x = jnp.asarray(starts())
    path = lambda shape, key: diffrax.VirtualBrownianTree(0.0, STEPS * STEP, STEP / 2, shape, key)

    @jax.jit
    def run(key):
        solve = lambda x, key: diffrax_solve(path, (2,), SYSTEM.drift, x, key)
        return jax.vmap(solve)(x, jax.random.split(key, N))

    keys = iter(jax.random.split(jax.random.key(1), 1000))
    return lambda: run(next(keys)).block_until_ready()


def peer_diffrax_fast() -> Case:
    """The fastest way found: the ensemble as one state, noise that cannot be asked again."""
    x = jnp.asarray(starts())
    drift = jax.vmap(SYSTEM.drift, (None, 0))
    run = jax.jit(lambda key: diffrax_solve(diffrax.UnsafeBrownianPath, x.shape, drift, x, key))
    keys = iter(jax.random.split(jax.random.key(2), 1000))
    return lambda: run(next(keys)).block_until_ready()


def rows() -> list[dict]:
    cases = {"noneq": ours(1)}
    if TORCH:
        cases["PyTorch eager (peer)"] = peer_torch()
    cases["diffrax Euler (peer)"] = peer_diffrax()
    cases["diffrax Euler, UnsafeBrownianPath (peer)"] = peer_diffrax_fast()
    timings = side_by_side(cases)
    out = speed_rows("simulate_1e7", timings)
    rate = N * STEPS / timings["noneq"].median
    relative = timings["noneq"].stderr / timings["noneq"].median
    out.append(row("simulate_1e7", "noneq", "particle_steps_per_second", rate, rate * relative))
    frames = side_by_side({"noneq": ours(STEPS)})["noneq"]
    out.append(
        row("simulate_1e7_every_step_recorded", "noneq", "seconds", frames.median, frames.stderr)
    )
    return out


if __name__ == "__main__":
    for entry in rows():
        print("{case:34} {method:42} {metric:26} {value:.4g} ± {stderr}".format(**entry))
