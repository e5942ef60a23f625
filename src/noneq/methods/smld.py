"""Score matching with Langevin dynamics: noise-conditional score networks."""

from typing import ClassVar

from noneq.learning.published import DGM, Published
from noneq.methods.denoising import AbstractDenoising
from noneq.processes.gaussian import Gaussian
from noneq.processes.schedules import VE
from noneq.processes.targets import AbstractTarget, Noise
from noneq.processes.weights import AbstractWeight, UnitNoise
from noneq.samplers.base import AbstractSampler
from noneq.samplers.langevin import AnnealedLangevin


class SMLD(AbstractDenoising):
    """Scores at ten geometric noise levels, sampled by annealed Langevin dynamics.

    Forward process:
        x = y + sigma_i xi, sigma_i geometric from 0.01 to 10 standard deviations of the data;
        tau = 0, 1/9, …, 1. No drift; in the limit dx = sqrt((sigma²)') dW (`VE`).
    Learnt object:
        the score s(x, sigma, t) = −F/sigma, F = the noise: NCSNv2's form.
    Objective and weight:
        denoising score matching, weight sigma² on the score: mean of |sigma s + xi|² over the
        levels, which is `UnitNoise` on F.
    Sampling:
        `AnnealedLangevin`; `log_prob` by the probability-flow ODE, for which the network is
        read between its levels.
    Source and deviations:
        Song and Ermon 2019, eq. 2, 6 and algorithm 1; parametrisation, last denoising step and
        a largest level of the order of the data's diameter from Song and Ermon 2020. The
        network is told ln sigma and sees x at unit variance; levels are drawn in strata.

    Args and errors: those of `AbstractDenoising`. For n levels set ``weight.levels`` and
    ``sampler.levels`` to n.
    """

    source: ClassVar[str] = "song2019generative"
    published: ClassVar[Published | None] = Published("SMLD", False, True, DGM)

    process: Gaussian = Gaussian(VE(0.01, 10.0))
    target: AbstractTarget = Noise()
    weight: AbstractWeight = UnitNoise(levels=10)
    sampler: AbstractSampler = AnnealedLangevin(steps=100, levels=10, rate=0.2)
