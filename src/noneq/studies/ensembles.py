"""Training, test and truth ensembles of a simulated system, made once for all methods."""

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from noneq._typing import Key
from noneq.data.ensembles import Trajectories
from noneq.errors import InvalidInput
from noneq.kinds import AbstractChecked
from noneq.simulation import simulate
from noneq.systems.base import AbstractDiffusion


Pair: TypeAlias = tuple[Trajectories, Trajectories]
"""Two independent ensembles of the same law."""


@dataclass(frozen=True)
class Ensembles:
    """Independent trajectories of one system, ``n`` each.

    Attributes:
        train: to learn from.
        test: the reference of every metric.
        truth: for the floor, and for starting states.
    """

    train: Trajectories
    test: Trajectories
    truth: Trajectories


class Recording(AbstractChecked):
    """How a system is simulated and recorded.

    Args:
        system: what to simulate.
        n: trajectories in each of the three ensembles.
        until: last time; the first is 0.
        interval: between recorded frames (the internal steps are the system's).

    Raises:
        InvalidInput: n < 1, or no whole number ≥ 1 of intervals.
    """

    system: AbstractDiffusion
    n: int = 1000
    until: float = 20.0
    interval: float = 0.02

    def __check_init__(self) -> None:
        if self.n < 1 or not self.interval > 0 or self.until < self.interval:
            raise InvalidInput(
                f"Recording: n = {self.n}, until = {self.until}, interval = {self.interval}; "
                "expected n ≥ 1 and 0 < interval ≤ until."
            )

    @property
    def times(self) -> np.ndarray:
        """The recorded times, 0 to ``until``."""
        return np.arange(round(self.until / self.interval) + 1) * self.interval

    def nearest(self, times: np.ndarray) -> np.ndarray:
        """Positions of the recorded times nearest to these, each once."""
        index = np.round(times / self.interval).astype(int)
        return np.unique(np.clip(index, 0, self.times.size - 1))

    def draw(self, key: Key) -> Ensembles:
        """The ensembles of this key; repeated calls do not simulate again."""
        return _draw(self, _words(key))

    def frames(self, n: int, times: tuple[float, ...], key: Key) -> Pair:
        """Two further independent ensembles of ``n``, recorded at these times > 0 alone."""
        return _frames(self, n, times, _words(key))


@lru_cache(maxsize=2)
def _draw(recording: Recording, words: tuple[int, ...]) -> Ensembles:
    data_key, split_key, truth_key = jax.random.split(_key(words), 3)
    run = lambda n, key: simulate(recording.system, recording.times, n=n, key=key)
    train, test = run(2 * recording.n, data_key).split(0.5, key=split_key)
    return Ensembles(train, test, run(recording.n, truth_key))


@lru_cache(maxsize=2)
def _frames(recording: Recording, n: int, times: tuple[float, ...], words: tuple[int, ...]) -> Pair:
    run = simulate(recording.system, (0.0, *times), n=2 * n, key=_key(words))
    late = run.frames(slice(1, None))
    return late.take(np.arange(n)), late.take(np.arange(n, 2 * n))


def _words(key: Key) -> tuple[int, ...]:
    """A key as something that can be looked up."""
    return tuple(np.asarray(jax.random.key_data(key)).ravel().tolist())


def _key(words: tuple[int, ...]) -> Key:
    return jax.random.wrap_key_data(jnp.asarray(words, jnp.uint32))
