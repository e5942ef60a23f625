"""Fitted models and their traits: the public names of all families."""

from typing import TYPE_CHECKING

from noneq._face import face


if TYPE_CHECKING:
    from noneq.frames.frame import AbstractLaw as AbstractLaw, Frame as Frame
    from noneq.methods.bridges.closed.displacement import DisplacementModel as DisplacementModel
    from noneq.methods.bridges.closed.gaussian_model import GaussianTransport as GaussianTransport
    from noneq.methods.bridges.growing import (
        AbstractGrowingModel as AbstractGrowingModel,
        GrowingBridge as GrowingBridge,
        GrowingTransport as GrowingTransport,
    )
    from noneq.methods.bridges.light.model import LightBridge as LightBridge
    from noneq.methods.bridges.matching import TransportField as TransportField
    from noneq.methods.bridges.model import (
        AbstractMovingLaw as AbstractMovingLaw,
        AbstractTransportModel as AbstractTransportModel,
        BridgeModel as BridgeModel,
        TransportModel as TransportModel,
    )
    from noneq.methods.bridges.others.action import PotentialField as PotentialField
    from noneq.methods.bridges.others.half_bridges import TwoDrifts as TwoDrifts
    from noneq.methods.bridges.references.fixed import FixedLearnt as FixedLearnt
    from noneq.methods.denoising.bound import variational_bound as variational_bound
    from noneq.methods.denoising.charge_field import ChargeField as ChargeField
    from noneq.methods.denoising.empirical import EmpiricalDenoiser as EmpiricalDenoiser
    from noneq.methods.denoising.flow_law import (
        AbstractFlowLaw as AbstractFlowLaw,
        FlowLaw as FlowLaw,
    )
    from noneq.methods.denoising.guidance import (
        Guided as Guided,
        Measured as Measured,
        guided as guided,
        inpainted as inpainted,
        measured as measured,
    )
    from noneq.methods.denoising.model import DenoisingModel as DenoisingModel
    from noneq.methods.dynamics.drift_model import DriftModel as DriftModel
    from noneq.methods.dynamics.memory.model import MemoryModel as MemoryModel
    from noneq.methods.dynamics.model import AbstractDynamics as AbstractDynamics
    from noneq.methods.dynamics.neural import NeuralDriftModel as NeuralDriftModel
    from noneq.methods.dynamics.onsager.model import OnsagerModel as OnsagerModel
    from noneq.methods.energies.energy_model import (
        EnergyModel as EnergyModel,
        TiltedEnergy as TiltedEnergy,
    )
    from noneq.methods.energies.grid_boltzmann import GridBoltzmann as GridBoltzmann
    from noneq.methods.flows.continuous import ContinuousFlow as ContinuousFlow
    from noneq.methods.flows.coupling import CouplingFlow as CouplingFlow
    from noneq.methods.flows.two_way import DiffFlowModel as DiffFlowModel, TwoWaySDE as TwoWaySDE
    from noneq.methods.invariant_flows.equilibrium_flow_model import (
        EquilibriumFlowModel as EquilibriumFlowModel,
    )
    from noneq.methods.invariant_flows.polynomial.equations import (
        coefficients as coefficients,
        equations as equations,
    )
    from noneq.methods.invariant_flows.skew.model import SkewFlowModel as SkewFlowModel
    from noneq.methods.invariant_flows.skew.operators import (
        AbstractSkewOperator as AbstractSkewOperator,
        SkewKernel as SkewKernel,
        SkewMatrix as SkewMatrix,
        SkewWaves as SkewWaves,
    )
    from noneq.methods.invariant_flows.stream_flow_model import StreamFlowModel as StreamFlowModel
    from noneq.methods.latent_cycles.binary_chain import (
        BinaryChain as BinaryChain,
        BinaryKernels as BinaryKernels,
    )
    from noneq.methods.latent_cycles.chain import LatentChain as LatentChain
    from noneq.methods.latent_cycles.kernels import OneHotKernels as OneHotKernels
    from noneq.methods.memories.pattern_memory import PatternMemory as PatternMemory
    from noneq.methods.memories.spin_memory import SpinMemory as SpinMemory
    from noneq.methods.units.autoregressive_model import AutoregressiveModel as AutoregressiveModel
    from noneq.methods.units.bipartite import Bipartite as Bipartite
    from noneq.methods.units.mixture_model import (
        Components as Components,
        MixtureModel as MixtureModel,
    )
    from noneq.methods.units.rbm_model import RestrictedBoltzmann as RestrictedBoltzmann
    from noneq.methods.units.units import (
        AbstractUnits as AbstractUnits,
        BernoulliUnits as BernoulliUnits,
        CategoricalUnits as CategoricalUnits,
        GaussianUnits as GaussianUnits,
    )
    from noneq.methods.units.vae_model import (
        VAEModel as VAEModel,
        VariationalFreeEnergy as VariationalFreeEnergy,
    )
    from noneq.processes.base import (
        AbstractDenoiser as AbstractDenoiser,
        AbstractFlowing as AbstractFlowing,
        AbstractRegression as AbstractRegression,
    )
    from noneq.processes.conditional_means import (
        LearntScore as LearntScore,
        LearntVelocity as LearntVelocity,
    )
    from noneq.processes.denoiser import AbstractTweedie as AbstractTweedie, Denoiser as Denoiser
    from noneq.processes.field_lines import FieldLines as FieldLines
    from noneq.processes.walls.confined import ConfinedScore as ConfinedScore
    from noneq.processes.walls.reflected import ReflectedScore as ReflectedScore
    from noneq.samplers.annealing import (
        AbstractAnnealing as AbstractAnnealing,
        anneal as anneal,
        log_mean as log_mean,
        log_partition_ratio as log_partition_ratio,
    )
    from noneq.symbolic.expression import Expression as Expression
    from noneq.symbolic.law import Law as Law, Term as Term
    from noneq.traits import (
        AbstractModel as AbstractModel,
        HasBirths as HasBirths,
        HasChain as HasChain,
        HasDenoiser as HasDenoiser,
        HasDrift as HasDrift,
        HasDriftError as HasDriftError,
        HasEnergy as HasEnergy,
        HasLaw as HasLaw,
        HasLogMassEstimate as HasLogMassEstimate,
        HasLogProb as HasLogProb,
        HasLogProbEstimate as HasLogProbEstimate,
        HasMass as HasMass,
        HasNoising as HasNoising,
        HasNoisyScore as HasNoisyScore,
        HasNoisyVelocity as HasNoisyVelocity,
        HasPaths as HasPaths,
        HasPriorMismatch as HasPriorMismatch,
        HasSampleLogProb as HasSampleLogProb,
        HasScore as HasScore,
        HasStateMeans as HasStateMeans,
        HasVelocity as HasVelocity,
    )

__getattr__, __dir__ = face(
    __name__,
    __file__,
    {"FieldLinesModel": ("noneq.methods.denoising.flow_law", "FlowLaw", "FlowLaw")},
)
__all__ = __dir__()
