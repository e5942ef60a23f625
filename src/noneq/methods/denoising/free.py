"""The free points of the denoising product: any process, target, weight and sampler."""

from typing import ClassVar

from noneq.learning.loop import Training
from noneq.methods.denoising.product import AbstractDenoising
from noneq.nets.base import AbstractNet
from noneq.nets.vectors.fields import MLP
from noneq.nets.vectors.gradient import Gradient
from noneq.processes.base import AbstractFieldLines
from noneq.processes.gaussian import Gaussian
from noneq.processes.schedules import Karras, Straight
from noneq.processes.targets import AbstractTarget, Preconditioned, Velocity
from noneq.processes.weights import AbstractWeight, LogNormal, UnitVelocity
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


class FlowMatching(AbstractDenoising):
    """Velocity of the straight paths between a Gaussian and p(x, t).

    Forward process:
        x_tau = (1 − tau) y + tau xi: the `Straight` schedule.
    Learnt object:
        the velocity u = E[xi − y | x_tau, t] on the noise clock.
    Objective and weight:
        mean of |u_theta − (xi − y)|² over uniform tau.
    Sampling:
        the ODE dx = u dtau from tau = 1 to 0; `log_prob` by exact divergence.
    Source and deviations:
        Lipman et al. 2023, eq. 22–23 with sigma_min = 0; their t is 1 − tau; the coupling of
        noise and data is independent.

    Args and errors: those of `AbstractDenoising`.
    """

    source: ClassVar[str] = "lipman2023flow"

    process: Gaussian = Gaussian(Straight())
    target: AbstractTarget = Velocity()
    weight: AbstractWeight = UnitVelocity()
    sampler: AbstractSampler = Heun()


class SmallDenoiser(AbstractDenoising):
    """The score that other methods train for themselves if they are given none.

    Forward process:
        x = y + sigma xi (`Karras`).
    Learnt object:
        the denoiser E[y | x], by the gradient of a small perceptron: a score without curl. With curl
        it is the score of no law, and a flow that keeps it loses the data within tens of turns.
    Objective and weight:
        as `EDM`, with most draws at noise levels of .1 to 1 standard deviations of the data.
    Sampling:
        `Heun`; `log_prob` by the probability-flow ODE.
    Source and deviations:
        Karras et al. 2022; a smaller network and fewer steps, a lower law of levels.

    Args and errors: those of `AbstractDenoising`.
    """

    source: ClassVar[str] = "karras2022elucidating"

    process: Gaussian = Gaussian(Karras())
    target: AbstractTarget = Preconditioned()
    weight: AbstractWeight = LogNormal(mean=-2.0)
    sampler: AbstractSampler = Heun()
    net: AbstractNet = Gradient(MLP(width=96, depth=3))
    training: Training = Training(steps=4000, batch=1024, rate=3e-3)
