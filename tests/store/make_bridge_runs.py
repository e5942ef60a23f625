"""Made the folders of ``bridge_runs/`` with noneq 0.2.0.dev0; ran once, as ``make_runs.py`` did.

Never run it again once 0.2.0 is out. What the folders hold is said there.
"""

import json
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import noneq as nq
from noneq import methods as m
from noneq.traits import HasLogProb, HasMass, HasVelocity


RUNS = Path(__file__).parent / "bridge_runs"
KEY = jax.random.key(7)
MLP = nq.nets.MLP(8, 1)
TRAINING = nq.Training(steps=4, batch=16)
SMALL = {"net": MLP, "training": TRAINING, "pool": 32, "time_band": 1.0}
REFERENCE = m.LearntReference(sigma=0.5, net=MLP, training=TRAINING, steps=2)
RNG = np.random.default_rng(0)
CELLS = nq.Snapshots.from_frames(
    [RNG.normal(i, 1, (16, 2)).astype(np.float32) for i in (0, 1, 3)], [0.0, 0.5, 2.0]
)
DOSES = nq.Snapshots(
    CELLS.values, CELLS.times, CELLS.time_index, condition=(np.arange(48) % 2)[:, None]
)
VELOCITIES = np.ones((48, 2)) * [1.0, 0.5]


def recipes() -> Iterator[tuple[str, Any, Any, dict[str, Any], dict[str, Any]]]:
    """Name, method, data, what ``fit`` is given, what ``sample`` is asked beside the time."""
    noise = {"bridge": m.Brownian(sigma=0.5)}
    yield "icfm", m.ICFM(**SMALL), CELLS, {}, {}
    yield "otcfm", m.OTCFM(**SMALL), CELLS, {}, {}
    yield "sf2m", m.SF2M(**noise, **SMALL), CELLS, {}, {}
    yield "sf2m_dose", m.SF2M(**noise, **SMALL), DOSES, {}, {"condition": [1]}
    grown = m.SF2M(coupling=m.Unbalanced(), growth=m.PlanGrowth(), **noise, **SMALL)
    yield "sf2m_growing", grown, CELLS, {}, {}
    free = m.BridgeMatching(coupling=m.Sinkhorn(), bridge=m.Straight(0.1), **SMALL)
    yield "bridge_matching", free, CELLS, {}, {}
    turning = m.LinearSDE(A=((-0.5, 1.0), (-1.0, -0.5)), sigma=0.5)
    yield "ou_bridge", m.OUBridge(bridge=turning, **SMALL), CELLS, {}, {}
    curly = m.CurlyFM(bridge=REFERENCE, **SMALL)
    yield "curly_fm", curly, CELLS, {"velocities": VELOCITIES}, {}
    yield "dsbm", m.DSBM(rounds=2, refresh=m.Rematch(steps=4), **noise, **SMALL), CELLS, {}, {}
    yield "dsb", m.DSB(rounds=2, **noise, **SMALL), CELLS, {}, {}
    yield "action_matching", m.ActionMatching(**SMALL), CELLS, {}, {}
    light = {"components": 3, "sigma": 0.5, "pool": 32, "training": TRAINING}
    yield "light_sb", m.LightSB(**light), CELLS, {}, {}
    yield "light_sbm", m.LightSBM(**light), CELLS, {}, {}
    yield "displacement", m.DisplacementInterpolation(), CELLS, {}, {}
    yield "plug_in_gaussian", m.PlugInGaussian(), CELLS, {}, {}


def expected(model: Any, request: dict[str, Any]) -> dict[str, np.ndarray]:
    """What the test compares."""
    samples = model.sample(8, key=jax.random.key(5), **request)
    found, x = {"samples": samples}, jnp.asarray(samples[:4], dtype=float)
    for trait, name in (
        (HasLogProb, "log_prob"), (HasVelocity, "velocity"), (HasMass, "growth"),
    ):  # fmt: skip
        if isinstance(model, trait):
            method = getattr(model, name)
            found[name] = eqx.filter_jit(jax.vmap(lambda x, f=method: f(x, **request)))(x)
    return {name: np.asarray(values, np.float32) for name, values in found.items()}


def main(only: list[str]) -> None:
    """Make those runs that are not there, or only the named ones."""
    warnings.simplefilter("ignore")
    for name, method, data, inputs, more in recipes():
        folder, request = RUNS / name, {"time": 1.2, **more}
        if (folder / "expected.npz").exists() or (only and name not in only):
            continue
        nq.save(method.fit(data, key=KEY, **inputs), folder)
        found = expected(nq.load(folder).model, request)
        assert all(np.isfinite(values).all() for values in found.values()), name
        (folder / "request.json").write_text(json.dumps(request) + "\n")
        np.savez_compressed(folder / "expected.npz", **found)
        jax.clear_caches()


if __name__ == "__main__":
    assert nq.__version__ == "0.2.0.dev0", "these runs are of noneq 0.2.0.dev0"
    main(sys.argv[1:])
