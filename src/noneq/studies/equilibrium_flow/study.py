"""Equilibrium flow: what unordered snapshots tell of the dynamics that keep their law."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from noneq.learning.loop import Training
from noneq.learning.method import AbstractMethod
from noneq.methods import (
    BiasedHutchinson,
    EquilibriumFlow,
    ObservedTransitions,
    PolynomialFlow,
    ScoreMatching,
    StreamFlow,
)
from noneq.methods.denoising.free import curl_free
from noneq.nets import MLP, FourierMLP, Mirrored
from noneq.spec import unknown
from noneq.studies.base import AbstractCell, AbstractStudy
from noneq.studies.equilibrium_flow.designs.design import QUICK, DesignRun, design_cells
from noneq.studies.equilibrium_flow.gray_scott import PUBLISHED, GrayScottCell
from noneq.studies.equilibrium_flow.lorenz import LorenzRun
from noneq.studies.equilibrium_flow.lorenz_draws import MIRROR, LorenzDraws
from noneq.studies.equilibrium_flow.shapes import SHAPES, ShapeCell


PARTS = ("shapes", "lorenz", "lorenz_draws", "gray_scott", "design")


class EquilibriumFlowStudy(AbstractStudy):
    """From snapshots to the dynamics that preserve them.

    Source: Zhang and Levin 2025: their sets in the plane, Lorenz attractor, Gray–Scott patterns and
    inverse designs, with the measures that the paper leaves out.

    Args:
        parts: of `PARTS`.
        shapes, presets: sets in the plane, and Gray–Scott patterns.
        replicates: fits of each set in the plane.
        seeds, few: fits of the main method on the attractor, and of the others.
        draws: of data and score, each with fits of its own.
        transitions: observed transitions that tell direction and speed.
        training: of the velocities.
        score_steps: of the scores.
        time: for which learnt trajectories of the attractor are followed.
        points: states that are pushed along flows in the plane.
        patterns: sizes of the Gray–Scott part.
        design: how much of the designs is computed.

    Raises:
        InvalidInput: an unknown part, set or preset.
    """

    name: ClassVar[str] = "equilibrium_flow"
    title: ClassVar[str] = "From snapshots to the dynamics that preserve them"
    question: ClassVar[str] = (
        "Snapshots without order have a law. Which dynamics keep it, how much of the true dynamics "
        "do they share, and what moves when only a pattern was drawn?"
    )
    limits: ClassVar[tuple[str, ...]] = (
        "A law does not determine its dynamics: sign, speed and every part of the velocity without "
        "divergence against the law are chosen by the penalty and the network.",
        "Velocities keep the law of the data after noise (.15 standard deviations in the plane, .3 on "
        "the attractor, .47 for fields), which the true dynamics do not.",
        "Errors over states of the attractor take them as independent; those over seeds do not "
        "contain that of the data, which are common to all.",
        "A flow of small deformation may move few of the states: see the shares in the pictures.",
        "The cosine of fields is |⟨cos⟩| at noised states in units of the data's standard deviations; "
        "the published one is of all clean states as long vectors.",
        "The law of the attractor has a mirror symmetry that leaves an even and an odd flow equally "
        "right: the cosine of a flow without `Mirrored` measures the errors of one score and of one "
        "set of states. Its error over draws is their standard deviation.",
        "The floor of MMD² is the root mean square over eight pairs of truth samples, as single "
        "unbiased estimates scatter about 0.",
        "Gray–Scott patterns that died out are left out of the snapshots; parameters are not "
        "identified. Life is on twice the grid, where it lasts. The published random kernels are not "
        "skew and are not repeated; the published .589 of waves is not explained.",
        "Designs: five tests, each one-sided in a direction named beforehand, p times five.",
    )
    sources: ClassVar[tuple[str, ...]] = ("zhang2025equilibrium",)

    parts: tuple[str, ...] = PARTS
    shapes: tuple[str, ...] = tuple(SHAPES)
    presets: tuple[str, ...] = tuple(PUBLISHED)
    replicates: int = 1
    seeds: int = 10
    few: int = 1
    draws: int = 5
    transitions: int = 50
    training: Training = Training(steps=2000, batch=1024, rate=1e-2)
    score_steps: int = 4000
    time: float = 100.0
    points: int = 10_000
    patterns: GrayScottCell = GrayScottCell()
    design: DesignRun = DesignRun()

    def __check_init__(self) -> None:
        for what, given, known in (
            ("part", self.parts, PARTS),
            ("shape", self.shapes, SHAPES),
            ("preset", self.presets, PUBLISHED),
        ):
            for name in given:
                if name not in known:
                    raise unknown(f"{what} of equilibrium_flow", name, known)

    @staticmethod
    def figures(rows: Sequence[Mapping[str, Any]], cells: Sequence[Any]) -> list[Any]:
        from noneq.studies.equilibrium_flow.pictures import figures

        return figures(rows, cells)

    def reduced(self) -> "EquilibriumFlowStudy":
        """One set, two seeds on the attractor, one small pattern, unlearnt designs."""
        changes: dict[str, Any] = {
            "shapes": ("two_peaks",),
            "presets": ("maze",),
            "replicates": 1,
            "seeds": 2,
            "few": 0,
            "draws": 0,
            "training": Training(steps=300, batch=1024, rate=1e-2),
            "score_steps": 500,
            "time": 20.0,
            "points": 1000,
            "patterns": GrayScottCell(
                size=32, starts=16, frames=4, steps=60, states=4, kernels=2, moves=40
            ),
            "design": QUICK,
        }
        return dataclasses.replace(self, **changes)

    def all_cells(self) -> list[AbstractCell]:
        """The cells of the parts."""
        cells: list[AbstractCell] = []
        if "shapes" in self.parts:
            flow = self._flow(0.15)
            methods: dict[str, AbstractMethod] = {
                "EquilibriumFlow": flow,
                "EquilibriumFlow(light penalty)": dataclasses.replace(flow, symmetry=0.01),
                "StreamFlow": self._stream(0.15),
            }
            cells += [
                ShapeCell(shape=shape, label=label, method=method, points=self.points, replicate=i)
                for shape in self.shapes
                for label, method in methods.items()
                for i in range(self.replicates)
            ]
        if "lorenz" in self.parts:
            cells += self._lorenz()
        if "lorenz_draws" in self.parts and self.draws:
            cells += self._lorenz_draws()
        if "gray_scott" in self.parts:
            cells += [self.patterns.of(name) for name in self.presets]
        if "design" in self.parts:
            cells += design_cells(self.design)
        return cells

    def _lorenz(self) -> list[AbstractCell]:
        """The main method with reference fields, the published loss and its limits, and priors."""
        flow = self._flow(0.3)
        change = lambda **fields: dataclasses.replace(flow, **fields)
        methods: dict[str, tuple[AbstractMethod, int, int]] = {
            "EquilibriumFlow": (flow, self.seeds, 0),
            "EquilibriumFlow(biased)": (
                change(divergence=BiasedHutchinson(), symmetry=0.0), self.few, 0,
            ),
            "EquilibriumFlow(no penalty)": (change(symmetry=0.0), self.few, 0),
            "EquilibriumFlow(transitions)": (
                change(observed=ObservedTransitions()), self.few, self.transitions,
            ),
            "EquilibriumFlow(mirrored)": (
                change(net=Mirrored(FourierMLP(), MIRROR)), self.few, 0,
            ),
            "StreamFlow": (self._stream(0.3), self.few, 0),
            "PolynomialFlow": (PolynomialFlow(noise=0.3), min(self.few, 1), 0),
            "PolynomialFlow(transitions)": (
                PolynomialFlow(noise=0.3), self.few, self.transitions,
            ),
        }  # fmt: skip
        return [
            LorenzRun(
                label=label, method=method, score=flow.score, seeds=seeds, transitions=pairs,
                time=self.time, references=label == "EquilibriumFlow",
            )
            for label, (method, seeds, pairs) in methods.items()
            if seeds
        ]  # fmt: skip

    def _lorenz_draws(self) -> list[AbstractCell]:
        """Draws with a learnt score of no curl, with one of a plain network, an exact one, a prior."""
        short = dataclasses.replace(self.training, steps=1500, batch=512)
        flow = dataclasses.replace(self._flow(0.3), training=short)
        free = curl_free()
        training = dataclasses.replace(free.training, steps=2000, batch=512)
        score = dataclasses.replace(free, training=training)
        mirrored = dataclasses.replace(flow, net=Mirrored(FourierMLP(), MIRROR))
        return [
            LorenzDraws(label=label, method=method, score=score, draws=self.draws)
            for label, method, score in (
                ("EquilibriumFlow", flow, score),
                ("EquilibriumFlow, exact score", flow, None),
                (
                    "EquilibriumFlow, plain score",
                    flow,
                    ScoreMatching(net=MLP(64, 2), training=training),
                ),
                ("EquilibriumFlow(mirrored)", mirrored, score),
            )
        ]

    def _score(self) -> ScoreMatching:
        score = curl_free()
        training = dataclasses.replace(score.training, steps=self.score_steps)
        return dataclasses.replace(score, training=training)

    def _flow(self, noise: float) -> EquilibriumFlow:
        return EquilibriumFlow(noise=noise, score=self._score(), training=self.training)

    def _stream(self, noise: float) -> StreamFlow:
        training = dataclasses.replace(self.training, rate=self.training.rate / 2)
        return StreamFlow(noise=noise, score=self._score(), training=training)
