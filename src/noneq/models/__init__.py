"""Fitted models and their traits."""

from noneq.models.boltzmann import GridBoltzmann as GridBoltzmann
from noneq.models.charge_field import ChargeField as ChargeField
from noneq.models.confined import ConfinedScore as ConfinedScore
from noneq.models.continuous_flow import ContinuousFlow as ContinuousFlow
from noneq.models.coupling_flow import CouplingFlow as CouplingFlow
from noneq.models.denoiser import (
    AbstractDenoiser as AbstractDenoiser,
    AbstractFlowing as AbstractFlowing,
    AbstractTweedie as AbstractTweedie,
    Denoiser as Denoiser,
)
from noneq.models.denoising import DenoisingModel as DenoisingModel
from noneq.models.diff_flow import DiffFlowModel as DiffFlowModel, TwoWaySDE as TwoWaySDE
from noneq.models.empirical import EmpiricalDenoiser as EmpiricalDenoiser
from noneq.models.energy import EnergyModel as EnergyModel, TiltedEnergy as TiltedEnergy
from noneq.models.field_lines import FieldLines as FieldLines
from noneq.models.field_lines_model import FieldLinesModel as FieldLinesModel
from noneq.models.flow_law import AbstractFlowLaw as AbstractFlowLaw
from noneq.models.frame import AbstractLaw as AbstractLaw, Frame as Frame
from noneq.models.guidance import (
    Guided as Guided,
    Measured as Measured,
    guided as guided,
    inpainted as inpainted,
    measured as measured,
)
from noneq.models.reflected import ReflectedScore as ReflectedScore
from noneq.models.traits import (
    AbstractModel as AbstractModel,
    HasBirths as HasBirths,
    HasChain as HasChain,
    HasDenoiser as HasDenoiser,
    HasDrift as HasDrift,
    HasEnergy as HasEnergy,
    HasLogMassEstimate as HasLogMassEstimate,
    HasLogProb as HasLogProb,
    HasLogProbEstimate as HasLogProbEstimate,
    HasNoising as HasNoising,
    HasNoisyScore as HasNoisyScore,
    HasNoisyVelocity as HasNoisyVelocity,
    HasPaths as HasPaths,
    HasPriorMismatch as HasPriorMismatch,
    HasSampleLogProb as HasSampleLogProb,
    HasScore as HasScore,
    HasVelocity as HasVelocity,
)
from noneq.models.units import (
    AbstractUnits as AbstractUnits,
    BernoulliUnits as BernoulliUnits,
    CategoricalUnits as CategoricalUnits,
    GaussianUnits as GaussianUnits,
)
from noneq.models.variational import variational_bound as variational_bound
