"""The rotating five wells: Figure 1 of the position paper, its floor, and the drive sweep."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import equinox as eqx

from noneq.learning.loop import Training
from noneq.methods import BoltzmannField, FlowMatching, OracleBoltzmann, ScoreMatching, Transition
from noneq.studies.base import AbstractCell, AbstractStudy
from noneq.studies.ensembles import Recording
from noneq.studies.prinz.cells import LearnerCell, Scoring, TruthCell
from noneq.systems import Prinz


class PrinzStudy(AbstractStudy):
    """Does p(x, t) of driven wells need a non-equilibrium model, and from which drive on?

    Source: Beyond Equilibrium, Appendix D and Figure 1.

    Args:
        drives: multiples of the paper's rotation, each with ``seeds`` seeds.
        drives_once: further ones with one seed.
        drives_of_transition: where `transition` is fitted too, with one seed.
        seeds: number of seeds.
        recording: the simulation; its system's drive is replaced.
        scoring: how models are judged.
        score_matching, boltzmann_field, flow_matching, transition: the methods and settings.
    """

    name: ClassVar[str] = "prinz"
    title: ClassVar[str] = "The rotating five wells: in equilibrium or not?"
    question: ClassVar[str] = (
        "Particles in five wells that turn about the origin. A model that takes every moment for "
        "an equilibrium (Boltzmann) is compared with generative models of p(x, t) that do not, at "
        "the source's rotation (drive 1) and faster."
    )
    limits: ClassVar[tuple[str, ...]] = (
        "One system in two dimensions, inside a reflecting box; no statement on high dimensions.",
        "The printed potential has a linear radial term, which leaves no ring; the squared term of "
        "the evident parent system is used.",
        "At drive 1 the true law equals the instantaneous Boltzmann law to the sampling floor: "
        "there an equilibrium method loses through its estimator alone.",
        "The oracle knows the true potential, which no method that learns from data does. It, and "
        "not BoltzmannField, shows what the equilibrium assumption costs: the energies of "
        "BoltzmannField are −log of measured densities, whatever made them.",
        "Learners of p(x | t) know marginals, not motion: their transition divergence is that of "
        "independent frames. The transition model alone is given starting states.",
        "Divergences are of 32 × 32 histograms and mean something only beside their floor.",
        "Each method has one setting for all drives, given below. The library's default networks and "
        "samplers were chosen with this system in view.",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "beyond_equilibrium",
        "song2021score",
        "karras2022elucidating",
        "lipman2023flow",
    )

    drives: tuple[float, ...] = (1.0, 10.0, 20.0)
    drives_once: tuple[float, ...] = (4.0, 40.0)
    drives_of_transition: tuple[float, ...] = (1.0, 20.0)
    seeds: int = 3
    recording: Recording = Recording(Prinz())
    scoring: Scoring = Scoring()
    score_matching: ScoreMatching = eqx.field(
        default_factory=lambda: ScoreMatching(training=Training(steps=20_000))
    )
    boltzmann_field: BoltzmannField = BoltzmannField()
    flow_matching: FlowMatching = eqx.field(
        default_factory=lambda: FlowMatching(training=Training(steps=20_000))
    )
    transition: Transition = Transition(lag=0.1, training=Training(steps=20_000))

    @staticmethod
    def figures(rows: Sequence[Mapping[str, Any]], cells: Sequence[Any]) -> list[Any]:
        from noneq.studies.prinz.pictures import figures

        return figures(rows, cells)

    def reduced(self) -> "PrinzStudy":
        """Drives 1 and 20, one seed, a tenth of the time span and of the steps."""
        return dataclasses.replace(
            self,
            drives=(1.0, 20.0),
            drives_once=(),
            seeds=1,
            recording=dataclasses.replace(self.recording, until=2.0),
            scoring=dataclasses.replace(self.scoring, frames=20, fine_n=0, starts=5, clouds=21),
            score_matching=_shortened(self.score_matching, 2_000),
            flow_matching=_shortened(self.flow_matching, 1_200),
            boltzmann_field=_shortened(self.boltzmann_field, 1_500),
            transition=_shortened(self.transition, 1_000),
        )

    def all_cells(self) -> list[AbstractCell]:
        """Truth and methods, drive by drive."""
        cells: list[AbstractCell] = []
        for drive in sorted({*self.drives, *self.drives_once}):
            for replicate in range(self.seeds if drive in self.drives else 1):
                cells += self._data_set(drive, replicate)
        return cells

    def _data_set(self, drive: float, replicate: int) -> list[AbstractCell]:
        system = dataclasses.replace(self.recording.system, drive=drive)
        recording = dataclasses.replace(self.recording, system=system)
        scoring = self.scoring
        if drive not in self.drives or replicate:
            # Many samples at 20 times cost as much as a fit; one seed has error enough.
            scoring = dataclasses.replace(scoring, fine_n=0)
        moving = drive in self.drives_of_transition and replicate == 0
        methods = [
            self.score_matching,
            OracleBoltzmann(system),
            self.boltzmann_field,
            self.flow_matching,
            *([self.transition] if moving else []),
        ]
        learners: list[AbstractCell] = [
            LearnerCell(
                recording=recording,
                scoring=scoring,
                method=method,
                replicate=replicate,
                transitions=moving and method is self.score_matching,
            )
            for method in methods
        ]
        truth = TruthCell(recording=recording, scoring=scoring, replicate=replicate)
        return [truth, *learners]


def _shortened(method, steps: int):
    """The method with fewer training steps."""
    return dataclasses.replace(method, training=dataclasses.replace(method.training, steps=steps))
