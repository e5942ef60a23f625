"""Methods: one recipe a file."""

from noneq.methods.base import AbstractMethod as AbstractMethod, Fit as Fit
from noneq.methods.boltzmann_field import BoltzmannField as BoltzmannField
from noneq.methods.flow_matching import FlowMatching as FlowMatching
from noneq.methods.oracle_boltzmann import OracleBoltzmann as OracleBoltzmann
from noneq.methods.score_matching import ScoreMatching as ScoreMatching
from noneq.methods.transition import Transition as Transition
