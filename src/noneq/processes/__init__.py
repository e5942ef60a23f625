"""What destroys structure: processes, their schedules, training targets and weights."""

from noneq.processes.gaussian import (
    AbstractProcess as AbstractProcess,
    Gaussian as Gaussian,
    NormalPrior as NormalPrior,
    Perturbed as Perturbed,
)
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
