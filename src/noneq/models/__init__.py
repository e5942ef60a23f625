"""Fitted models and their traits."""

from noneq.models.boltzmann import GridBoltzmann as GridBoltzmann
from noneq.models.denoiser import (
    AbstractDenoiser as AbstractDenoiser,
    Denoiser as Denoiser,
)
from noneq.models.denoising import DenoisingModel as DenoisingModel
from noneq.models.frame import AbstractLaw as AbstractLaw, Frame as Frame
from noneq.models.traits import (
    AbstractModel as AbstractModel,
    HasDenoiser as HasDenoiser,
    HasDrift as HasDrift,
    HasEnergy as HasEnergy,
    HasLogProb as HasLogProb,
    HasLogProbEstimate as HasLogProbEstimate,
    HasNoising as HasNoising,
    HasNoisyScore as HasNoisyScore,
    HasNoisyVelocity as HasNoisyVelocity,
    HasPaths as HasPaths,
    HasPriorMismatch as HasPriorMismatch,
    HasSampleLogProb as HasSampleLogProb,
    HasScore as HasScore,
    HasVelocity as HasVelocity,
)
