"""Networks whose graphs are known, and what their paths look like to an observer."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import numpy as np

from noneq._typing import Key
from noneq.data.ensembles import Trajectories
from noneq.domains import is_periodic
from noneq.inference.causal.graph import Selection
from noneq.simulation import simulate
from noneq.systems import AbstractDiffusion, Kuramoto, Lorenz96, Repressilator


@dataclass(frozen=True)
class Network:
    """One system of the comparison.

    Attributes:
        system: makes it; graph: its matrix, row i acted on by column j.
        time, interval, paths: of the record.
        hidden: nodes left out where some are.
        window: frames to smooth over where there is noise.
        methods: (library, selection).
    """

    system: Callable[[], AbstractDiffusion]
    graph: Callable[[], np.ndarray]
    time: float
    interval: float
    paths: int
    hidden: int
    window: int
    methods: tuple[tuple[str, Selection], ...]


def ring(dim: int, offsets: tuple[int, ...]) -> np.ndarray:
    """Row i acted on by i + each offset, modulo dim."""
    found = np.zeros((dim, dim), bool)
    for offset in offsets:
        found[np.arange(dim), (np.arange(dim) + offset) % dim] = True
    return found


_BASELINES: tuple[tuple[str, Selection], ...] = (("quadratic", "ridge"), ("trigonometric", "ridge"))
_CHOSEN: tuple[tuple[str, Selection], ...] = (("quadratic", "group_lasso"), ("quadratic", "greedy"))

MEASURED = {
    "lorenz96": Network(
        lambda: Lorenz96(sigma=0.5),
        lambda: ring(10, (-2, -1, 1)),
        50.0, 0.05, 2, 2, 5, _BASELINES + _CHOSEN,
    ),
    "repressilator": Network(
        Repressilator, lambda: ring(3, (-1,)), 20.0, 0.05, 10, 1, 9, _BASELINES + _CHOSEN
    ),
    "karate": Network(
        Kuramoto.karate,
        lambda: Kuramoto.karate().adjacency() > 0,
        20.0, 0.05, 10, 4, 15,
        (
            *_BASELINES, ("differences", "ridge"), ("differences", "greedy"),
        ),
    ),
}  # fmt: skip
"""Two baselines stand in every row; phases have a library of their own."""


def network(name: str, noise: float, hidden: int, key: Key) -> tuple[Trajectories, np.ndarray]:
    """Paths as observed, and the graph among the nodes that are."""
    spec, (path_key, noise_key) = MEASURED[name], jax.random.split(key)
    system = spec.system()
    times = np.arange(0.0, spec.time, spec.interval)
    data = simulate(system, times, n=spec.paths, key=path_key)
    values = data.values.astype(np.float64)
    if noise:
        round_ = is_periodic(system.domain)
        # The standard deviation of an angle that is uniform.
        spread = np.pi / np.sqrt(3) if round_ else values.std((0, 1))
        values += noise * spread * np.asarray(jax.random.normal(noise_key, values.shape))
        if round_:
            values = np.asarray(jax.vmap(jax.vmap(system.domain.project))(values))
    seen = values.shape[-1] - hidden
    paths = Trajectories(values[..., :seen], times, domain=system.domain)
    return paths, spec.graph()[:seen, :seen]
