"""Latent cycles against equilibrium: likelihood, dissipation and mixing on small pictures."""

import dataclasses
import importlib.util
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from noneq.learning.loop import Training
from noneq.learning.method import AbstractMethod
from noneq.methods import (
    RBM,
    BinaryLatentCycle,
    LatentCycle,
    MixtureEM,
    TwoStepGradient,
)
from noneq.spec import unknown
from noneq.studies.base import AbstractCell, AbstractStudy
from noneq.studies.latent_cycle.cells import ChainScoring, CycleCell
from noneq.studies.latent_cycle.data import AbstractPictures, Bars, BinaryDigits
from noneq.studies.latent_cycle.spins import SpinCell, SpinRun


CASES = ("bars", "digits", "frontier", "ising")


class LatentCycleStudy(AbstractStudy):
    """Does leaving equilibrium help a generative model with a hidden layer?

    Source: arXiv:2512.11415; its bars-and-stripes and its comparison with a restricted Boltzmann
    machine, with digits of scikit-learn in place of its larger pictures.

    Args:
        cases: parts of the study, of `CASES`.
        bars: sizes of the hidden layer on bars and stripes.
        digits: the same on digits; one-hot layers.
        bits: layers of hidden bits, on digits.
        seeds, digit_seeds: fits of each method.
        dissipations: weights of the entropy production on the frontier.
        frontier: hidden states on the frontier.
        steps, digit_steps, bit_steps: of the gradient loop on bars, on digits, with hidden bits.
        scoring: how models are judged.
        temperatures: of the spins.
        spins: how they are simulated.

    Raises:
        InvalidInput: an unknown case.
    """

    name: ClassVar[str] = "latent_cycle"
    title: ClassVar[str] = "Latent cycles against equilibrium"
    question: ClassVar[str] = (
        "A hidden and a visible layer that read and write each other by two independent laws need "
        "not be in equilibrium. Does that freedom raise the likelihood, how much does it dissipate, "
        "and how much faster does the chain mix than that of a restricted Boltzmann machine?"
    )
    limits: ClassVar[tuple[str, ...]] = (
        "With one hidden state at a time, tied chain, latent cycle and mixture are one family of "
        "laws: they can differ only in how well they are optimised and how they mix.",
        "A restricted Boltzmann machine of H bits has 2^H hidden states, a latent cycle of the same "
        "size H; equal H is not equal power.",
        "Hidden states start at training states (but for the methods named random start), "
        "learning rates and weight decay were chosen on another split of the digits.",
        "Digits are 1,797 pictures of 64 pixels; the test is a fifth of them, and its sampling "
        "error is common to all methods of a seed.",
        "Entropy production of the digit models rests on an estimated transition matrix "
        "(8,192 draws from each hidden state); it is biased upwards by about H/8192 nats.",
        "The likelihood of hidden bits is an importance estimate, low on average.",
        "Digits need scikit-learn.",
    )
    sources: ClassVar[tuple[str, ...]] = ("latent_cycles", "hinton2010practical")

    cases: tuple[str, ...] = CASES
    bars: tuple[int, ...] = (6, 10, 14)
    digits: tuple[int, ...] = (10, 30, 100)
    bits: tuple[int, ...] = (32, 64)
    seeds: int = 10
    digit_seeds: int = 5
    dissipations: tuple[float, ...] = (-1.0, -0.1, 0.01, 0.03, 0.1)
    frontier: int = 10
    steps: int = 3000
    digit_steps: int = 1000
    bit_steps: int = 3000
    scoring: ChainScoring = ChainScoring()
    temperatures: tuple[float, ...] = (1.8, 2.269, 3.0)
    spins: SpinRun = SpinRun()

    def __check_init__(self) -> None:
        for name in self.cases:
            if name not in CASES:
                raise unknown("case of latent_cycle", name, CASES)

    @staticmethod
    def figures(rows: Sequence[Mapping[str, Any]], cells: Sequence[Any]) -> list[Any]:
        from noneq.studies.latent_cycle.pictures import figures

        return figures(rows, cells)

    def reduced(self) -> "LatentCycleStudy":
        """Bars at one size, one size of digits with a third of the steps, short chains of spins."""
        changes: dict[str, Any] = {
            "bars": (10,),
            "digits": (10,),
            "bits": (),
            "seeds": 4,
            "digit_seeds": 1,
            "dissipations": (-1.0, 0.03),
            "steps": 1000,
            "digit_steps": 300,
            "scoring": ChainScoring(n=1000, chains=16, steps=500),
            "temperatures": (3.0,),
            "spins": SpinRun(replicas=32, burn=200, sweeps=200),
        }
        return dataclasses.replace(self, **changes)

    def all_cells(self) -> list[AbstractCell]:
        """Every method on every set of pictures, the frontier, and the spins."""
        cells: list[AbstractCell] = []
        digits = BinaryDigits() if importlib.util.find_spec("sklearn") is not None else None
        if "bars" in self.cases:
            for hidden in self.bars:
                cells += self._on(Bars(), hidden, self.seeds)
        if "digits" in self.cases and digits is not None:
            for hidden in self.digits:
                cells += self._on(digits, hidden, self.digit_seeds)
            cells += [
                self._cell(digits, f"binary={bits}", label, method, self.digit_seeds)
                for bits in self.bits
                for label, method in self.bit_methods(bits).items()
            ]
        if "frontier" in self.cases:
            cells += [
                self._cell(Bars(), f"H={self.frontier}", label, method, self.seeds, "frontier:")
                for label, method in self.frontier_methods().items()
            ]
        if "ising" in self.cases:
            cells += [
                SpinCell(temperature=t, dynamics=name, run=self.spins)
                for t in self.temperatures
                for name in ("heat_bath", "metropolis")
            ]
        return cells

    def methods(self, hidden: int, steps: int, decay: float) -> dict[str, AbstractMethod]:
        """What is fitted with one-hot hidden layers, by the name of its rows."""
        common: dict[str, Any] = {
            "hidden": hidden,
            "weight_decay": decay,
            "training": Training(steps=steps, batch=0, rate=0.05, ema=0.0),
        }
        cycle = LatentCycle(**common)
        change = lambda **fields: dataclasses.replace(cycle, **fields)
        return {
            "LatentCycle": cycle,
            "LatentCycle(two_step)": change(gradient=TwoStepGradient()),
            "LatentCycle(random start)": change(gradient=TwoStepGradient(), anchored=False),
            "LatentCycle(two layers)": change(second=max(2, hidden // 2)),
            "TiedChain": change(tied=True),
            "TiedChain(random start)": change(tied=True, anchored=False),
            "MixtureEM": MixtureEM(components=hidden, smoothing=1.0 if decay else 0.01),
            "RBM": RBM(hidden=hidden, weight_decay=3e-4 if decay else 0.0),
        }

    def bit_methods(self, bits: int) -> dict[str, AbstractMethod]:
        """What is fitted with layers of hidden bits."""
        training = Training(steps=self.bit_steps, batch=128, rate=5e-3, ema=0.99)
        return {
            "LatentCycle": BinaryLatentCycle(hidden=bits, training=training),
            "RBM": RBM(hidden=bits, weight_decay=3e-4),
        }

    def frontier_methods(self) -> dict[str, AbstractMethod]:
        """Latent cycles that are paid or charged for their entropy production."""
        plain = LatentCycle(
            hidden=self.frontier,
            training=Training(steps=self.steps, batch=0, rate=0.05, ema=0.0),
        )
        return {
            f"LatentCycle(dissipation={weight:g})": dataclasses.replace(plain, dissipation=weight)
            for weight in sorted({*self.dissipations, 0.0})
        }

    def _on(self, pictures: AbstractPictures, hidden: int, seeds: int) -> list[AbstractCell]:
        few = isinstance(pictures, Bars)
        methods = self.methods(hidden, *((self.steps, 0.0) if few else (self.digit_steps, 1e-4)))
        return [
            self._cell(pictures, f"H={hidden}", label, method, seeds)
            for label, method in methods.items()
        ]

    def _cell(
        self,
        pictures: AbstractPictures,
        size: str,
        label: str,
        method: AbstractMethod,
        seeds: int,
        part: str = "",
    ) -> CycleCell:
        return CycleCell(
            pictures=pictures,
            size=size,
            label=label,
            method=method,
            seeds=seeds,
            scoring=self.scoring,
            part=part,
        )
