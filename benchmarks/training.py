"""Training the score network: `noneq` beside PyTorch, eager and compiled."""

import jax
import jax.numpy as jnp
import workload
from timing import THREADS, TORCH, clock, row, side_by_side, speed_rows

from noneq.learning.loop import Training, train
from noneq.methods.denoising.objectives import DenoisingLoss


STEPS = 2000
CASES = {"train_mlp4x128_b1024": (128, 4, 1024), "train_mlp3x64_b256": (64, 3, 256)}


def ours(width: int, depth: int, batch: int, steps: int):
    model = workload.untrained(width, depth, steps=1)
    table = workload.in_memory(model)
    method = workload.method(width, depth, training=Training(steps=steps, batch=batch))
    objective = DenoisingLoss(method.weight)
    keys = iter(jax.random.split(jax.random.key(1), 100))
    return lambda: jax.block_until_ready(
        train(model.denoiser, objective, table, method.training, key=next(keys))[0].net.last
    )


def peer(width: int, depth: int, batch: int, steps: int, *, compiled: bool):
    import torch
    import torch_peer

    torch.set_num_threads(THREADS)
    model = workload.untrained(width, depth, steps=1)
    values = workload.peer_rows(model)
    return torch_peer.trainer(
        workload.peer(model), values, batch=batch, steps=steps, compiled=compiled
    )


def matmul_gflops(size: int = 2048, repeats: int = 5) -> float:
    """The faster of JAX and PyTorch at one large float32 product, best of several."""
    a = jnp.ones((size, size))
    product = jax.jit(lambda m: m @ m)
    cases = [lambda: product(a).block_until_ready()]
    if TORCH:
        import torch

        b = torch.ones((size, size))
        cases.append(lambda: b @ b)
    for case in cases:
        case()
    return 2e-9 * size**3 / min(clock(case) for _ in range(repeats) for case in cases)


def network_gflops(width: int, depth: int, batch: int, steps: int) -> float:
    """Products of one run: forward, and backward to weights and (but for layer 1) inputs."""
    first, rest = workload.multiplications(workload.untrained(width, depth, steps=1))
    return 2e-9 * steps * batch * (2 * first + 3 * rest)


def rows(steps: int = STEPS) -> list[dict]:
    out = []
    for case, (width, depth, batch) in CASES.items():
        cases = {"noneq": ours(width, depth, batch, steps)}
        if TORCH:
            cases["PyTorch eager (peer)"] = peer(width, depth, batch, steps, compiled=False)
            cases["PyTorch compile (peer)"] = peer(width, depth, batch, steps, compiled=True)
        before = matmul_gflops()
        timings = side_by_side(cases)
        out += speed_rows(case, timings)
        machine = (before + matmul_gflops()) / 2
        work = network_gflops(width, depth, batch, steps)
        for name, timing in timings.items():
            out.append(row(case, name, "gflops", work / timing.median))
            out.append(row(case, name, "share_of_matmul", work / timing.median / machine))
    out.append(row("large_matmul", "optimal", "gflops", machine))
    return out
