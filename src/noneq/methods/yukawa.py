"""Yukawa generative model: the field lines of a screened interaction."""

from typing import ClassVar

from noneq.methods.denoising import AbstractDenoising
from noneq.processes.scale_mixture import ScaleMixture
from noneq.processes.subordinators import InverseGaussian
from noneq.processes.targets import AbstractTarget, Preconditioned
from noneq.processes.weights import AbstractWeight, LogNormal
from noneq.samplers.base import AbstractSampler
from noneq.samplers.straight_lines import StraightHeun


class Yukawa(AbstractDenoising):
    """Screened Poisson flow: the weak force's field lines, between Poisson flow and diffusion.

    Forward process:
        x = y + √s ξ, s inverse Gaussian with mean z/m and shape z²: the kernel of
        φ_zz + ∇²φ − m²φ = 0 at height z (`ScaleMixture` with `InverseGaussian(m)`); Poisson below
        z = 1/m, heat above. No diffusion.
    Learnt object:
        the source-free velocity with the same laws as the equation (`FieldLines`).
    Objective and weight:
        EDM's, with this noise and the conditional velocity given |x − y| (`DenoisingLoss`,
        `LogNormal`).
    Sampling:
        `StraightHeun` from the kernel about 0; `log_prob` by the same flow.
    Source and deviations:
        Liu et al. 2023 (GenPhys), section 4.3, which gives the equation and trains no model of it;
        this one is new. The equation's own velocity (x − y)/z needs births and deaths
        (`samplers.Sourced`); ours needs none. The mass m is ``process.law.mass``, in units of one
        over the data's standard deviation.

    Args and errors: those of `AbstractDenoising`.
    """

    source: ClassVar[str] = "liu2023genphys"

    process: ScaleMixture = ScaleMixture(law=InverseGaussian(1.0))
    target: AbstractTarget = Preconditioned()
    weight: AbstractWeight = LogNormal()
    sampler: AbstractSampler = StraightHeun()
