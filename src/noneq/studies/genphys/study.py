"""GenPhys, measured: which equations generate, and what their processes reach on the same data."""

import dataclasses
import importlib.util
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from noneq.kinds import AbstractChecked
from noneq.learning.loop import Training
from noneq.learning.method import AbstractMethod
from noneq.methods import EDM, PFGM, PFGMpp, ScoreMatching, Yukawa
from noneq.nets import ResNet
from noneq.nets.base import AbstractNet
from noneq.processes import Fixed, InverseGamma, InverseGaussian, LogNormal, ScaleMixture, Stable
from noneq.samplers import StraightHeun
from noneq.spec import unknown
from noneq.studies.base import AbstractCell, AbstractStudy
from noneq.studies.genphys.cells import ChargesCell, ProcessCell, SampleScoring, VerdictCell
from noneq.studies.table_one.data import AbstractDataSet, Digits, Shape
from noneq.studies.table_one.study import SHAPES, DigitsSettings, adapted


EQUATIONS = (
    "diffusion",
    "poisson",
    "yukawa",
    "helmholtz",
    "wave",
    "dissipative_wave",
    "schrodinger",
    "damped_schrodinger",
    "klein_gordon",
    "biharmonic",
    "fractional",
)
HANDLINGS = ("source_free", "weights", "resampling", "branching", "ignored")
CASES = ("verdicts", "charges", *SHAPES, "digits")


class Charge(AbstractChecked):
    """A setting of the two charges.

    Args:
        mass, top: m and the height z_max that sampling starts from.
        handlings: of the source.
    """

    mass: float
    top: float
    handlings: tuple[str, ...] = ("source_free", "ignored")


class GenPhysStudy(AbstractStudy):
    """Which physical equations make generative models, and how good are these?

    Source: GenPhys (Liu et al. 2023), table 1; PFGM++ (Xu et al. 2023), section 5.

    Args:
        cases: parts of the study, of `CASES`.
        equations: of the zoo.
        charges: settings of the test with two charges.
        particles: of that test.
        seeds: number of seeds of the trained models.
        n, n_test: training and test samples of the shapes.
        dofs, masses, exponents: of PFGM++, Yukawa and fractional diffusion.
        net, training: of every model of the shapes.
        digits, digits_settings: the images, and what changes for them.
        scoring: how models are judged.

    Raises:
        InvalidInput: an unknown case or equation.
    """

    name: ClassVar[str] = "genphys"
    title: ClassVar[str] = "GenPhys, measured"
    question: ClassVar[str] = (
        "Which linear equations of physics make generative models, and does it matter which one is "
        "taken? The verdicts of GenPhys derived from the equations, the Yukawa model with its "
        "source handled in five ways, and the processes trained on the same data at one budget."
    )
    limits: ClassVar[tuple[str, ...]] = (
        "Verdicts are for the plane, data of standard deviation 1 and no box; conditional ones say "
        "what they need.",
        "The two charges use the exact field: they judge the equations and the handling of the "
        "source, not a network.",
        "One network, one number of steps and one law of noise levels for all processes: those "
        "that EDM was made with.",
        "Shapes in the plane and images of 64 pixels; PFGM++ was made for thousands of dimensions.",
        "W2 of heavy-tailed processes is set by few outliers; outlier_fraction counts them.",
        "Excess over the floor is the difference of two estimates; near the floor it is noise.",
        "Digits: the truth is a second part of the training images; rows need scikit-learn.",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "liu2023genphys",
        "xu2022poisson",
        "xu2023pfgmpp",
        "karras2022elucidating",
    )

    cases: tuple[str, ...] = ("verdicts", "charges", "8gaussians", "checkerboard", "digits")
    equations: tuple[str, ...] = EQUATIONS
    charges: tuple[Charge, ...] = (
        Charge(1.0, 3.0),
        Charge(1.0, 30.0),
        Charge(0.1, 30.0),
        Charge(4.0, 3.0),
        Charge(0.3, 1.0, HANDLINGS),
        Charge(1.0, 1.0, HANDLINGS),
    )
    particles: int = 20_000
    seeds: int = 3
    n: int = 50_000
    n_test: int = 10_000
    dofs: tuple[float, ...] = (2.0, 128.0)
    masses: tuple[float, ...] = (0.1, 1.0, 4.0)
    exponents: tuple[float, ...] = (1.5,)
    net: AbstractNet = ResNet(width=64, blocks=2, fourier=3)
    training: Training = Training(steps=5_000, batch=512)
    digits: Digits = Digits()
    digits_settings: DigitsSettings = DigitsSettings()
    scoring: SampleScoring = SampleScoring()

    def __check_init__(self) -> None:
        for kind, given, known in (
            ("case", self.cases, CASES),
            ("equation", self.equations, EQUATIONS),
        ):
            for name in given:
                if name not in known:
                    raise unknown(f"{kind} of genphys", name, known)

    @staticmethod
    def figures(rows: Sequence[Mapping[str, Any]], cells: Sequence[Any]) -> list[Any]:
        from noneq.studies.genphys.pictures import figures

        return figures(rows, cells)

    def reduced(self) -> "GenPhysStudy":
        """All verdicts, two charges with few particles, one shape with a tenth of the steps."""
        changes: dict[str, Any] = {
            "cases": ("verdicts", "charges", "8gaussians"),
            "charges": (Charge(1.0, 3.0), Charge(0.3, 1.0, HANDLINGS)),
            "particles": 2000,
            "seeds": 1,
            "n": 5000,
            "n_test": 1000,
            "dofs": (128.0,),
            "masses": (1.0,),
            "training": Training(steps=600, batch=256),
            "scoring": SampleScoring(
                n=1000, n_pairs=500, n_likelihood=200, steps=(8,), errors=(0.1,)
            ),
        }
        return dataclasses.replace(self, **changes)

    def all_cells(self) -> list[AbstractCell]:
        """Verdicts, charges, and every process on every data set."""
        cells: list[AbstractCell] = []
        if "verdicts" in self.cases:
            cells += [VerdictCell(equation=name) for name in self.equations]
        if "charges" in self.cases:
            cells += [
                ChargesCell(
                    mass=charge.mass,
                    top=charge.top,
                    handling=handling,
                    particles=self.particles,
                )
                for charge in self.charges
                for handling in charge.handlings
            ]
        learning = importlib.util.find_spec("sklearn") is not None
        for case in self.cases:
            if case in SHAPES or (case == "digits" and learning):
                cells += self._trained(case)
        return cells

    def _trained(self, case: str) -> list[AbstractCell]:
        data: AbstractDataSet = self.digits
        if case in SHAPES:
            data = Shape(case, SHAPES[case], self.n, self.n_test)
        return [
            ProcessCell(
                data=data,
                scoring=self.scoring,
                label=label,
                method=self._suited(method, data),
                replicate=replicate,
            )
            for replicate in range(self.seeds)
            for label, method in self.methods().items()
        ]

    def methods(self) -> dict[str, AbstractMethod]:
        """What is trained, by the name of its rows."""
        common: dict[str, Any] = {"net": self.net, "training": self.training}
        free = lambda law: ScoreMatching(
            process=ScaleMixture(law=law), weight=LogNormal(), sampler=StraightHeun(), **common
        )
        made: dict[str, AbstractMethod] = {
            "EDM": EDM(**common),
            "Heat": free(Fixed()),
            "Poisson": PFGM(**common),
        }
        for dof in self.dofs:
            process = ScaleMixture(law=InverseGamma(dof))
            made[f"PFGMpp(D={dof:g})"] = PFGMpp(process=process, **common)
        for mass in self.masses:
            process = ScaleMixture(law=InverseGaussian(mass))
            made[f"Yukawa(m={mass:g})"] = Yukawa(process=process, **common)
        for exponent in self.exponents:
            made[f"Fractional(a={exponent:g})"] = free(Stable(exponent))
        return made

    def _suited(self, method: AbstractMethod, data: AbstractDataSet) -> AbstractMethod:
        if not data.width:
            return method
        own = self.digits_settings
        changes = {
            "net": own.net,
            "dequantise": data.width,
            "training.steps": own.steps,
            "training.batch": own.batch,
            "training.patience": own.patience,
        }
        return adapted(method, changes)
