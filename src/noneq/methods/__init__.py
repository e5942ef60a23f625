"""Methods: one recipe a file."""

from noneq.methods.base import AbstractMethod as AbstractMethod, Fit as Fit
from noneq.methods.boltzmann_field import BoltzmannField as BoltzmannField
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
from noneq.methods.ffjord import FFJORD as FFJORD
from noneq.methods.flow_matching import FlowMatching as FlowMatching
from noneq.methods.flow_pp import FlowPP as FlowPP
from noneq.methods.oracle_boltzmann import OracleBoltzmann as OracleBoltzmann
from noneq.methods.pfgm import PFGM as PFGM
from noneq.methods.pfgm_pp import PFGMpp as PFGMpp
from noneq.methods.pfgm_published import PFGMPublished as PFGMPublished
from noneq.methods.reflected_diffusion import ReflectedDiffusion as ReflectedDiffusion
from noneq.methods.score_matching import ScoreMatching as ScoreMatching
from noneq.methods.score_sde import ScoreSDE as ScoreSDE
from noneq.methods.smld import SMLD as SMLD
from noneq.methods.transition import Transition as Transition
from noneq.methods.vdm import VDM as VDM
from noneq.methods.yukawa import Yukawa as Yukawa
