"""Methods: one recipe a file."""

from noneq.methods.base import AbstractMethod as AbstractMethod, Fit as Fit
from noneq.methods.flow_matching import FlowMatching as FlowMatching
from noneq.methods.score_matching import ScoreMatching as ScoreMatching
