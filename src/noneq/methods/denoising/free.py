"""The free points of the denoising product: any process, target, weight and sampler."""

import dataclasses
from typing import Any, ClassVar

from noneq.learning.loop import Training
from noneq.methods.denoising.product import AbstractDenoising
from noneq.nets.vectors.fields import MLP
from noneq.nets.vectors.gradient import Gradient
from noneq.processes.base import AbstractProcess
from noneq.processes.gaussian import Gaussian
from noneq.processes.schedules import Karras, Straight
from noneq.processes.targets import AbstractTarget, Preconditioned, Velocity
from noneq.processes.weights import AbstractWeight, LogNormal, UnitVelocity
from noneq.samplers.base import AbstractSampler
from noneq.samplers.ode import Heun


class ScoreMatching(AbstractDenoising):
    """Score of p(x, t) at all noise levels, with physical time as a further input.

    Forward process:
        x_tau = alpha(tau) y + sigma(tau) xi; any `Gaussian` schedule (VP, SubVP, VE, Karras …), a
        process of field lines (`ScaleMixture` …), as `noneq.pde.process` makes of an equation,
        `Reflected` between the walls of a box, or a process of your own.
    Learnt object:
        what the process asks for (`AbstractProcess.learnt`); for Gaussian noise the denoiser
        E[y | x_tau, t], hence the score s = (alpha D − x)/sigma².
    Objective and weight:
        ``objective``: denoising score matching, mean of weight(tau) |xi_hat − xi|² (`Denoising`),
        `ImplicitScoreMatching`, or the `LikelihoodBound`.
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
    takes_torus: ClassVar[bool] = True

    process: AbstractProcess = Gaussian(Karras())
    target: AbstractTarget = Preconditioned()
    weight: AbstractWeight | None = LogNormal(mean=-2.0)
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
    takes_torus: ClassVar[bool] = True

    process: Gaussian = Gaussian(Straight())
    target: AbstractTarget = Velocity()
    weight: AbstractWeight = UnitVelocity()
    sampler: AbstractSampler = Heun()


def curl_free() -> ScoreMatching:
    """The score that flows train for themselves if they are given none: of a small potential.

    With curl it is the score of no law, and a flow that keeps it loses the data within tens of
    turns.
    """
    return ScoreMatching(
        net=Gradient(MLP(width=96, depth=3)), training=Training(steps=4000, batch=1024, rate=3e-3)
    )


def small_denoiser(**factors: Any) -> ScoreMatching:
    """`curl_free` with some factors changed, for programs that still call ``SmallDenoiser``."""
    return dataclasses.replace(curl_free(), **factors)
