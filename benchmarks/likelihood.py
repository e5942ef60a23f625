"""Log-likelihood of 2,000 points by 20 Runge–Kutta steps with exact divergence, beside PyTorch."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import torch
import torch_peer
import workload
from timing import THREADS, clock, side_by_side, speed_rows


N, STEPS = 2000, 20


def rows(n: int = N, steps: int = STEPS) -> list[dict]:
    torch.set_num_threads(THREADS)
    model = workload.untrained(128, 4, steps=steps)
    values = workload.peer_rows(model)[:n]
    points = jax.vmap(model.normaliser.inverse)(jnp.asarray(values.numpy()))
    run = eqx.filter_jit(lambda model, x: jax.vmap(lambda one: model.log_prob(one))(x))
    network = workload.peer(model)
    ways = {
        way: torch_peer.log_prob(network, values, steps=steps, divergence=way)
        for way in torch_peer.DIVERGENCES
    }
    ours = np.asarray(run(model, points)) + float(model.normaliser.log_scale)
    for way, case in ways.items():
        if not np.allclose(ours, case().numpy(), atol=2e-3):
            raise SystemExit(f"the peer ({way}) does not compute the same likelihood")
    # The peer is the fastest of the usual ways to a divergence on this machine.
    best = min(ways, key=lambda way: clock(ways[way]))
    timings = side_by_side(
        {
            "noneq": lambda: run(model, points).block_until_ready(),
            "PyTorch eager (peer)": ways[best],
        }
    )
    return speed_rows("log_prob_exact", timings)
