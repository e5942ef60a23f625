"""Denoising models: a network that removes the noise of a process, and the model of p(x, t)."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.data.summary import Summary
from noneq.errors import InvalidInput
from noneq.models.frame import AbstractLaw, Frame
from noneq.models.normaliser import Normaliser
from noneq.models.traits import (
    HasDenoiser,
    HasLogProb,
    HasNoisyScore,
    HasNoisyVelocity,
    HasScore,
)
from noneq.nets.base import AbstractNetwork
from noneq.nets.constant import Constant
from noneq.processes.base import AbstractPrior, AbstractProcess
from noneq.processes.targets import AbstractTarget
from noneq.samplers.base import AbstractSampler


_SCORE_NOISE = 0.05
"""Noise of `DenoisingModel.score` relative to the data's standard deviation."""


class AbstractDenoiser(HasNoisyScore, HasNoisyVelocity):
    """The learnt part of a denoising model: score and flow of normalised states at every tau."""

    process: eqx.AbstractVar[AbstractProcess]
    std: eqx.AbstractVar[Constant]

    @property
    def prior(self) -> AbstractPrior:
        """Law at tau = 1."""
        return self.process.prior(self.std.value)


class Denoiser(AbstractDenoiser, HasDenoiser):
    """D(x, tau) = E[y | x_tau = x] for normalised data y, as the target reads the network.

    **Equation**: D = c_skip x + c_out F(c_in x, ln(sigma/alpha)/4, time, condition);
    score = (alpha D − x)/sigma²; velocity dx/dtau = alpha' D + sigma' (x − alpha D)/sigma.

    All functions take one state. ``time`` is physical, ``tau`` the noise clock.
    """

    net: AbstractNetwork
    std: Constant
    process: AbstractProcess
    target: AbstractTarget

    def output(
        self, x: Array, tau: ScalarLike, *, time: ScalarLike | None = None, condition: Any = None
    ) -> tuple[Array, Scalar, Scalar]:
        """Raw network output F with c_skip and c_out."""
        alpha, sigma, d_alpha, d_sigma = self.process.schedule.rates(tau)
        skip, out, inside = self.target(alpha, sigma, d_alpha, d_sigma, self.std.value)
        level = jnp.log(sigma / jnp.maximum(alpha, 1e-4)) / 4
        return self.net(inside * x, level, time, condition), skip, out

    def denoise(
        self, x: Array, tau: ScalarLike, *, time: ScalarLike | None = None, condition: Any = None
    ) -> Array:
        """E[y | x] at clock tau."""
        raw, skip, out = self.output(x, tau, time=time, condition=condition)
        return skip * x + out * raw

    def noisy_score(
        self, x: Array, tau: ScalarLike, *, time: ScalarLike | None = None, condition: Any = None
    ) -> Array:
        alpha, sigma = self.process.schedule(tau)
        clean = self.denoise(x, tau, time=time, condition=condition)
        return (alpha * clean - x) / sigma**2

    def noisy_velocity(
        self, x: Array, tau: ScalarLike, *, time: ScalarLike | None = None, condition: Any = None
    ) -> Array:
        alpha, sigma, d_alpha, d_sigma = self.process.schedule.rates(tau)
        clean = self.denoise(x, tau, time=time, condition=condition)
        return d_alpha * clean + d_sigma * (x - alpha * clean) / sigma


class DenoisingModel(AbstractLaw, HasScore, HasNoisyScore, HasNoisyVelocity, HasLogProb):
    """p(x, t) as the law that a sampler reaches by running the noise clock from 1 to 0.

    The denoiser works on vectors of normalised data; the frame keeps the shapes, units and
    domain of the user's data.

    Attributes:
        denoiser: the learnt part.
        frame: the user's side.
        sampler: how samples and likelihoods are computed; replace it freely
            (``eqx.tree_at(lambda m: m.sampler, model, ReverseSDE())``).
    """

    denoiser: AbstractDenoiser
    frame: Frame
    sampler: AbstractSampler

    def __init__(
        self,
        denoiser: AbstractDenoiser,
        sampler: AbstractSampler,
        summary: Summary,
        *,
        optional: bool = False,
    ):
        """``optional``: the denoiser also knows the law without condition."""
        self.denoiser = denoiser
        self.frame = Frame(summary, optional=optional)
        self.sampler = sampler

    @property
    def normaliser(self) -> Normaliser:
        """y = (x − shift)/scale."""
        return self.frame.normaliser

    def draw(self, n: int, *, time: Any, condition: Any, key: Key) -> Float[Array, "n dim"]:
        shape = (n, self.frame.dim)
        return self.sampler(self.denoiser, shape, time=time, condition=condition, key=key)

    def score(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> Float[Array, "*event"]:
        """∇ log p, blurred by noise of 5 % of the data's standard deviation.

        An error e of the network is an error e/sigma of the score, so that the smallest noise
        of the process would give the least blurred and the least accurate score; for another
        level call `noisy_score`.
        """
        schedule = self.denoiser.process.schedule
        tau = jnp.maximum(schedule.tau(_SCORE_NOISE * self.denoiser.std.value), schedule.start)
        return self.noisy_score(x, tau, time=time, condition=condition)

    def noisy_score(
        self,
        x: Float[Array, "*event"],
        tau: ScalarLike,
        *,
        time: ScalarLike | None = None,
        condition: Any = None,
    ) -> Float[Array, "*event"]:
        y, time, condition = self.frame.enter(x, time, condition)
        score = self.denoiser.noisy_score(y, tau, time=time, condition=condition)
        return self.normaliser.gradient(score)

    def noisy_velocity(
        self,
        x: Float[Array, "*event"],
        tau: ScalarLike,
        *,
        time: ScalarLike | None = None,
        condition: Any = None,
    ) -> Float[Array, "*event"]:
        y, time, condition = self.frame.enter(x, time, condition)
        velocity = self.denoiser.noisy_velocity(y, tau, time=time, condition=condition)
        return self.normaliser.tangent(velocity)

    def log_prob(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> Scalar:
        """log p(x | time, condition), nats, by the probability-flow ODE with exact divergence.

        **Equation**: log p_0(y) = log prior(y_1) + ∫_0^1 div v dtau, minus the log of the scale.

        Raises:
            InvalidInput: more than 64 numbers in a state (exact divergence costs one
                Jacobian product per number).

        Source: Song et al. 2021, eq. 39.
        """
        if self.normaliser.dim > 64:
            raise InvalidInput(
                f"log_prob: exact divergence in {self.normaliser.dim} dimensions is too slow; "
                "use at most 64 (--components)."
            )
        y, time, condition = self.frame.enter(x, time, condition)
        value = self.sampler.log_prob(self.denoiser, y, time=time, condition=condition)
        return value - self.normaliser.log_scale
