"""Field lines of charges as points of the denoising product: PFGM, PFGM++, Yukawa."""

from typing import ClassVar

import equinox as eqx

from noneq.learning.published import FIELD, Published
from noneq.methods.denoising.product import AbstractDenoising
from noneq.processes.mixtures.scale_mixture import ScaleMixture
from noneq.processes.mixtures.subordinators import InverseGamma, InverseGaussian
from noneq.processes.targets import AbstractTarget, Preconditioned
from noneq.processes.weights import AbstractWeight, LogNormal
from noneq.samplers.base import AbstractSampler
from noneq.samplers.straight_lines import StraightHeun


class PFGM(AbstractDenoising):
    """Poisson flow in the unbiased form: charges on the plane z = 0, the Cauchy law above it.

    Forward process:
        x = y + z ξ/|ξ_0|, the law of field lines of φ_zz + ∇²φ = 0 at height z (`ScaleMixture`
        with `InverseGamma(1)`); no diffusion. z runs along z^(1/7) from 0.002 to 80 standard
        deviations of the data.
    Learnt object:
        the foot E[y | x] of the field line, hence dx/dz = (x − E[y | x])/z (`FieldLines`).
    Objective and weight:
        EDM's, with this noise (`DenoisingLoss`, `LogNormal`).
    Sampling:
        `StraightHeun` along the field lines from the Cauchy law at the top, nothing clipped; `log_prob`
        by the same flow.
    Source and deviations:
        Xu et al. 2022; the objective is that of Xu et al. 2023 at D = 1, whose mean is the exact
        field where the 2022 one (`PFGMPublished`) averages over a batch. The prior has no second
        moment in any dimension: expect outliers, and see `PFGMpp`.

    Args and errors: those of `AbstractDenoising`.
    """

    source: ClassVar[str] = "xu2022poisson"
    published: ClassVar[Published | None] = Published("PFGM", True, False, FIELD)

    process: ScaleMixture = eqx.field(default_factory=lambda: ScaleMixture(law=InverseGamma(1.0)))
    target: AbstractTarget = Preconditioned()
    weight: AbstractWeight = LogNormal()
    sampler: AbstractSampler = StraightHeun()


class PFGMpp(AbstractDenoising):
    """Student-t noise of D degrees of freedom: D = 1 is Poisson flow, D → ∞ is EDM.

    Forward process:
        x = y + sigma ξ/√(χ²_D/D) (`ScaleMixture` with `InverseGamma(D)`), r = sigma √D the radius in
        the D added dimensions; no diffusion.
    Learnt object:
        the denoiser E[y | x], hence dx/dsigma = (x − E[y | x])/sigma (`FieldLines`).
    Objective and weight:
        EDM's, with this noise (`DenoisingLoss`, `LogNormal`).
    Sampling:
        `StraightHeun` from the Student-t law; `log_prob` by the same flow.
    Source and deviations:
        Xu et al. 2023, eqs. 3–8 and section 4.1. Far outside the data the network's inputs and
        outputs are scaled by the noise that the distance tells of (`FieldLines`), without which
        small D diverge in low dimension. The number D is ``process.law.dof``.

    Args and errors: those of `AbstractDenoising`.
    """

    source: ClassVar[str] = "xu2023pfgmpp"

    process: ScaleMixture = eqx.field(default_factory=lambda: ScaleMixture(law=InverseGamma(128.0)))
    target: AbstractTarget = Preconditioned()
    weight: AbstractWeight = LogNormal()
    sampler: AbstractSampler = StraightHeun()


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

    process: ScaleMixture = eqx.field(
        default_factory=lambda: ScaleMixture(law=InverseGaussian(1.0))
    )
    target: AbstractTarget = Preconditioned()
    weight: AbstractWeight = LogNormal()
    sampler: AbstractSampler = StraightHeun()
