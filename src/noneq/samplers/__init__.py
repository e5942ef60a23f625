"""Samplers: a time grid and an integrator on the noise clock."""

from noneq._face import exported as _exported
from noneq.samplers.ancestral import Ancestral as Ancestral, Exponential as Exponential
from noneq.samplers.annealed_levels import AnnealedLevels as AnnealedLevels
from noneq.samplers.base import AbstractSampler as AbstractSampler
from noneq.samplers.birth_weights import (
    AbstractHandling as AbstractHandling,
    Branching as Branching,
    Ignored as Ignored,
    Resampling as Resampling,
    Weights as Weights,
)
from noneq.samplers.births import Sourced as Sourced, Weighted as Weighted
from noneq.samplers.churn import ChurnedHeun as ChurnedHeun
from noneq.samplers.langevin import AnnealedLangevin as AnnealedLangevin
from noneq.samplers.multistep import Multistep as Multistep
from noneq.samplers.ode import AdaptiveODE as AdaptiveODE, Heun as Heun
from noneq.samplers.sde import PredictorCorrector as PredictorCorrector, ReverseSDE as ReverseSDE
from noneq.samplers.straight_lines import StraightHeun as StraightHeun


__all__ = list(_exported(__file__))
