"""10,000 samples by 200 Heun steps, and by EDM's 18, of the probability flow, beside PyTorch."""

import equinox as eqx
import jax
import workload
from timing import THREADS, TORCH, Case, side_by_side, speed_rows

from noneq.methods.denoising.model import DenoisingModel
from noneq.samplers import ChurnedHeun


N, STEPS, LEVELS = 10_000, 200, 18


def ours(model: DenoisingModel, n: int) -> dict[str, Case]:
    keys = iter(jax.random.split(jax.random.key(1), 100))
    return {"noneq": lambda: jax.block_until_ready(model.sample(n, key=next(keys)))}


def flow(n: int, steps: int) -> list[dict]:
    model = workload.untrained(128, 4, steps=steps)
    cases = ours(model, n)
    if TORCH:
        import torch_peer

        peer = workload.peer(model)
        for name, compiled in (("eager", False), ("compile", True)):
            case = torch_peer.sampler(peer, n=n, steps=steps, compiled=compiled)
            cases[f"PyTorch {name} (peer)"] = case
    return speed_rows(f"sample_heun{steps}_n{n}", side_by_side(cases))


def edm(n: int, levels: int, width: int, depth: int) -> list[dict]:
    """Karras et al. 2022, algorithm 1: the same levels and final Euler step on both sides."""
    model = workload.untrained(width, depth, steps=1)
    model = eqx.tree_at(lambda m: m.sampler, model, ChurnedHeun(levels))
    cases = ours(model, n)
    if TORCH:
        import torch_peer

        peer = workload.peer(model)
        cases["PyTorch eager (peer)"] = torch_peer.edm_sampler(peer, n=n, levels=levels)
    return speed_rows(f"sample_edm{levels}_mlp{depth}x{width}_n{n}", side_by_side(cases))


def rows(n: int = N, steps: int = STEPS, levels: int = LEVELS) -> list[dict]:
    if TORCH:
        import torch

        torch.set_num_threads(THREADS)
    return flow(n, steps) + edm(n, levels, 64, 3) + edm(n, levels, 128, 4)
