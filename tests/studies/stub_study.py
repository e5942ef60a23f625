"""A study of coin tosses: cells of a millisecond, one of which can be told to fail."""

import dataclasses
from pathlib import Path
from typing import ClassVar

import jax
import numpy as np

from noneq.estimate import sample_mean
from noneq.report.tables import charts
from noneq.runs import row_of
from noneq.studies import AbstractCell, AbstractStudy, Outcome


class CoinCell(AbstractCell):
    bias: float
    n: int
    replicate: int
    log: str = ""
    broken: bool = False

    @property
    def case(self) -> str:
        return f"bias={self.bias:g}"

    @property
    def method_name(self) -> str:
        return "Toss"

    def __call__(self, key) -> Outcome:
        if self.log:
            with Path(self.log).open("a") as stream:
                stream.write(f"{self.case} {self.replicate}\n")
        if self.broken:
            raise ValueError("the coin\nrolled away")
        tosses = np.asarray(jax.random.uniform(key, (self.n,)) < self.bias, float)
        return Outcome(
            (row_of(self.case, "Toss", "heads", sample_mean(tosses)),), {"tosses": tosses}
        )


class CoinStudy(AbstractStudy):
    name: ClassVar[str] = "coins"
    title: ClassVar[str] = "Coins"
    question: ClassVar[str] = "Heads?"
    limits: ClassVar[tuple[str, ...]] = ("Coins only.",)
    sources: ClassVar[tuple[str, ...]] = ()

    biases: tuple[float, ...] = (0.2, 0.5)
    n: int = 400
    seeds: int = 3
    log: str = ""
    broken: float = -1.0

    @staticmethod
    def figures(rows, cells):
        return charts(rows)

    def reduced(self) -> "CoinStudy":
        return dataclasses.replace(self, n=50, seeds=1)

    def all_cells(self) -> list[AbstractCell]:
        return [
            CoinCell(bias, self.n, i, self.log, bias == self.broken)
            for bias in self.biases
            for i in range(self.seeds)
        ]
