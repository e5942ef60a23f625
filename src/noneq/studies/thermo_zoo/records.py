"""What the estimators see: paths of known systems, drawn once for all methods of a case."""

from functools import lru_cache
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from noneq._typing import Key
from noneq.data.ensembles import Trajectories
from noneq.kinds import AbstractChecked
from noneq.simulation import EulerMaruyama, simulate
from noneq.systems.base import AbstractDiffusion


class PathRecord(AbstractChecked):
    """Paths of one system in its steady state.

    Args:
        label: the case.
        system: what moves.
        dt: interval between frames.
        frames, n: of each path, and paths.
        generator: ``exact``: the law of the system, where it is known or by fine steps; ``euler``:
            every frame is one step of Euler and Maruyama after the last.
        settle: time that is left out at the start.
    """

    label: str
    system: AbstractDiffusion
    dt: float
    frames: int
    n: int
    generator: Literal["exact", "euler"] = "exact"
    settle: float = 0.0

    @property
    def time(self) -> float:
        """Summed over paths."""
        return self.n * (self.frames - 1) * self.dt

    def draw(self, key: Key) -> Trajectories:
        """The paths of this key; a repeated call does not simulate again."""
        return _draw(self, tuple(np.asarray(jax.random.key_data(key)).ravel().tolist()))


@lru_cache(maxsize=1)
def _draw(record: PathRecord, words: tuple[int, ...]) -> Trajectories:
    key = jax.random.wrap_key_data(jnp.asarray(words, jnp.uint32))
    skip = round(record.settle / record.dt)
    times = np.arange(skip + record.frames) * record.dt
    steps = {"solver": EulerMaruyama(), "substeps": 1} if record.generator == "euler" else {}
    paths = simulate(record.system, times, n=record.n, key=key, **steps)
    return paths.frames(slice(skip, None)) if skip else paths
