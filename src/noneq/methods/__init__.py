"""Methods: a family of recipes, and the models they fit, in each package."""

from typing import TYPE_CHECKING

from noneq._face import face


if TYPE_CHECKING:
    from noneq.learning.method import AbstractMethod as AbstractMethod, Fit as Fit
    from noneq.methods.bridges.base import (
        AbstractBridge as AbstractBridge,
        HasClock as HasClock,
        HasDraws as HasDraws,
        HasLesson as HasLesson,
        HasMeasure as HasMeasure,
        HasRefit as HasRefit,
        HasTables as HasTables,
        Passage as Passage,
    )
    from noneq.methods.bridges.closed.displacement import (
        DisplacementInterpolation as DisplacementInterpolation,
    )
    from noneq.methods.bridges.closed.plug_in import PlugInGaussian as PlugInGaussian
    from noneq.methods.bridges.free import BridgeMatching as BridgeMatching
    from noneq.methods.bridges.integrators import (
        AbstractIntegrator as AbstractIntegrator,
        TransportODE as TransportODE,
        TransportSDE as TransportSDE,
    )
    from noneq.methods.bridges.light.recipe import LightSB as LightSB, LightSBM as LightSBM
    from noneq.methods.bridges.linear import LinearSDE as LinearSDE
    from noneq.methods.bridges.others.action import ActionMatching as ActionMatching
    from noneq.methods.bridges.others.half_bridges import DSB as DSB
    from noneq.methods.bridges.pairs.couplings import (
        AbstractCoupling as AbstractCoupling,
        ExactOT as ExactOT,
        Independent as Independent,
        Pairs as Pairs,
        Sinkhorn as Sinkhorn,
    )
    from noneq.methods.bridges.pairs.growth import (
        AbstractGrowth as AbstractGrowth,
        GivenGrowth as GivenGrowth,
        HasDescendants as HasDescendants,
        PlanGrowth as PlanGrowth,
        Proliferation as Proliferation,
    )
    from noneq.methods.bridges.pairs.unbalanced import Unbalanced as Unbalanced
    from noneq.methods.bridges.presets import (
        DSBM as DSBM,
        ICFM as ICFM,
        OTCFM as OTCFM,
        SF2M as SF2M,
        CurlyFM as CurlyFM,
        OUBridge as OUBridge,
    )
    from noneq.methods.bridges.references.learnt import LearntReference as LearntReference
    from noneq.methods.bridges.refresh import (
        AbstractRefresh as AbstractRefresh,
        Refit as Refit,
        Rematch as Rematch,
    )
    from noneq.methods.bridges.straight import Brownian as Brownian, Straight as Straight
    from noneq.methods.denoising.diffusions import (
        DDPM as DDPM,
        EDM as EDM,
        SMLD as SMLD,
        VDM as VDM,
        ScoreSDE as ScoreSDE,
    )
    from noneq.methods.denoising.field_line_presets import (
        PFGM as PFGM,
        PFGMpp as PFGMpp,
        Yukawa as Yukawa,
    )
    from noneq.methods.denoising.free import (
        FlowMatching as FlowMatching,
        ScoreMatching as ScoreMatching,
    )
    from noneq.methods.denoising.objectives import (
        AbstractDenoisingObjective as AbstractDenoisingObjective,
        Denoising as Denoising,
        ImplicitScoreMatching as ImplicitScoreMatching,
        LikelihoodBound as LikelihoodBound,
    )
    from noneq.methods.denoising.poisson_published import PFGMPublished as PFGMPublished
    from noneq.methods.denoising.transition import Transition as Transition
    from noneq.methods.denoising.walls.recipe import ReflectedDiffusion as ReflectedDiffusion
    from noneq.methods.dynamics.libraries import (
        AbstractFunctions as AbstractFunctions,
        Bells as Bells,
        Harmonics as Harmonics,
        Polynomials as Polynomials,
        Terms as Terms,
    )
    from noneq.methods.dynamics.memory.recipe import GeneralisedLangevin as GeneralisedLangevin
    from noneq.methods.dynamics.neural import NeuralDrift as NeuralDrift
    from noneq.methods.dynamics.onsager.recipe import OnsagerDynamics as OnsagerDynamics
    from noneq.methods.dynamics.pairs import PairDrift as PairDrift
    from noneq.methods.dynamics.regression import DriftRegression as DriftRegression
    from noneq.methods.dynamics.sparse import SparseDrift as SparseDrift
    from noneq.methods.energies.boltzmann_field import BoltzmannField as BoltzmannField
    from noneq.methods.energies.energy_based import EnergyBased as EnergyBased
    from noneq.methods.energies.objectives import (
        AbstractEnergyObjective as AbstractEnergyObjective,
        DenoisingScoreMatching as DenoisingScoreMatching,
        PersistentLangevin as PersistentLangevin,
        SlicedScoreMatching as SlicedScoreMatching,
    )
    from noneq.methods.energies.oracle_boltzmann import OracleBoltzmann as OracleBoltzmann
    from noneq.methods.flows.diff_flow import DiffFlow as DiffFlow
    from noneq.methods.flows.ffjord import FFJORD as FFJORD
    from noneq.methods.flows.flow_pp import FlowPP as FlowPP
    from noneq.methods.invariant_flows.divergences import (
        AbstractDivergence as AbstractDivergence,
        BiasedHutchinson as BiasedHutchinson,
        ExactDivergence as ExactDivergence,
        UnbiasedHutchinson as UnbiasedHutchinson,
    )
    from noneq.methods.invariant_flows.equilibrium_flow import EquilibriumFlow as EquilibriumFlow
    from noneq.methods.invariant_flows.polynomial.flow import PolynomialFlow as PolynomialFlow
    from noneq.methods.invariant_flows.priors import (
        AbstractFlowTerm as AbstractFlowTerm,
        Conserved as Conserved,
        Sparsity as Sparsity,
    )
    from noneq.methods.invariant_flows.skew.convolutions import (
        ConvolutionalSkew as ConvolutionalSkew,
    )
    from noneq.methods.invariant_flows.skew.flow import SkewFlow as SkewFlow
    from noneq.methods.invariant_flows.skew.recipes import (
        AbstractSkew as AbstractSkew,
        ConstantSkew as ConstantSkew,
        StateSkew as StateSkew,
    )
    from noneq.methods.invariant_flows.stream_flow import StreamFlow as StreamFlow
    from noneq.methods.invariant_flows.transitions import ObservedTransitions as ObservedTransitions
    from noneq.methods.latent_cycles.binary import BinaryLatentCycle as BinaryLatentCycle
    from noneq.methods.latent_cycles.cycle import LatentCycle as LatentCycle
    from noneq.methods.latent_cycles.gradients import (
        Enumerated as Enumerated,
        ExactGradient as ExactGradient,
        NStepGradient as NStepGradient,
        Persistent as Persistent,
        Stratified as Stratified,
        TwoStepGradient as TwoStepGradient,
    )
    from noneq.methods.memories.hopfield import Hopfield as Hopfield
    from noneq.methods.memories.storages import (
        AbstractStorage as AbstractStorage,
        Hebbian as Hebbian,
        Modern as Modern,
        PseudoInverse as PseudoInverse,
    )
    from noneq.methods.units.autoregressive import Autoregressive as Autoregressive
    from noneq.methods.units.mixture_em import MixtureEM as MixtureEM
    from noneq.methods.units.negative_phases import (
        ParallelTempering as ParallelTempering,
        PersistentChains as PersistentChains,
    )
    from noneq.methods.units.rbm import RBM as RBM
    from noneq.methods.units.vae import VAE as VAE

__getattr__, __dir__ = face(
    __name__,
    __file__,
    {
        "SmallDenoiser": (
            "noneq.methods.denoising.free",
            "small_denoiser",
            "ScoreMatching(net=Gradient(MLP(96, 3)), training=Training(4000, 1024, 3e-3))",
        )
    },
)
__all__ = __dir__()
