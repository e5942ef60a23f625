"""10,000 samples by 200 Heun steps of the probability flow, beside PyTorch."""

import jax
import torch
import torch_peer
import workload
from timing import THREADS, side_by_side, speed_rows


N, STEPS = 10_000, 200


def rows(n: int = N, steps: int = STEPS) -> list[dict]:
    torch.set_num_threads(THREADS)
    model = workload.untrained(128, 4, steps=steps)
    peer = workload.peer(model)
    keys = iter(jax.random.split(jax.random.key(1), 100))
    timings = side_by_side(
        {
            "noneq": lambda: jax.block_until_ready(model.sample(n, key=next(keys))),
            "PyTorch eager (peer)": torch_peer.sampler(peer, n=n, steps=steps, compiled=False),
            "PyTorch compile (peer)": torch_peer.sampler(peer, n=n, steps=steps, compiled=True),
        }
    )
    return speed_rows("sample_heun200_n10000", timings)
