"""Log-likelihood of 2,000 points by 40 Heun steps with exact divergence, beside PyTorch."""

import equinox as eqx
import jax
import torch
import torch_peer
import workload
from timing import THREADS, clock, side_by_side, speed_rows


N, STEPS = 2000, 40


def rows(n: int = N, steps: int = STEPS) -> list[dict]:
    torch.set_num_threads(THREADS)
    model = workload.untrained(128, 4, steps=steps)
    y, _ = workload.peer_rows(model)
    points, values = jax.numpy.asarray(y[:n]), torch.from_numpy(y[:n])
    run = eqx.filter_jit(lambda model, x: jax.vmap(lambda one: model.log_prob(one, time=0.37))(x))
    network = torch_peer.Denoiser(128, 4, workload.HARMONICS)
    ways = {
        way: torch_peer.log_prob(network, values, steps=steps, divergence=way)
        for way in torch_peer.DIVERGENCES
    }
    # The peer is the fastest of the usual ways to a divergence on this machine.
    for case in ways.values():
        case()
    best = min(ways, key=lambda way: clock(ways[way]))
    timings = side_by_side(
        {
            "noneq": lambda: run(model, points).block_until_ready(),
            "PyTorch eager (peer)": ways[best],
        }
    )
    return speed_rows("log_prob_exact", timings)
