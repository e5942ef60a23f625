"""Transport between snapshots, measured: known bridges, shapes in the plane, genes and cells."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from noneq.learning.method import AbstractMethod
from noneq.methods.bridges.closed.displacement import DisplacementInterpolation
from noneq.methods.bridges.closed.plug_in import PlugInGaussian
from noneq.spec import unknown
from noneq.studies.base import AbstractCell, AbstractStudy
from noneq.studies.bridges.cells_over_days import CellsProblem
from noneq.studies.bridges.fates import FatesProblem
from noneq.studies.bridges.gaussian import GaussianProblem
from noneq.studies.bridges.genes import GenesProblem
from noneq.studies.bridges.growth import GrowthProblem, SharesCell
from noneq.studies.bridges.linear import LinearProblem
from noneq.studies.bridges.mixtures import MixtureProblem
from noneq.studies.bridges.plane import PlaneProblem
from noneq.studies.bridges.problem import AbstractProblem, BridgeCell
from noneq.studies.bridges.published import PublishedCell, published
from noneq.studies.bridges.settings import (
    Methods,
    brownian,
    entropic,
    flows,
    genes,
    growing,
    known_noise,
    linear,
    over_days,
)


PARTS = ("gaussian", "mvou", "repressilator", "eot", "plane", "cite", "growth", "fates")
_ONCE = ("DSB", "DSBM(IMF, network alone)")


class BridgesStudy(AbstractStudy):
    """How close do bridges between snapshots come to what is known exactly?

    Source: the tables of Shi et al. 2023, Tong et al. 2024 and 2024b, Gushchin et al. 2024, Zhang
    and Stumpf 2025.

    Args:
        parts: of `PARTS`.
        seeds: fits of each trained method on each problem that does not take minutes.
        baseline_seeds: data sets for what needs no training.
        gaussian, mvou: dimensions.
        eot: (dimension, epsilon) of the mixture pairs.
        plane: shapes, from and to.
        cells_file: npz of the single cells; they are left out where it is absent.
        hidden: times of the repressilator that are left out, one after the other.
        n_best: points of ``w2`` in the plane for OTCFM and SF2M, the two best methods.
        steps: of each training.
        few_steps: of trainings on 128 samples.

    Raises:
        InvalidInput: an unknown part.
    """

    name: ClassVar[str] = "bridges"
    title: ClassVar[str] = "Transport between snapshots, measured"
    question: ClassVar[str] = (
        "Bridges between unpaired snapshots, on problems whose answer is known: marginals, drift, "
        "plan and paths, each beside its sampling floor, a baseline without training and the "
        "published figure."
    )
    limits: ClassVar[tuple[str, ...]] = (
        "Snapshots do not tell how single states move: every bridge is the one that its reference "
        "makes likeliest.",
        "Published rows are of other code and of other random draws; their evaluations differ in "
        "details that the papers do not give.",
        "Distances of finite samples do not vanish: read them beside their floor.",
        "Half bridges, networks alone, pairs of mixtures, shapes in the plane and cells take minutes a "
        "fit or a score: one seed.",
        "Real cells are one donor's, cut to fifty components; w1 is of all cells of a day.",
    )
    sources: ClassVar[tuple[str, ...]] = ("tong2024improving", "tong2024simulation")

    parts: tuple[str, ...] = PARTS
    seeds: int = 5
    baseline_seeds: int = 5
    gaussian: tuple[int, ...] = (5, 20, 50)
    mvou: tuple[int, ...] = (2, 5, 10, 25, 50, 100)
    eot: tuple[tuple[int, float], ...] = tuple(
        (d, e) for d in (2, 16, 64, 128) for e in (0.1, 1.0, 10.0)
    )
    plane: tuple[tuple[str, str], ...] = (
        ("N", "8gaussians"),
        ("8gaussians", "moons"),
        ("N", "moons"),
    )
    cells_file: str = "../shared/data/cite_pca50.npz"
    hidden: tuple[float, ...] = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0)
    n_best: int = 10_000
    steps: int = 10_000
    few_steps: int = 2_500

    def __check_init__(self) -> None:
        for part in self.parts:
            if part not in PARTS:
                raise unknown("part of bridges", part, PARTS)

    @staticmethod
    def figures(rows: Sequence[Mapping[str, Any]], cells: Sequence[Any]) -> list[Any]:
        from noneq.studies.bridges.pictures import figures

        return figures(rows, cells)

    def reduced(self) -> "BridgesStudy":
        """One small problem a part, one seed, few steps."""
        changes: dict[str, Any] = {
            "parts": tuple(part for part in self.parts if part != "cite"),
            "seeds": 1,
            "baseline_seeds": 1,
            "gaussian": (5,),
            "mvou": (5,),
            "eot": ((2, 1.0),),
            "plane": (("N", "8gaussians"),),
            "hidden": (4.0,),
            "n_best": 2_000,
            "steps": 1_000,
            "few_steps": 500,
        }
        return dataclasses.replace(self, **changes)

    def all_cells(self) -> list[AbstractCell]:
        """Every method on every problem, and what the papers report."""
        found: list[AbstractCell] = []
        for problem, methods in self.problems():
            found += [
                BridgeCell(problem=problem, method=method, replicate=i, label=label)
                for label, method in methods.items()
                for i in range(self._seeds_of(problem, label, method))
            ]
        if "growth" in self.parts:
            count = self.baseline_seeds
            shares = [SharesCell(problem=GrowthProblem(), replicate=i) for i in range(count)]
            found += shares
        cases = dict.fromkeys(problem.case for problem, _ in self.problems())
        means = {"cite5": "cite5:", "cite50": "cite50:"}
        cases |= {name: None for name, start in means.items() if any(start in c for c in cases)}
        return found + [PublishedCell(of_case=case) for case in cases if published(case)]

    def _seeds_of(self, problem: AbstractProblem, label: str, method: AbstractMethod) -> int:
        """Baselines cost little; what takes minutes is done once."""
        if isinstance(problem, MixtureProblem | PlaneProblem | CellsProblem):
            return 1
        if isinstance(method, PlugInGaussian | DisplacementInterpolation):
            return self.baseline_seeds
        return 1 if label in _ONCE else self.seeds

    def problems(self) -> list[tuple[AbstractProblem, Methods]]:
        """The problems of the parts, with the methods put to them, by the name of their rows."""
        found: list[tuple[AbstractProblem, Methods]] = []
        if "gaussian" in self.parts:
            found += [(GaussianProblem(dim=d), brownian(self.steps)) for d in self.gaussian]
        if "mvou" in self.parts:
            for d in self.mvou:
                problem = LinearProblem(dim=d)
                found.append((problem, linear(problem, self.few_steps)))
        if "repressilator" in self.parts:
            found += [(GenesProblem(hidden=t), genes(self.few_steps)) for t in self.hidden]
        if "eot" in self.parts:
            found += [
                (MixtureProblem(dim=d, epsilon=e), entropic(d, e, self.steps)) for d, e in self.eot
            ]
        if "plane" in self.parts:
            fast = flows(self.steps)
            best = {name: fast.pop(name) for name in ("OTCFM", "SF2M")}
            for a, b in self.plane:
                found += [
                    (PlaneProblem(start=a, end=b), fast),
                    (PlaneProblem(start=a, end=b, n_test=self.n_best), best),
                ]
        if "growth" in self.parts:
            found.append((GrowthProblem(), growing(self.few_steps)))
        if "fates" in self.parts:
            fates = FatesProblem()
            found.append((fates, known_noise((2 / fates.beta) ** 0.5, self.steps)))
        if "cite" in self.parts and Path(self.cells_file).exists():
            for whiten, k in ((True, 5), (False, 50)):
                found += [
                    (
                        CellsProblem(file=self.cells_file, day=day, components=k, whiten=whiten),
                        over_days(self.steps),
                    )
                    for day in (3.0, 4.0)
                ]
        return found
