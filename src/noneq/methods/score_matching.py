"""Conditional denoising score matching: the non-equilibrium method of the position paper."""

from typing import ClassVar

from noneq.methods.denoising import AbstractDenoising
from noneq.processes.base import AbstractFieldLines
from noneq.processes.gaussian import Gaussian
from noneq.processes.schedules import Karras
from noneq.processes.targets import AbstractTarget, Preconditioned
from noneq.processes.weights import AbstractWeight, LogNormal
from noneq.samplers.base import AbstractSampler
from noneq.samplers.ode import Heun


class ScoreMatching(AbstractDenoising):
    """Score of p(x, t) at all noise levels, with physical time as a further input.

    Forward process:
        x_tau = alpha(tau) y + sigma(tau) xi; any `Gaussian` schedule (VP, SubVP, VE, Karras …), or
        a process of field lines (`ScaleMixture` …), as `noneq.pde.process` makes of an equation.
    Learnt object:
        the denoiser E[y | x_tau, t], hence the score s = (alpha D − x)/sigma².
    Objective and weight:
        denoising score matching, mean of weight(tau) |xi_hat − xi|² (`DenoisingLoss`).
    Sampling:
        probability-flow ODE (`Heun`, `AdaptiveODE`), `ReverseSDE` or `PredictorCorrector`;
        `log_prob` by the ODE with exact divergence.
    Source and deviations:
        "Beyond Equilibrium", section 3 (a diffusion model with physical time as input of the
        score network); Song et al. 2021; default factors are those of Karras et al. 2022.
        Physical time enters as all harmonics up to ``time_band``.

    Args and errors: those of `AbstractDenoising`.
    """

    source: ClassVar[str] = "song2021score"

    process: Gaussian | AbstractFieldLines = Gaussian(Karras())
    target: AbstractTarget = Preconditioned()
    weight: AbstractWeight = LogNormal(mean=-2.0)
    sampler: AbstractSampler = Heun()
