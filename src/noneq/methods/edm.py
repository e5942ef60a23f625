"""EDM: the design of Karras et al."""

from typing import ClassVar

from noneq.methods.denoising import AbstractDenoising
from noneq.processes.gaussian import Gaussian
from noneq.processes.schedules import Karras
from noneq.processes.targets import AbstractTarget, Preconditioned
from noneq.processes.weights import AbstractWeight, LogNormal
from noneq.samplers.base import AbstractSampler
from noneq.samplers.churned import ChurnedHeun


class EDM(AbstractDenoising):
    """The preconditioned denoiser on noise levels from 0.002 to 80.

    Forward process:
        x = y + sigma xi, no drift; tau runs along sigma^(1/7) from 0.002 to 80 (`Karras`).
    Learnt object:
        the denoiser D = c_skip x + c_out F(c_in x, ln(sigma)/4) with the measured standard
        deviation of the data.
    Objective and weight:
        mean of (sigma² + sd²)/(sigma sd)² |D − y|², ln sigma normal with mean −1.2 and standard
        deviation 1.2 (`LogNormal`).
    Sampling:
        `ChurnedHeun`, 18 levels and a last step to sigma = 0; `log_prob` by the
        probability-flow ODE.
    Source and deviations:
        Karras et al. 2022, table 1, eq. 5, 7, 8 and algorithm 2. Levels of the loss are in
        units of 2 sd, which is theirs at sd = 1/2; the quantiles of ln sigma are drawn in
        strata. ``weight.mean = -2`` gives sharper laws in low dimension (`ScoreMatching`).

    Args and errors: those of `AbstractDenoising`.
    """

    source: ClassVar[str] = "karras2022elucidating"

    process: Gaussian = Gaussian(Karras())
    target: AbstractTarget = Preconditioned()
    weight: AbstractWeight = LogNormal()
    sampler: AbstractSampler = ChurnedHeun()
