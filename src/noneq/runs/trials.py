"""One method on one data set, in memory: fitted by the clock, drawn from, compared with the truth."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

import equinox as eqx
import jax
import numpy as np

from noneq._typing import Key
from noneq.data.ensembles import Snapshots
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.kinds import checked
from noneq.learning.method import AbstractMethod
from noneq.runs.rows import Row, over_times, row_of


@dataclass(frozen=True)
class Trial:
    """A fitted model, and the names that its rows carry.

    Args:
        case: name of the data.
        method: name of the method.
        model: the fitted model; None for samples of another origin.
        seconds: wall time of the fit.
        keys: random keys for what is done with the model.
    """

    case: str
    method: str
    model: Any = None
    seconds: float = 0.0
    keys: tuple[Key, ...] = field(default=(), repr=False)

    def row(self, metric: str, value: float, stderr: float = 0.0) -> Row:
        """The row of a plain number."""
        return Row(self.case, self.method, metric, float(value), float(stderr))

    def row_of(self, metric: str, estimate: Estimate) -> Row:
        """The row of a scalar estimate."""
        return row_of(self.case, self.method, metric, estimate)

    def draw(self, n: int, like: Snapshots, *, key: Key, model: Any = None) -> Snapshots:
        """n samples at the first time of a data set.

        Args:
            n: how many.
            like: gives the time and the labels.
            key: typed random key.
            model: another form of the fitted model, such as one with another sampler.
        """
        model = self.model if model is None else model
        values = np.asarray(model.sample(n, time=float(like.times[0]), key=key))
        return Snapshots.from_frames([values], like.times[:1], **like.labels())

    def distances(
        self,
        metrics: Mapping[str, Callable[..., Estimate]],
        samples: Snapshots,
        test: Snapshots,
        truth: Snapshots,
        *,
        case: str = "",
    ) -> list[Row]:
        """A row per metric, a function of samples, test and ``truth=``: its mean over the times.

        The times may show the same particles: errors do not shrink by averaging over them.
        """
        return [
            row_of(
                case or self.case,
                self.method,
                name,
                over_times(metric(samples, test, truth=truth), same_paths=True),
            )
            for name, metric in metrics.items()
        ]


@checked
def trial(
    case: str, name: str, method: AbstractMethod, data: Any, *, keys: int = 1, key: Key
) -> Trial:
    """Fit a method by the clock.

    Args:
        case, name: for the rows; the name also separates the randomness of methods that are given
            the same key.
        method: what to fit.
        data: the training data.
        keys: how many keys the trial carries.
        key: typed random key.
    """
    if keys < 0:
        raise InvalidInput(f"trial: keys = {keys}; expected 0 or more.")
    fit_key, *rest = jax.random.split(jax.random.fold_in(key, crc32(name.encode())), 1 + keys)
    began = time.monotonic()
    model = method.fit(data, key=fit_key).model
    jax.block_until_ready(eqx.filter(model, eqx.is_array))
    return Trial(case, name, model, time.monotonic() - began, tuple(rest))


def keys_of(key: Key) -> tuple[Key, Key]:
    """Keys of the data, which all methods share, and of all else."""
    data_key, rest_key = jax.random.split(key)
    return data_key, rest_key


def first(data: Snapshots, n: int) -> Snapshots:
    """The first n states of each time."""
    kept = [np.flatnonzero(data.time_index == i)[:n] for i in range(data.times.size)]
    return data.take(np.concatenate(kept))
