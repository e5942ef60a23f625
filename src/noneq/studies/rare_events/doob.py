"""The chance to cross a double well by a push that is learnt from the paths of a splitting."""

import time

import jax
import numpy as np

from noneq._typing import Key
from noneq.runs.events.rare import rare
from noneq.runs.rows import Row, row_of
from noneq.studies.base import AbstractCell, Outcome
from noneq.studies.rare_events.committors import exact_committor
from noneq.systems import DoubleWell


class DoobCell(AbstractCell):
    """P(1 before −1 | −0.9) of the wells (x² − 1)² by the Doob transform learnt as a score.

    Args:
        beta: inverse temperature.
        n: paths of a repeat of the splitting that teaches; repeats × n weighted paths.
        repeats: of the splitting.
    """

    beta: float = 5.0
    n: int = 100
    repeats: int = 10
    replicate: int = 0

    @property
    def case(self) -> str:
        """``double_well:beta=…``, as the splitting's."""
        return f"double_well:beta={self.beta:g}"

    @property
    def method_name(self) -> str:
        """Doob."""
        return "Doob"

    def __call__(self, key: Key) -> Outcome:
        """Learn, weigh, compare with the quadrature."""
        began = time.monotonic()
        found = rare(
            DoubleWell(beta=self.beta),
            origin="x < -1",
            target="x > 1",
            start=[-0.9],
            method="doob",
            n=self.n,
            repeats=self.repeats,
            seed=int(jax.random.randint(key, (), 0, 2**30)),
        )
        numbers = dict(found.estimates)
        probability = numbers.pop("probability")
        exact = float(exact_committor(-0.9, self.beta))
        rows = [
            row_of(self.case, self.method_name, "probability", probability),
            Row(self.case, self.method_name, "exact", exact, 0.0),
            Row(self.case, self.method_name, "z", float(probability.z(exact)), 1.0),
            Row(self.case, self.method_name, "seconds", time.monotonic() - began, 0.0),
        ]
        rows += [
            row_of(self.case, self.method_name, name, one)
            for name, one in numbers.items()
            if name != "splitting"
        ]
        return Outcome(tuple(rows), {"paths": np.asarray([len(found.event.paths)])})
