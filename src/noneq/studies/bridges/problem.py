"""A transport problem whose answer is known, and the cell that puts one method to it."""

import time
from abc import abstractmethod
from typing import Any, NamedTuple
from zlib import crc32

import equinox as eqx
import jax
import numpy as np

from noneq._typing import Key
from noneq.data.ensembles import Snapshots
from noneq.kinds import AbstractChecked
from noneq.learning.method import AbstractMethod
from noneq.runs.rows import Row
from noneq.runs.trials import keys_of
from noneq.studies.base import AbstractCell, Arrays, Outcome


class Score(NamedTuple):
    """One number of a fitted model.

    Attributes:
        metric: its name in the rows.
        value, stderr: the number and its sampling error, 0 where it has none.
        floor: the same number of the truth itself at these sizes; None if that means nothing.
    """

    metric: str
    value: float
    stderr: float = 0.0
    floor: float | None = None


class AbstractProblem(AbstractChecked):
    """Snapshots to learn from, and what is known of the answer."""

    @property
    @abstractmethod
    def case(self) -> str:
        """Name in the rows, e.g. ``gaussian:d=5``."""

    @abstractmethod
    def draw(self, key: Key) -> Snapshots:
        """The training data; the same key gives all methods the same data."""

    @abstractmethod
    def scores(self, model: Any, key: Key) -> list[Score]:
        """How far a fitted model is from the truth."""


class HasPicture(AbstractProblem):
    """A problem whose models can be drawn."""

    @abstractmethod
    def arrays(self, model: Any, key: Key) -> Arrays:
        """What a picture of this model is drawn from."""


class BridgeCell(AbstractCell):
    """One method on one problem: fitted by the clock, scored, and once drawn."""

    problem: AbstractProblem
    method: AbstractMethod
    replicate: int
    label: str = ""

    @property
    def case(self) -> str:
        """The problem's."""
        return self.problem.case

    @property
    def method_name(self) -> str:
        """The label, or the method's class."""
        return self.label or type(self.method).__name__

    def __call__(self, key: Key) -> Outcome:
        """Fit and score."""
        data_key, rest = keys_of(key)
        data = self.problem.draw(data_key)
        own = jax.random.fold_in(rest, crc32(self.method_name.encode()))
        fit_key, score_key, picture_key = jax.random.split(own, 3)
        began = time.monotonic()
        model = self.method.fit(data, key=fit_key).model
        jax.block_until_ready(eqx.filter(model, eqx.is_array))
        seconds = time.monotonic() - began
        scores = [*self.problem.scores(model, score_key), Score("seconds", seconds)]
        rows = tuple(
            Row(self.case, self.method_name, s.metric, float(s.value), float(s.stderr), s.floor)
            for s in scores
        )
        if self.replicate or not isinstance(self.problem, HasPicture):
            return Outcome(rows)
        return Outcome(rows, self.problem.arrays(model, picture_key))


def generator(key: Key) -> np.random.Generator:
    """NumPy's generator, seeded by a key."""
    return np.random.default_rng(np.asarray(jax.random.key_data(key)).ravel().tolist())
