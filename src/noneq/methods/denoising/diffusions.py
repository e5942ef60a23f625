"""Diffusions of the literature as points of the denoising product: DDPM … VDM."""

from typing import ClassVar

from noneq.learning.published import DGM, Published
from noneq.methods.denoising.objectives import AbstractDenoisingObjective, LikelihoodBound
from noneq.methods.denoising.product import AbstractDenoising
from noneq.processes.gaussian import Gaussian, LearntGaussian
from noneq.processes.schedules import VE, VP, DiscreteVP, Karras
from noneq.processes.targets import AbstractTarget, Noise, Preconditioned
from noneq.processes.weights import AbstractWeight, LogNormal, UnitNoise
from noneq.samplers.ancestral import Ancestral
from noneq.samplers.base import AbstractSampler
from noneq.samplers.churn import ChurnedHeun
from noneq.samplers.langevin import AnnealedLangevin
from noneq.samplers.sde import PredictorCorrector


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
    takes_torus: ClassVar[bool] = True

    process: Gaussian = Gaussian(Karras())
    target: AbstractTarget = Preconditioned()
    weight: AbstractWeight = LogNormal()
    sampler: AbstractSampler = ChurnedHeun()


class VDM(AbstractDenoising):
    """A diffusion model trained on its own likelihood bound, with a learnt noise schedule.

    Forward process:
        z = alpha y + sigma eps, alpha² = sigmoid(−gamma), gamma(tau) a monotone network between
        learnt ends (`LearntGaussian`): dz = −b z/2 dtau + sqrt(b) dW, b = gamma' sigma².
    Learnt object:
        the noise eps(z, gamma, t), hence the score −eps/sigma; and gamma itself.
    Objective and weight:
        the bound recon + KL(prior) + ½ E[gamma' |eps − eps_hat|²] in nats, or its form for a finite
        chain (`LikelihoodBound`); the interior of gamma lowers the loss's variance.
    Sampling:
        `Ancestral`; `log_prob` by the probability-flow ODE; `models.variational_bound` is the
        bound itself.
    Source and deviations:
        Kingma et al. 2021, eq. 11–18, appendices H and I. 256 sigmoids in place of 1024, each
        with its own place; no Fourier features of z; data of any kind are reconstructed by
        N(z_0/alpha_0, e^gamma_0).

    Args and errors: those of `AbstractDenoising`. ``process.gamma_min``, ``process.gamma_max`` and
    ``process.width`` set the schedule, ``objective.steps`` the levels of a finite chain.
    """

    source: ClassVar[str] = "kingma2021variational"
    published: ClassVar[Published | None] = Published("VDM", False, True, DGM)

    process: LearntGaussian = LearntGaussian()  # pyright: ignore[reportCallIssue]
    target: AbstractTarget = Noise()
    objective: AbstractDenoisingObjective = LikelihoodBound()
    weight: AbstractWeight | None = None
    sampler: AbstractSampler = Ancestral()
