"""Brownian motion on a torus, with lines as further coordinates, and the score that is learnt of it."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.constant import Constant
from noneq.data.summary import Summary
from noneq.nets.base import AbstractNetwork
from noneq.processes.base import AbstractDiffusing, AbstractPrior, AbstractRegression, Perturbed
from noneq.processes.denoiser import AbstractTweedie
from noneq.processes.schedules import AbstractSchedule
from noneq.processes.targets import AbstractTarget
from noneq.processes.torus.circle import log_normal, normal_score, slowest, wrap
from noneq.traced import AbstractUntraced


class Until(AbstractSchedule, AbstractUntraced):
    """Another schedule up to the clock ``end``, which becomes 1."""

    schedule: AbstractSchedule
    end: float

    def __call__(self, tau: ScalarLike) -> tuple[Scalar, Scalar]:
        return self.schedule(jnp.asarray(tau, float) * self.end)

    def tau(self, ratio: ScalarLike) -> Scalar:
        return self.schedule.tau(ratio) / self.end

    @property
    def start(self) -> float:
        return self.schedule.start / self.end


class WrappedPrior(AbstractPrior):
    """N(0, scale² I), wrapped where the period is not 0: uniform once scale exceeds the period."""

    scale: Scalar
    period: Array

    def sample(self, shape: tuple[int, ...], *, key: Key) -> Array:
        return wrap(self.scale * jax.random.normal(key, shape), self.period)

    def log_prob(self, x: Float[Array, " dim"]) -> Scalar:
        return jnp.sum(log_normal(x, self.scale, self.period))


class Wrapped(AbstractDiffusing):
    """x = y + sigma xi, modulo the period of every coordinate that has one.

    **Equation**: dx = sqrt((sigma²)') dW; the kernel is a product of wrapped normal laws
    (`log_normal`), and of normal ones along lines.

    States are points of the line that covers each circle: every function of them is periodic, so
    that `project` changes nothing, and it is the data's domain that brings a draw back.

    Args:
        period: ``(dim,)`` in normalised units, 0 where a coordinate is not periodic.
        schedule: with alpha = 1.
    """

    period: Constant
    schedule: AbstractSchedule

    def perturb(self, y: Float[Array, " dim"], tau: ScalarLike, *, key: Key) -> Perturbed:
        _, sigma = self.schedule(tau)
        noise = sigma * jax.random.normal(key, y.shape, y.dtype)
        x = wrap(y + noise, self.period.value)
        score = normal_score(noise, sigma, self.period.value)
        return Perturbed(x, self.velocity(x, tau, score), score, None)

    def log_kernel(
        self, x: Float[Array, " dim"], y: Float[Array, " dim"], tau: ScalarLike
    ) -> Scalar:
        return jnp.sum(log_normal(x - y, self.schedule(tau)[1], self.period.value))

    def prior(self, std: ScalarLike) -> WrappedPrior:
        scale = jnp.sqrt(self.schedule(1.0)[1] ** 2 + jnp.square(std))
        return WrappedPrior(scale, self.period.value)

    def project(self, x: Float[Array, " dim"]) -> Float[Array, " dim"]:
        return x

    def learnt(
        self, net: AbstractNetwork, summary: Summary, target: AbstractTarget, *, key: Key
    ) -> "WrappedScore":
        return WrappedScore(field=net, std=Constant(jnp.asarray(summary.std)), process=self)


class WrappedScore(AbstractTweedie, AbstractRegression):
    """s(x, tau) = ∇ log p_tau on a torus, as what is left of the score of a wrapped normal law.

    **Equation**: s = s_0 + a sd/(sigma w) F, w² = sigma² + sd², with s_0 the score of the wrapped
    normal law of variance w² and a what the noise leaves of the slowest mode (1 on a line). For a
    period far above w this is EDM's preconditioning. D = x + sigma² s lies on the line that
    covers the circle, next to x.

    All functions take one state. ``time`` is physical, ``tau`` the noise clock.

    Source: Karras et al. 2022, table 1, for the line; De Bortoli et al. 2022, section 3, for
    Brownian motion on a compact manifold.
    """

    field: AbstractNetwork
    std: Constant
    process: Wrapped  # pyright: ignore[reportIncompatibleVariableOverride]

    def denoise(
        self, x: Array, tau: ScalarLike, *, time: ScalarLike | None = None, condition: Any = None
    ) -> Array:
        """x + sigma² s: E[y | x] on a line, and on a circle where sigma is small."""
        _, sigma = self.process.schedule(tau)
        return x + sigma**2 * self._score(x, sigma, time, condition)

    def residual(
        self,
        y: Array,
        noised: Perturbed,
        tau: ScalarLike,
        *,
        time: ScalarLike | None = None,
        condition: Any = None,
    ) -> tuple[Array, Scalar]:
        """s − ∇ log p(x | y), and sigma."""
        assert noised.score is not None  # a wrapped process has one
        _, sigma = self.process.schedule(tau)
        return self._score(noised.x, sigma, time, condition) - noised.score, sigma

    def _score(self, x: Array, sigma: Scalar, time: Any, condition: Any) -> Array:
        period, std = self.process.period.value, self.std.value
        width = jnp.sqrt(sigma**2 + std**2)
        seen = jnp.where(period > 0, x, x / width)
        raw = self.field(seen, jnp.log(sigma) / 4, time, condition)
        return normal_score(x, width, period) + slowest(sigma, period) * std / (sigma * width) * raw
