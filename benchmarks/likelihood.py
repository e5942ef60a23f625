"""Log-likelihood of 2,000 points by 20 Runge–Kutta steps with exact divergence, beside PyTorch."""

import equinox as eqx
import jax
import numpy as np
import workload
from timing import THREADS, TORCH, Case, clock, side_by_side, speed_rows


N, STEPS = 2000, 20


def fastest_peer(model, ours: np.ndarray, *, n: int, steps: int) -> Case:
    """The fastest of the usual ways to a divergence on this machine; all agree with ours."""
    import torch
    import torch_peer

    torch.set_num_threads(THREADS)
    network, values = workload.peer(model), workload.peer_rows(model)[:n]
    ways = {
        way: torch_peer.log_prob(network, values, steps=steps, divergence=way)
        for way in torch_peer.DIVERGENCES
    }
    for way, case in ways.items():
        if not np.allclose(ours, case().numpy(), atol=2e-3):
            raise SystemExit(f"the peer ({way}) does not compute the same likelihood")
    return min(ways.values(), key=clock)


def rows(n: int = N, steps: int = STEPS) -> list[dict]:
    model = workload.untrained(128, 4, steps=steps)
    points = jax.vmap(model.normaliser.inverse)(workload.in_memory(model)["y"][:n])
    run = eqx.filter_jit(lambda model, x: jax.vmap(lambda one: model.log_prob(one))(x))
    cases: dict[str, Case] = {"noneq": lambda: run(model, points).block_until_ready()}
    if TORCH:
        ours = np.asarray(run(model, points)) + float(model.normaliser.log_scale)
        cases["PyTorch eager (peer)"] = fastest_peer(model, ours, n=n, steps=steps)
    return speed_rows("log_prob_exact", side_by_side(cases))
