"""What destroys structure: processes, their schedules, training targets and weights."""

from noneq._face import exported as _exported
from noneq.processes.base import (
    AbstractAdditive as AbstractAdditive,
    AbstractDiffusing as AbstractDiffusing,
    AbstractPrior as AbstractPrior,
    AbstractProcess as AbstractProcess,
    NormalPrior as NormalPrior,
    Perturbed as Perturbed,
)
from noneq.processes.dissipation import EntropyProduction as EntropyProduction
from noneq.processes.field_lines import (
    AbstractFieldLines as AbstractFieldLines,
    AbstractSourced as AbstractSourced,
)
from noneq.processes.fokker_planck import (
    FokkerPlanck as FokkerPlanck,
    noisy_energy as noisy_energy,
    scalar_residual as scalar_residual,
    score_residual as score_residual,
)
from noneq.processes.gaussian import Gaussian as Gaussian, LearntGaussian as LearntGaussian
from noneq.processes.learnt import LearntLogSNR as LearntLogSNR, LinearLogSNR as LinearLogSNR
from noneq.processes.mixtures.reach import (
    PriorTooNarrow as PriorTooNarrow,
    sufficient_height as sufficient_height,
)
from noneq.processes.mixtures.scale_mixture import (
    AbstractScaleMixture as AbstractScaleMixture,
    MixturePrior as MixturePrior,
    ScaleMixture as ScaleMixture,
)
from noneq.processes.mixtures.screened import Screened as Screened
from noneq.processes.mixtures.subordinators import (
    AbstractSubordinator as AbstractSubordinator,
    Fixed as Fixed,
    InverseGamma as InverseGamma,
    InverseGaussian as InverseGaussian,
    Stable as Stable,
)
from noneq.processes.penalties import AbstractPenalty as AbstractPenalty
from noneq.processes.schedules import (
    VE as VE,
    VP as VP,
    AbstractSchedule as AbstractSchedule,
    Cosine as Cosine,
    DiscreteVP as DiscreteVP,
    Karras as Karras,
    Straight as Straight,
    SubVP as SubVP,
)
from noneq.processes.targets import (
    AbstractTarget as AbstractTarget,
    Data as Data,
    Noise as Noise,
    Preconditioned as Preconditioned,
    Score as Score,
    V as V,
    Velocity as Velocity,
)
from noneq.processes.torus.helmholtz import Helmholtz as Helmholtz, TorusPrior as TorusPrior
from noneq.processes.walls.confined import (
    Confined as Confined,
    InsidePrior as InsidePrior,
    Walls as Walls,
)
from noneq.processes.walls.reflected import Reflected as Reflected, UniformPrior as UniformPrior
from noneq.processes.waves.telegraph import Telegraph as Telegraph
from noneq.processes.weights import (
    AbstractWeight as AbstractWeight,
    Likelihood as Likelihood,
    LogNormal as LogNormal,
    UnitNoise as UnitNoise,
    UnitVelocity as UnitVelocity,
)


__all__ = list(_exported(__file__))
