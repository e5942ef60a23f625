"""A denoiser of low-dimensional data that trains in a minute."""

from typing import ClassVar

from noneq.learning.loop import Training
from noneq.methods.denoising import AbstractDenoising
from noneq.nets.base import AbstractNet
from noneq.nets.fields import MLP
from noneq.nets.gradient import Gradient
from noneq.processes.gaussian import Gaussian
from noneq.processes.schedules import Karras
from noneq.processes.targets import AbstractTarget, Preconditioned
from noneq.processes.weights import AbstractWeight, LogNormal
from noneq.samplers.base import AbstractSampler
from noneq.samplers.ode import Heun


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
