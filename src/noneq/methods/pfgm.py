"""Poisson flow: data as charges, samples along the field lines of their electric field."""

from typing import ClassVar

from noneq.learning.published import FIELD, Published
from noneq.methods.denoising import AbstractDenoising
from noneq.processes.scale_mixture import ScaleMixture
from noneq.processes.subordinators import InverseGamma
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

    process: ScaleMixture = ScaleMixture(law=InverseGamma(1.0))
    target: AbstractTarget = Preconditioned()
    weight: AbstractWeight = LogNormal()
    sampler: AbstractSampler = StraightHeun()
