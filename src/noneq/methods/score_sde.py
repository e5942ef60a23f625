"""Score-based generative modelling through stochastic differential equations."""

from typing import ClassVar

from noneq.learning.published import Published
from noneq.methods.denoising import AbstractDenoising
from noneq.processes.gaussian import Gaussian
from noneq.processes.schedules import VP
from noneq.processes.targets import AbstractTarget, Noise
from noneq.processes.weights import AbstractWeight, UnitNoise
from noneq.samplers.base import AbstractSampler
from noneq.samplers.sde import PredictorCorrector


class ScoreSDE(AbstractDenoising):
    """The score of a variance-preserving, sub-variance-preserving or exploding SDE.

    Forward process:
        dx = −beta x/2 dtau + sqrt(beta) dW, beta = 0.1 + 19.9 tau (`VP`); or `SubVP`, `VE` as
        ``process.schedule``.
    Learnt object:
        the noise, hence the score s = −eps/sigma.
    Objective and weight:
        denoising score matching over uniform tau with weight sigma² on the score (`UnitNoise`);
        ``weight=Likelihood()`` takes g² and bounds the likelihood.
    Sampling:
        `PredictorCorrector`; `ReverseSDE` with ``noise`` = lambda is the whole family
        dx = [f − (1 + lambda²)/2 g² s] dtau + lambda g dW of equal marginals, lambda = 0 the
        probability-flow ODE (`Heun`, `AdaptiveODE`), which gives `log_prob`.
    Source and deviations:
        Song et al. 2021, eq. 5–7, 13 and appendices C, D; weight g²: Song et al. 2021b,
        theorem 1. tau starts at 1e-3; it is drawn in strata.

    Args and errors: those of `AbstractDenoising`.
    """

    source: ClassVar[str] = "song2021score"
    published: ClassVar[Published | None] = Published("SDEs", True, True)

    process: Gaussian = Gaussian(VP())
    target: AbstractTarget = Noise()
    weight: AbstractWeight = UnitNoise()
    sampler: AbstractSampler = PredictorCorrector()
