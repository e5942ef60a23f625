"""Samplers: a time grid and an integrator on the noise clock."""

from noneq.samplers.base import AbstractSampler as AbstractSampler
from noneq.samplers.ode import AdaptiveODE as AdaptiveODE, Heun as Heun
from noneq.samplers.sde import PredictorCorrector as PredictorCorrector, ReverseSDE as ReverseSDE
