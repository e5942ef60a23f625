"""Flow matching from a Gaussian with independent coupling, conditioned on physical time."""

from typing import ClassVar

from noneq.methods.denoising import AbstractDenoising
from noneq.processes.gaussian import Gaussian
from noneq.processes.schedules import Straight
from noneq.processes.targets import AbstractTarget, Velocity
from noneq.processes.weights import AbstractWeight, UnitVelocity
from noneq.samplers.base import AbstractSampler
from noneq.samplers.ode import Heun


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
