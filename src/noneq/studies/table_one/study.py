"""Table 1 of the position paper, measured: its methods side by side on the same data."""

import dataclasses
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import equinox as eqx

from noneq.kinds import AbstractChecked
from noneq.learning.loop import Training
from noneq.learning.method import AbstractMethod
from noneq.methods import (
    DDPM,
    DSB,
    DSBM,
    EDM,
    FFJORD,
    PFGM,
    SMLD,
    VDM,
    DiffFlow,
    FlowMatching,
    FlowPP,
    LightSBM,
    PFGMpp,
    ReflectedDiffusion,
    ScoreMatching,
    ScoreSDE,
    Yukawa,
)
from noneq.nets import ResNet
from noneq.nets.base import AbstractNet
from noneq.spec import override, unknown
from noneq.studies.base import AbstractCell, AbstractStudy
from noneq.studies.table_one.cells import Judging, LearnerCell, ReferenceCell
from noneq.studies.table_one.consistency import Consistency, ConsistencyCell
from noneq.studies.table_one.data import AbstractDataSet, Digits, DrivenWells, Shape
from noneq.studies.table_one.peer import Mixture, MixtureCell
from noneq.systems import Checkerboard, EightGaussians, Moons, Rings, SwissRoll, TwoSpirals


SHAPES = {
    "8gaussians": EightGaussians(),
    "checkerboard": Checkerboard(),
    "moons": Moons(),
    "2spirals": TwoSpirals(),
    "swissroll": SwissRoll(),
    "rings": Rings(),
}
CASES = (*SHAPES, "prinz", "digits", "fpe")
_NET = ResNet(width=64, blocks=2, fourier=3)
_TRAINING = Training(steps=5_000, batch=512)


def _small(method: Callable[..., AbstractMethod]) -> Any:
    """Default of a field: the method at this study's size, made when a study is."""
    return eqx.field(default_factory=lambda: method(net=_NET, training=_TRAINING))


class DigitsSettings(AbstractChecked):
    """What methods change for digits: few samples of many numbers."""

    net: AbstractNet = ResNet(width=128, blocks=3)
    steps: int = 3_000
    batch: int = 256
    patience: int = 5
    likelihood_steps: int = 12


class TableOneStudy(AbstractStudy):
    """What does each generative model of Table 1 reach on the same data, and at which cost?

    Source: Beyond Equilibrium, Table 1.

    Args:
        cases: data sets, of `CASES`.
        only: names of the methods to run; empty for all.
        seeds: number of seeds.
        best: methods that get ``seeds_of_best`` seeds.
        n, n_test: training and test samples of the shapes.
        wells, digits: the other data sets.
        digits_settings: what methods change for digits.
        judging: how models are judged.
        mixture: the peer.
        consistency: the case ``fpe``.
        score_matching and all below: the methods and their settings.

    Raises:
        InvalidInput: an unknown case or method.
    """

    name: ClassVar[str] = "table_one"
    title: ClassVar[str] = "Table 1, measured"
    question: ClassVar[str] = (
        "The generative models of the position paper's Table 1, each trained on the same samples "
        "and judged by the same numbers: likelihood, distance of the samples, cost."
    )
    limits: ClassVar[tuple[str, ...]] = (
        "Laws in the plane, one moving law, and images of 64 pixels: no statement on large images, "
        "for which most of these methods were made.",
        "One network and one number of steps for the whole denoising family; a method that is "
        "given its own would do better. Flows have networks of their own.",
        "One seed, if the table does not say more: differences below a few hundredths of a nat "
        "may be the seed's.",
        "Seconds are of a machine with two cores that ran two processes at once; training holds "
        "the compilation, sampling is the second draw of 10,000 states (1,000 digits).",
        "Likelihoods of the denoising family are those of the probability-flow ODE with a fixed "
        "number of steps, not of the sampler beside them; mass_error says how far they are from "
        "normalised, on a grid that is coarse for sharp edges: a finer one gives less.",
        "Function evaluations count the network's for one draw; a coupling flow has none but its "
        "inverse, counted as one.",
        "Bits per dimension of digits hold the bound by dequantisation with uniform noise.",
        "The rows of digits and of GaussianMixture need scikit-learn, and are left out without it.",
        "ReflectedDiffusion needs a box: shapes are given the one about their training data.",
        "DSB, DSBM and LightSBM are transports: they start from as many Gaussian states, one unit of "
        "time before the data, whose number of steps is theirs; on shapes only.",
        "The case fpe is on 8gaussians, with a smaller and smoother network than the table's.",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "beyond_equilibrium",
        "ho2020denoising",
        "song2019generative",
        "song2021score",
        "karras2022elucidating",
        "kingma2021variational",
        "lipman2023flow",
        "xu2022poisson",
        "xu2023pfgmpp",
        "liu2023genphys",
    )

    cases: tuple[str, ...] = CASES
    only: tuple[str, ...] = ()
    seeds: int = 1
    best: tuple[str, ...] = ()
    seeds_of_best: int = 3
    n: int = 50_000
    n_test: int = 10_000
    wells: DrivenWells = DrivenWells()
    digits: Digits = Digits()
    digits_settings: DigitsSettings = DigitsSettings()
    judging: Judging = Judging()
    mixture: Mixture = Mixture()
    consistency: Consistency = eqx.field(default_factory=Consistency)
    score_matching: ScoreMatching = _small(ScoreMatching)
    flow_matching: FlowMatching = _small(FlowMatching)
    ddpm: DDPM = _small(DDPM)
    smld: SMLD = _small(SMLD)
    score_sde: ScoreSDE = _small(ScoreSDE)
    edm: EDM = _small(EDM)
    reflected_diffusion: ReflectedDiffusion = _small(ReflectedDiffusion)
    vdm: VDM = _small(VDM)
    pfgm: PFGM = _small(PFGM)
    pfgm_pp: PFGMpp = _small(PFGMpp)
    yukawa: Yukawa = _small(Yukawa)
    flow_pp: FlowPP = FlowPP(training=Training(steps=5_000, batch=512))
    diff_flow: DiffFlow = DiffFlow(training=Training(steps=2_500, batch=512))
    ffjord: FFJORD = FFJORD(training=Training(steps=2_000, batch=256))
    dsb: DSB = DSB(net=_NET, training=Training(steps=1_000, batch=512))
    dsbm: DSBM = DSBM(net=_NET, training=Training(steps=1_000, batch=512))
    light_sbm: LightSBM = LightSBM(components=64, training=Training(steps=5_000, batch=512))

    def __check_init__(self) -> None:
        names = {type(method).__name__ for method in self.methods()}
        for kind, given, known in (
            ("case", self.cases, CASES),
            ("method", self.only, names),
            ("method", self.best, names),
        ):
            for name in given:
                if name not in known:
                    raise unknown(f"{kind} of table_one", name, known)

    def methods(self) -> list[AbstractMethod]:
        """The methods: all fields that are one, in their order."""
        values = (getattr(self, field.name) for field in dataclasses.fields(self))
        return [value for value in values if isinstance(value, AbstractMethod)]

    @staticmethod
    def figures(rows: Sequence[Mapping[str, Any]], cells: Sequence[Any]) -> list[Any]:
        from noneq.studies.table_one.pictures import figures

        return figures(rows, cells)

    def reduced(self) -> "TableOneStudy":
        """One shape, a tenth of the steps, few samples."""
        few = {"n": 5_000, "n_test": 1_000, "cases": ("8gaussians",), "best": ()}
        judging = dataclasses.replace(
            self.judging, n=500, timed=1_000, grid=48, bounded=200, shown=1000
        )
        mixture = dataclasses.replace(self.mixture, components=(16,), covariances=("full",))
        changes: dict[str, Any] = few | {"judging": judging, "mixture": mixture}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, AbstractMethod):
                changes[field.name] = adapted(
                    value, {"training.steps": 600, "training.batch": 256, "rounds": 4}
                )
        return dataclasses.replace(self, **changes)

    def all_cells(self) -> list[AbstractCell]:
        """The law itself, the peer and the methods, case by case."""
        learning = importlib.util.find_spec("sklearn") is not None
        cells: list[AbstractCell] = []
        for case in self.cases:
            if case == "fpe":
                cells += self._consistency()
            elif case != "digits" or learning:
                cells += self._case(case, learning)
        return cells

    def _case(self, case: str, peer: bool) -> list[AbstractCell]:
        data = self._data(case)
        cells: list[AbstractCell] = []
        for replicate in range(max(self.seeds, self.seeds_of_best if self.best else 0)):
            common: dict[str, Any] = {
                "data": data,
                "judging": self.judging,
                "replicate": replicate,
            }
            if replicate < self.seeds:
                cells.append(ReferenceCell(**common))
            if replicate < self.seeds and peer:
                cells.append(MixtureCell(**common, mixture=self.mixture))
            for method in self.methods():
                name = type(method).__name__
                seeds = self.seeds_of_best if name in self.best else self.seeds
                if replicate < seeds and (not self.only or name in self.only):
                    started = type(method).between_times
                    if started and not isinstance(data, Shape):
                        continue
                    method = self._suited(method, data)
                    boxed = isinstance(method, ReflectedDiffusion)
                    cells.append(LearnerCell(**common, method=method, boxed=boxed, started=started))
        return cells

    def _consistency(self) -> list[AbstractCell]:
        data = Shape("8gaussians", SHAPES["8gaussians"], self.n, self.n_test)
        return [
            ConsistencyCell(
                data=data,
                judging=self.judging,
                setting=self.consistency,
                penalised=penalised,
                replicate=replicate,
            )
            for replicate in range(self.consistency.seeds)
            for penalised in (False, True)
        ]

    def _data(self, case: str) -> AbstractDataSet:
        if case in SHAPES:
            return Shape(case, SHAPES[case], self.n, self.n_test)
        return self.wells if case == "prinz" else self.digits

    def _suited(self, method: AbstractMethod, data: AbstractDataSet) -> AbstractMethod:
        """The method as this data set needs it."""
        if not data.width:
            return method
        own = self.digits_settings
        changes = {
            "dequantise": data.width,
            "training.steps": own.steps,
            "training.batch": own.batch,
            "training.patience": own.patience,
            "sampler.likelihood_steps": own.likelihood_steps,
            "likelihood_steps": own.likelihood_steps,
        }
        # Flows keep the networks that they are made of.
        shared = _has(method, "net") and adapted(method, {"net": _NET}) == method
        return adapted(method, changes | ({"net": own.net} if shared else {}))


def adapted(method: AbstractMethod, changes: dict[str, Any]) -> AbstractMethod:
    """The method with those of the changes whose fields it has."""
    return override(method, {path: v for path, v in changes.items() if _has(method, path)})


def _has(obj: Any, path: str) -> bool:
    name, _, rest = path.partition(".")
    known = {field.name for field in dataclasses.fields(obj)}
    return name in known and (not rest or _has(getattr(obj, name), rest))
