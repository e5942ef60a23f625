"""What destroys structure: processes, their schedules, training targets and weights."""

from noneq.processes.base import (
    AbstractPrior as AbstractPrior,
    AbstractProcess as AbstractProcess,
    NormalPrior as NormalPrior,
    Perturbed as Perturbed,
)
from noneq.processes.gaussian import Gaussian as Gaussian
from noneq.processes.penalties import AbstractPenalty as AbstractPenalty
from noneq.processes.schedules import (
    VE as VE,
    VP as VP,
    AbstractSchedule as AbstractSchedule,
    Cosine as Cosine,
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
from noneq.processes.weights import (
    AbstractWeight as AbstractWeight,
    Likelihood as Likelihood,
    LogNormal as LogNormal,
    UnitNoise as UnitNoise,
    UnitVelocity as UnitVelocity,
)
