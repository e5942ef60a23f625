"""Transport between snapshots: `noneq` beside torchcfm on its tutorial, one thread each.

All runs in a process of its own, tied to one core. torchcfm is an opt-in of the peers alone; without
it our rows are measured by themselves.
"""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
from timing import TORCHCFM, Timing, clock, row, side_by_side, speed_rows


WIDTH, DEPTH, BATCH = 64, 3, 256
STEPS = 1_000
"""Of one run of the peer; seconds of ours are also for so many."""
TUTORIAL = 20_000
"""Steps of a whole training in the tutorial. Ours is timed as a whole and its share counts."""
DAYS = (6_071, 7_643, 8_485, 7_195)
"""Cells of the CITE-seq data on its days; the speed does not depend on the values."""
SIZES = (1_000, 10_000, 100_000)
ONE_THREAD = {
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


def eight_gaussians(n: int, rng: np.random.Generator) -> np.ndarray:
    angle = 2 * np.pi * rng.integers(8, size=n) / 8
    centres = 5 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return centres + 0.1**0.25 * rng.normal(size=(n, 2))


def moons(n: int, rng: np.random.Generator) -> np.ndarray:
    """Two half circles with uniform noise, as the tutorial has them."""
    angle = np.linspace(0, np.pi, n // 2), np.linspace(0, np.pi, n - n // 2)
    outer = np.stack([np.cos(angle[0]), np.sin(angle[0])], axis=1)
    inner = np.stack([1 - np.cos(angle[1]), 0.5 - np.sin(angle[1])], axis=1)
    return 3 * (np.concatenate([outer, inner]) + 0.2 * rng.random((n, 1))) - 1


def snapshots(n: int):
    import noneq as nq

    rng = np.random.default_rng(0)
    frames = [shape(n, rng).astype(np.float32) for shape in (eight_gaussians, moons)]
    return nq.Snapshots.from_frames(frames, [0.0, 1.0])


def ours(name: str, data, steps: int):
    """A whole fit: pairs, training, averaged parameters."""
    import jax

    import noneq as nq
    from noneq.nets import MLP

    more = {"bridge": nq.methods.Brownian(sigma=0.1)} if name == "SF2M" else {}
    more |= {} if name == "ICFM" else {"coupling": nq.methods.ExactOT(batch=BATCH)}
    method = getattr(nq.methods, name)(
        net=MLP(WIDTH, DEPTH), training=nq.Training(steps=steps, batch=BATCH, rate=1e-3), **more
    )
    keys = iter(jax.random.split(jax.random.key(1), 100))
    return lambda: jax.block_until_ready(method.fit(data, key=next(keys)).model.field)


def peer(name: str, steps: int, *, drawn: bool):
    """The tutorial's loop; ``drawn`` has all pairs beforehand, so that the network alone is left."""
    import torch
    from torchcfm import conditional_flow_matching as cfm
    from torchcfm.models.models import MLP

    torch.set_num_threads(1)
    scored = name == "SF2M"
    sigma = 0.1
    matcher = {
        "ICFM": lambda: cfm.ConditionalFlowMatcher(sigma=sigma),
        "OTCFM": lambda: cfm.ExactOptimalTransportConditionalFlowMatcher(sigma=sigma),
        "SF2M": lambda: cfm.SchrodingerBridgeConditionalFlowMatcher(sigma=sigma, ot_method="exact"),
    }[name]()
    nets = [MLP(dim=2, time_varying=True, w=WIDTH) for _ in range(1 + scored)]
    optimiser = torch.optim.Adam([p for net in nets for p in net.parameters()])
    pool = [pair_of_shapes(torch) for _ in range(64)] if drawn else []

    def run() -> float:
        for i in range(steps):
            optimiser.zero_grad()
            x0, x1 = pool[i % len(pool)] if drawn else pair_of_shapes(torch)
            noise = {"return_noise": True} if scored else {}
            # The base class draws no plan: its pairs are those that are there.
            owner = cfm.ConditionalFlowMatcher if drawn else type(matcher)
            draw = owner.sample_location_and_conditional_flow
            found = draw(matcher, x0, x1, **noise)
            t, x, u = found[:3]
            inside = torch.cat([x, t[:, None]], dim=-1)
            loss = torch.mean((nets[0](inside) - u) ** 2)
            if scored:
                weight = matcher.compute_lambda(t)[:, None]
                loss = loss + torch.mean((weight * nets[1](inside) + found[3]) ** 2)
            loss.backward()
            optimiser.step()
        return loss.item()

    return run


def pair_of_shapes(torch):
    """The tutorial's batches: its sampler loops over the samples in Python."""
    normal = torch.distributions.multivariate_normal.MultivariateNormal(
        torch.zeros(2), 0.1**0.5 * torch.eye(2)
    )
    angle = 2 * np.pi * torch.arange(8) / 8
    centres = 5 * torch.stack([angle.cos(), angle.sin()], 1)
    noise = normal.sample((BATCH,))
    which = torch.multinomial(torch.ones(8), BATCH, replacement=True)
    x0 = torch.stack([centres[which[i]] + noise[i] for i in range(BATCH)]).float()
    return x0, torch.tensor(moons(BATCH, np.random.default_rng())).float()


def tutorial_rows(steps: int, whole: int) -> list[dict]:
    """The peer as in its tutorial, and without its samplers and plans: the network alone."""
    data, out = snapshots(50_000), []
    for name in ("ICFM", "OTCFM", "SF2M"):
        cases = {"noneq": ours(name, data, whole)}
        if TORCHCFM:
            cases["torchcfm (peer)"] = peer(name, steps, drawn=False)
            cases["torchcfm, network alone (peer)"] = peer(name, steps, drawn=True)
        timings = side_by_side(cases)
        mine, share = timings["noneq"], STEPS / whole
        timings["noneq"] = Timing([s * share for s in mine.seconds], mine.first)
        for other in cases.keys() - {"noneq"}:
            found = timings[other]
            timings[other] = Timing([s * STEPS / steps for s in found.seconds], found.first)
        out += speed_rows(f"bridge_{name}_1000_steps", timings)
    return out


def light_rows(steps: int = 10_000) -> list[dict]:
    """LightSB through four days of 50 coordinates; the seconds hold compilation."""
    import jax

    import noneq as nq

    rng = np.random.default_rng(0)
    frames = [rng.normal(i, 1, (n, 50)).astype(np.float32) for i, n in enumerate(DAYS)]
    data = nq.Snapshots.from_frames(frames, [2.0, 3.0, 4.0, 7.0])
    method = nq.methods.LightSB(training=nq.Training(steps=steps, batch=128, rate=3e-3))
    fit = lambda: jax.block_until_ready(method.fit(data, key=jax.random.key(0)).model.potential)
    first, again = clock(fit), clock(fit)
    case = "light_cite50_10000_steps"
    return [
        row(case, "noneq", "first_run_seconds", first),
        row(case, "noneq", "seconds", again),
    ]


def size_rows(steps: int = 2_000) -> list[dict]:
    """OT-CFM on snapshots of growing size: time of a step, of the pairs, and memory."""
    import jax

    out = []
    for n in SIZES:
        data = snapshots(n)
        few, many = ours("OTCFM", data, steps), ours("OTCFM", data, 3 * steps)
        few()
        pairs = clock(few)
        step = (clock(many) - pairs) / (2 * steps)
        case = f"bridge_OTCFM_n{n}"
        out += [
            row(case, "noneq", "seconds_per_1000_steps", 1_000 * step),
            row(case, "noneq", "seconds_before_training", max(pairs - steps * step, 0.0)),
            row(case, "noneq", "peak_megabytes", peak_memory()),
        ]
        jax.clear_caches()
    return out


def peak_memory() -> float:
    """Of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def alone(steps: int = STEPS, whole: int = TUTORIAL) -> list[dict]:
    if sys.platform.startswith("linux"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    # Sizes first and from small to large: memory counts its peak.
    return [*size_rows(), *light_rows(), *tutorial_rows(steps, whole)]


def rows() -> list[dict]:
    code = "import json, bridges; print('ROWS', json.dumps(bridges.alone()))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parent, env=os.environ | ONE_THREAD,
        stdout=subprocess.PIPE, text=True, timeout=3600, check=True,
    )  # fmt: skip
    line = next(line for line in done.stdout.splitlines() if line.startswith("ROWS "))
    return json.loads(line.removeprefix("ROWS "))
