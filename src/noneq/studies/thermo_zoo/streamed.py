"""Records of gigabytes: drawn to a file group by group, and read by the estimators part by part."""

import tempfile
import time as clock
from functools import lru_cache
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from noneq._typing import Key
from noneq.data.ensembles import Trajectories
from noneq.learning.training import Training
from noneq.runs.trials import keys_of
from noneq.simulation import EulerMaruyama, simulate
from noneq.studies.base import AbstractCell, Outcome
from noneq.studies.thermo_zoo.cells import judged
from noneq.studies.thermo_zoo.records import PathRecord
from noneq.thermo import entropy_production, exact


_GROUP = 2**25
"""Numbers that are simulated at once."""


class StreamedCell(AbstractCell):
    """A method on a linear system whose record, in steps of Euler and Maruyama, is on disk.

    Args:
        record: its ``generator`` is ``"euler"``; no time is left out at the start.
        training: of NEEP's network.
    """

    record: PathRecord
    method: Literal["gaussian", "force_current", "neep"]
    training: Training | None = None
    replicate: int = 0

    @property
    def case(self) -> str:
        """The system with its parameters."""
        return self.record.label

    @property
    def method_name(self) -> str:
        """The estimator."""
        return self.method

    def __call__(self, key: Key) -> Outcome:
        """Draw the paths to a file, estimate, compare."""
        data_key, own_key = keys_of(key)
        paths = streamed(self.record, data_key)
        options: dict[str, Any] = {"key": own_key} if self.method == "neep" else {}
        if self.training is not None:
            options["training"] = self.training
        began = clock.monotonic()
        found = entropy_production(paths, method=self.method, **options)
        seconds = clock.monotonic() - began
        target = exact.target(
            self.record.system,
            self.record.dt,
            generator="euler",
            estimator="plug_in" if self.method == "gaussian" else "path_kl",
        )
        neep = self.method == "neep"
        return Outcome(judged(self.case, self.method, found, target, seconds, relative=neep))


def streamed(record: PathRecord, key: Key) -> Trajectories:
    """The record in a file without a name, which goes with the last use of its values."""
    return _streamed(record, tuple(np.asarray(jax.random.key_data(key)).ravel().tolist()))


@lru_cache(maxsize=1)
def _streamed(record: PathRecord, words: tuple[int, ...]) -> Trajectories:
    key = jax.random.wrap_key_data(jnp.asarray(words, jnp.uint32))
    times, event = np.arange(record.frames) * record.dt, record.system.event_shape
    many = max(1, _GROUP // (record.frames * int(np.prod(event))))
    with tempfile.TemporaryFile() as file:
        for i, first in enumerate(range(0, record.n, many)):
            group = simulate(
                record.system,
                times,
                n=min(many, record.n - first),
                key=jax.random.fold_in(key, i),
                solver=EulerMaruyama(),
                substeps=1,
            )
            file.write(memoryview(np.ascontiguousarray(group.values, np.float32)).cast("B"))  # pyright: ignore
        file.flush()
        values = np.memmap(file, np.float32, "r", shape=(record.n, record.frames, *event))
    return Trajectories(values, times, names=record.system.names, domain=record.system.domain)
