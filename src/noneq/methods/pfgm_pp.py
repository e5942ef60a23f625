"""PFGM++: field lines in N + D dimensions, between Poisson flow and diffusion."""

from typing import ClassVar

from noneq.methods.denoising import AbstractDenoising
from noneq.processes.scale_mixture import ScaleMixture
from noneq.processes.subordinators import InverseGamma
from noneq.processes.targets import AbstractTarget, Preconditioned
from noneq.processes.weights import AbstractWeight, LogNormal
from noneq.samplers.base import AbstractSampler
from noneq.samplers.straight_lines import StraightHeun


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

    process: ScaleMixture = ScaleMixture(law=InverseGamma(128.0))
    target: AbstractTarget = Preconditioned()
    weight: AbstractWeight = LogNormal()
    sampler: AbstractSampler = StraightHeun()
