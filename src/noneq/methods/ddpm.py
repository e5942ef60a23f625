"""Denoising diffusion probabilistic models."""

from typing import ClassVar

from noneq.learning.published import DGM, Published
from noneq.methods.denoising import AbstractDenoising
from noneq.processes.gaussian import Gaussian
from noneq.processes.schedules import DiscreteVP
from noneq.processes.targets import AbstractTarget, Noise
from noneq.processes.weights import AbstractWeight, UnitNoise
from noneq.samplers.ancestral import Ancestral
from noneq.samplers.base import AbstractSampler


class DDPM(AbstractDenoising):
    """The noise of a discrete variance-preserving chain of 1000 steps.

    Forward process:
        q(x_i | x_{i−1}) = N(sqrt(1 − beta_i) x_{i−1}, beta_i I), beta_i linear from 1e-4 to
        0.02; tau = i/1000 (`DiscreteVP`). In the limit dx = −beta x/2 dtau + sqrt(beta) dW.
    Learnt object:
        the noise eps(x_i, i, t), hence the score −eps/sigma.
    Objective and weight:
        L_simple: mean of |eps_hat − eps|² over i uniform on 1..1000 (`UnitNoise`).
    Sampling:
        `Ancestral` with the 1000 levels; ``sampler.steps`` takes a subset of them. `log_prob`
        by the probability-flow ODE.
    Source and deviations:
        Ho et al. 2020, eq. 4, 11 and 14; the network is told ln(sigma/alpha) instead of i and
        sees x at unit variance; i is drawn in strata.

    Args and errors: those of `AbstractDenoising`. With other ``process.schedule.steps`` set
    ``weight.levels`` and ``sampler.steps`` alike.
    """

    source: ClassVar[str] = "ho2020denoising"
    published: ClassVar[Published | None] = Published("DDPM", False, True, DGM)

    process: Gaussian = Gaussian(DiscreteVP())
    target: AbstractTarget = Noise()
    weight: AbstractWeight = UnitNoise(levels=1000)
    sampler: AbstractSampler = Ancestral()
