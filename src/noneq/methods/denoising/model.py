"""Denoising models of p(x, t): the score, and the noising that belongs to it."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.data.summary import Summary
from noneq.frames.frame import Frame
from noneq.kinds import checked
from noneq.methods.denoising.flow_law import AbstractFlowLaw, FlowLaw
from noneq.processes.base import AbstractDenoiser, AbstractFlowing
from noneq.samplers.base import AbstractSampler
from noneq.traits import HasNoising, HasScore


_SCORE_NOISE = 0.05
"""Noise of `DenoisingModel.score` relative to the data's standard deviation."""


class DenoisingModel(AbstractFlowLaw, HasScore, HasNoising):
    """A law reached by a flow (`AbstractFlowLaw`) whose learnt part has a score as well."""

    denoiser: AbstractDenoiser  # pyright: ignore[reportIncompatibleVariableOverride]
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
        self.denoiser = denoiser  # pyright: ignore[reportIncompatibleVariableOverride]
        self.frame = Frame(summary, optional=optional)
        self.sampler = sampler

    @checked
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

    @checked
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
        return self.normaliser.gradient(score, x)

    def noising(
        self, x: Float[Array, "*event"], tau: ScalarLike
    ) -> tuple[Float[Array, "*event"], Float[Array, "*event"]]:
        schedule = self.denoiser.process.schedule
        drift = schedule.drift(tau) * self.normaliser.forward(x)
        g = jnp.sqrt(jnp.maximum(schedule.diffusion_squared(tau), 0.0)) * jnp.ones_like(drift)
        tangent, ito = self.normaliser.tangent, self.normaliser.ito(g, x)
        return tangent(drift, x) + ito, tangent(g, x)

    def noised(
        self, x: Float[Array, "*event"], tau: ScalarLike, *, key: Key
    ) -> Float[Array, "*event"]:
        y = self.denoiser.process.perturb(self.normaliser.forward(x), tau, key=key).x
        return self.normaliser.inverse(y)

    def noise_clock(self, ratio: ScalarLike) -> Scalar:
        schedule = self.denoiser.process.schedule
        return jnp.clip(schedule.tau(ratio * self.denoiser.std.value), schedule.start, 1.0)


def law_of(
    part: AbstractFlowing, sampler: AbstractSampler, summary: Summary, *, optional: bool
) -> DenoisingModel | FlowLaw:
    """The law that a learnt part makes: with a score where the part has one."""
    kind = DenoisingModel if isinstance(part, AbstractDenoiser) else FlowLaw
    return kind(part, sampler, summary, optional=optional)  # pyright: ignore[reportArgumentType]
