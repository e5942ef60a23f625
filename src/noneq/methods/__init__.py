"""Methods: a family of recipes, and the models they fit, in each package."""

from typing import TYPE_CHECKING

from noneq._face import face


if TYPE_CHECKING:
    from noneq.learning.method import AbstractMethod as AbstractMethod, Fit as Fit
    from noneq.methods.autoregressive import Autoregressive as Autoregressive
    from noneq.methods.binary_latent_cycle import BinaryLatentCycle as BinaryLatentCycle
    from noneq.methods.boltzmann_field import BoltzmannField as BoltzmannField
    from noneq.methods.capacity import capacity_curve as capacity_curve
    from noneq.methods.cycle_gradients import (
        Enumerated as Enumerated,
        ExactGradient as ExactGradient,
        NStepGradient as NStepGradient,
        Persistent as Persistent,
        Stratified as Stratified,
        TwoStepGradient as TwoStepGradient,
    )
    from noneq.methods.ddpm import DDPM as DDPM
    from noneq.methods.diff_flow import DiffFlow as DiffFlow
    from noneq.methods.edm import EDM as EDM
    from noneq.methods.energy_based import EnergyBased as EnergyBased
    from noneq.methods.energy_objectives import (
        AbstractEnergyObjective as AbstractEnergyObjective,
        DenoisingScoreMatching as DenoisingScoreMatching,
        PersistentLangevin as PersistentLangevin,
        SlicedScoreMatching as SlicedScoreMatching,
    )
    from noneq.methods.equilibrium_flow import EquilibriumFlow as EquilibriumFlow
    from noneq.methods.ffjord import FFJORD as FFJORD
    from noneq.methods.flow_divergences import (
        AbstractDivergence as AbstractDivergence,
        BiasedHutchinson as BiasedHutchinson,
        ExactDivergence as ExactDivergence,
        UnbiasedHutchinson as UnbiasedHutchinson,
    )
    from noneq.methods.flow_matching import FlowMatching as FlowMatching
    from noneq.methods.flow_pp import FlowPP as FlowPP
    from noneq.methods.flow_terms import (
        AbstractFlowTerm as AbstractFlowTerm,
        Conserved as Conserved,
        Sparsity as Sparsity,
    )
    from noneq.methods.flow_transitions import ObservedTransitions as ObservedTransitions
    from noneq.methods.hopfield import Hopfield as Hopfield
    from noneq.methods.latent_cycle import LatentCycle as LatentCycle
    from noneq.methods.mixture_em import MixtureEM as MixtureEM
    from noneq.methods.negative_phases import (
        ContrastiveDivergence as ContrastiveDivergence,
        ParallelTempering as ParallelTempering,
        PersistentChains as PersistentChains,
    )
    from noneq.methods.oracle_boltzmann import OracleBoltzmann as OracleBoltzmann
    from noneq.methods.pfgm import PFGM as PFGM
    from noneq.methods.pfgm_pp import PFGMpp as PFGMpp
    from noneq.methods.pfgm_published import PFGMPublished as PFGMPublished
    from noneq.methods.polynomial_flow import PolynomialFlow as PolynomialFlow
    from noneq.methods.rbm import RBM as RBM
    from noneq.methods.reflected_diffusion import ReflectedDiffusion as ReflectedDiffusion
    from noneq.methods.score_matching import ScoreMatching as ScoreMatching
    from noneq.methods.score_sde import ScoreSDE as ScoreSDE
    from noneq.methods.skew_convolutions import ConvolutionalSkew as ConvolutionalSkew
    from noneq.methods.skew_flow import SkewFlow as SkewFlow
    from noneq.methods.skew_recipes import (
        AbstractSkew as AbstractSkew,
        ConstantSkew as ConstantSkew,
        StateSkew as StateSkew,
    )
    from noneq.methods.small_denoiser import SmallDenoiser as SmallDenoiser
    from noneq.methods.smld import SMLD as SMLD
    from noneq.methods.storages import (
        AbstractStorage as AbstractStorage,
        Hebbian as Hebbian,
        Modern as Modern,
        PseudoInverse as PseudoInverse,
    )
    from noneq.methods.stream_flow import StreamFlow as StreamFlow
    from noneq.methods.transition import Transition as Transition
    from noneq.methods.vae import VAE as VAE
    from noneq.methods.vdm import VDM as VDM
    from noneq.methods.yukawa import Yukawa as Yukawa

__getattr__, __dir__ = face(__name__, __file__)
