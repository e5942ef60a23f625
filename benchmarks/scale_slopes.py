"""Cost against particles, dimension, samples and parameters: exponents of the time, on one process.

Each size is timed several times and the least counts, as other programs of the machine only ever add.
The slope is that of log time against log size over the three largest sizes, where what does not
grow is least felt; its error that of the straight line.
"""

import math
import time
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import numpy as np
from timing import row

import noneq as nq
from noneq.constant import learnable
from noneq.data.summary import summarise
from noneq.nets import MLP
from noneq.samplers import Heun


REPEATS = 4
Case = Callable[[], Any]


def particles() -> tuple[tuple[int, ...], Callable[[int], Case]]:
    """Prinz, 200 steps."""
    key = jax.random.key(0)
    times = np.linspace(0.0, 0.2, 3)
    system = nq.systems.Prinz()
    return (
        4_000,
        16_000,
        64_000,
        256_000,
    ), lambda n: lambda: nq.simulate(system, times, n=n, key=key, substeps=100)


def samples() -> tuple[tuple[int, ...], Callable[[int], Case]]:
    """32 steps of Heun, three layers of 64."""
    method = nq.methods.ScoreMatching(net=MLP(64, 3), sampler=Heun(32))
    model = _untrained(method, 2)
    key = jax.random.key(0)
    return (1_000, 4_000, 16_000, 64_000), lambda n: lambda: np.asarray(model.sample(n, key=key))


def dimension() -> tuple[tuple[int, ...], Callable[[int], Case]]:
    """50 steps of training, batch 256, three layers of 64, of states of so many numbers."""
    return (2, 64, 256, 1_024), lambda dim: _training(dim, 64)


def parameters() -> tuple[tuple[int, ...], Callable[[int], Case]]:
    """50 steps of training, batch 256, three layers; the size is the number of parameters."""
    widths = {_count(width): width for width in (64, 128, 256, 512)}
    return tuple(widths), lambda count: _training(2, widths[count])


KINDS = {
    "particles": particles, "samples": samples, "dimension": dimension, "parameters": parameters,
}  # fmt: skip


def _data(dim: int) -> nq.Snapshots:
    return nq.Snapshots(np.random.default_rng(0).normal(size=(2_000, dim)).astype(np.float32))


def _untrained(method: Any, dim: int) -> Any:
    return method.init(summarise(_data(dim)), key=jax.random.key(0))


def _count(width: int) -> int:
    """Numbers that three layers of this width learn."""
    model = _untrained(nq.methods.ScoreMatching(net=MLP(width, 3)), 2)
    return sum(a.size for a in jax.tree.leaves(eqx.filter(model, learnable(model))))


def _training(dim: int, width: int) -> Case:
    method = nq.methods.ScoreMatching(
        net=MLP(width, 3), training=nq.Training(steps=50, batch=256, warmup=0)
    )
    data, key = _data(dim), jax.random.key(0)
    return lambda: jax.block_until_ready(
        jax.tree.leaves(method.fit(data, key=key, progress=False).model)
    )


def rows() -> list[dict]:
    found = []
    for kind, of in KINDS.items():
        sizes, make = of()
        seconds = [_least(make(size)) for size in sizes]
        slope, error = fitted(sizes[-3:], seconds[-3:])
        found += [
            row(f"{kind}={size}", "noneq", "seconds", value)
            for size, value in zip(sizes, seconds, strict=True)
        ]
        found.append(row(kind, "noneq", "slope", slope, error))
    return found


def _least(case: Case) -> float:
    case()  # compiles
    taken = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        case()
        taken.append(time.perf_counter() - start)
    return min(taken)


def fitted(sizes: tuple[int, ...], seconds: list[float]) -> tuple[float, float]:
    """Slope of log seconds against log sizes, and its error."""
    x, y = np.log(sizes), np.log(seconds)
    away = x - x.mean()
    slope = float(away @ y / (away @ away))
    rest = y - y.mean() - slope * away
    return slope, math.sqrt(float(rest @ rest) / (len(x) - 2) / float(away @ away))
