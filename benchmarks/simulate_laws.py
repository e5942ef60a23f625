"""Laws of 10,000 particles after 1,000 steps: random bits as noise, beside normal numbers.

In the wells of `simulate`, and in a linear system, whose drift costs nothing beside the noise. The peers
take the same steps of Euler's scheme; one of PyTorch has the same random bits as ours.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from simulate import STEP, STEPS, SYSTEM, N, diffrax_solve, potential, starts
from timing import THREADS, TORCH, Case, row, side_by_side, speed_rows

from noneq.simulation import EulerMaruyama, WeakEuler, simulate
from noneq.simulation.solvers import AbstractSolver
from noneq.systems import Linear


A = np.array([[1.0, -1.0], [1.0, 1.0]], np.float32)
LINEAR = Linear(A=A, D=((0.1, 0.0), (0.0, 0.1)))
"""A trap with a turn, of the same noise as the wells."""
CASES = {"simulate_law_1e7": SYSTEM, "simulate_law_linear_1e7": LINEAR}


def ours(case: str, solver: AbstractSolver | None) -> Case:
    """None is the exact law of a linear system, in one step."""
    keys, start = iter(jax.random.split(jax.random.key(0), 1000)), starts()
    steps = STEPS if solver else None
    return lambda: simulate(
        CASES[case],
        (0.0, STEPS * STEP),
        n=N,
        key=next(keys),
        substeps=steps,
        start=start,
        solver=solver,
    )


def peer_torch(case: str, *, bits: bool) -> Case:
    import torch

    torch.set_num_threads(THREADS)
    scale, walls = math.sqrt(2 * STEP / SYSTEM.beta), case == "simulate_law_1e7"
    matrix = -torch.from_numpy(A.T.copy())

    def drift(t: float, x: torch.Tensor) -> torch.Tensor:
        if not walls:
            return x @ matrix
        x = x.detach().requires_grad_(True)
        return -torch.autograd.grad(potential(t, x).sum(), x)[0]

    def normals() -> Callable[[int], torch.Tensor]:
        return lambda _: torch.randn(N, 2)

    def words() -> Callable[[int], torch.Tensor]:
        kept = [torch.empty(0)]

        def signs(k: int) -> torch.Tensor:
            if k % 32 == 0:
                kept[0] = torch.randint(-(2**31), 2**31, (N, 2), dtype=torch.int32)
            return 1 - 2 * ((kept[0] >> k % 32) & 1).float()

        return signs

    def run() -> torch.Tensor:
        x, noise = torch.from_numpy(starts()), words() if bits else normals()
        for k in range(STEPS):
            x = x + STEP * drift(k * STEP, x) + scale * noise(k)
            if walls:
                x = 1 - torch.abs(2 - torch.remainder(x + 1, 4))
        return x

    return run


def peer_diffrax(case: str, *, fast: bool) -> Case:
    """A solve per particle under vmap, or the ensemble as one state with UnsafeBrownianPath."""
    import diffrax

    system, x = CASES[case], jnp.asarray(starts())
    tree = lambda shape, key: diffrax.VirtualBrownianTree(0.0, STEPS * STEP, STEP / 2, shape, key)
    every = jax.vmap(system.drift, (None, 0))

    @jax.jit
    def run(key):
        if fast:
            return diffrax_solve(diffrax.UnsafeBrownianPath, x.shape, every, x, key)
        solve = lambda x, key: diffrax_solve(tree, (2,), system.drift, x, key)
        return jax.vmap(solve)(x, jax.random.split(key, N))

    keys = iter(jax.random.split(jax.random.key(1), 1000))
    return lambda: run(next(keys)).block_until_ready()


def check(case: str) -> None:
    """All simulate the same law: mean of |x|² of ours with bits, with normals, and of the peers."""
    size = lambda x: float(np.mean(np.sum(np.asarray(x, np.float64) ** 2, -1)))
    found = {"bits": size(ours(case, WeakEuler())().values[:, -1])}
    found["normals"] = size(ours(case, EulerMaruyama())().values[:, -1])
    found["diffrax"] = size(peer_diffrax(case, fast=True)())
    if TORCH:
        found |= {f"PyTorch {bits}": size(peer_torch(case, bits=bits)()) for bits in (False, True)}
    if max(found.values()) > 1.05 * min(found.values()):
        raise SystemExit(f"{case}: the methods simulate different laws: {found}")


def rows() -> list[dict]:
    out = []
    for case in CASES:
        check(case)
        cases = {
            "noneq": ours(case, WeakEuler()),
            "noneq normal numbers": ours(case, EulerMaruyama()),
        }
        if case == "simulate_law_linear_1e7":
            cases["noneq exact law"] = ours(case, None)
        if TORCH:
            cases["PyTorch eager (peer)"] = peer_torch(case, bits=False)
            cases["PyTorch eager, random bits (peer)"] = peer_torch(case, bits=True)
        cases["diffrax Euler (peer)"] = peer_diffrax(case, fast=False)
        cases["diffrax Euler, UnsafeBrownianPath (peer)"] = peer_diffrax(case, fast=True)
        timings = side_by_side(cases)
        out += speed_rows(case, timings)
        rate = N * STEPS / timings["noneq"].median
        out.append(row(case, "noneq", "particle_steps_per_second", rate))
    return out


if __name__ == "__main__":
    for entry in rows():
        print("{case:26} {method:42} {metric:26} {value:.4g} ± {stderr}".format(**entry))
