"""Flow matching from a Gaussian with independent coupling, conditioned on physical time."""

from typing import ClassVar

from noneq.methods.denoising import AbstractDenoising
from noneq.nets.fields import MLP
from noneq.processes.gaussian import Gaussian
from noneq.processes.schedules import Straight
from noneq.processes.targets import AbstractTarget, Velocity
from noneq.processes.weights import AbstractWeight, UnitVelocity
from noneq.samplers.base import AbstractSampler
from noneq.samplers.ode import Heun
from noneq.training import Training


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

    Args:
        process, target, weight, net, sampler, training: factors of the denoising product.
        time_band: highest frequency of the time features, per unit time; None takes the
            measured `Summary.time_band`.
    """

    source: ClassVar[str] = "lipman2023flow"

    process: Gaussian = Gaussian(Straight())
    target: AbstractTarget = Velocity()
    weight: AbstractWeight = UnitVelocity()
    net: MLP = MLP()
    time_band: float | None = None
    sampler: AbstractSampler = Heun()
    training: Training = Training(steps=20_000)
