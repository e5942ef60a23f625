"""Brownian motion between reflecting walls: the box [−1, 1]^dim, with its exact heat kernel."""

import math
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.constant import Constant
from noneq.data.summary import Summary
from noneq.errors import InvalidInput
from noneq.nets.base import AbstractNetwork
from noneq.processes.base import (
    AbstractDenoiser,
    AbstractDiffusing,
    AbstractPrior,
    AbstractRegression,
    Perturbed,
)
from noneq.processes.schedules import VE, AbstractSchedule
from noneq.processes.targets import AbstractTarget


_MOST_SIGNAL = 1e-3
_SWITCH = 0.1
_IMAGES, _MODES = 2, 10


class UniformPrior(AbstractPrior):
    """The uniform law on [−1, 1]^dim."""

    def sample(self, shape: tuple[int, ...], *, key: Key) -> Array:
        return jax.random.uniform(key, shape, minval=-1.0, maxval=1.0)

    def log_prob(self, x: Float[Array, "*event"]) -> Scalar:
        inside = jnp.all(jnp.abs(x) <= 1.0)
        return jnp.where(inside, -x.size * math.log(2.0), -jnp.inf)


class Reflected(AbstractDiffusing):
    """Brownian motion in the box [−1, 1]^dim, which the normaliser makes of any `Box`.

    **Equation**: x_tau = fold(y + sigma xi), fold(x) the position after reflections at ±1. Its
    kernel is a product over coordinates: with u = (x + 1)/2, v = (y + 1)/2, t = sigma²/8

    p(x|y) = ½ (4πt)^{−½} Σ_k [e^{−(u−v+2k)²/4t} + e^{−(u+v+2k)²/4t}]
           = ½ [1 + 2 Σ_k e^{−k²π²t} cos kπu cos kπv];

    five images below t = 0.1 and ten modes above are exact to rounding (1e-14 in float64).

    Args:
        schedule: noise levels in units of half the box, with alpha = 1 (`VE` or `Karras`).

    Raises:
        InvalidInput: a schedule that shrinks the state, or whose last level leaves more than
            1e-3 of the slowest mode, e^{−π² sigma²/8}: the prior is uniform.

    Source: Lou and Ermon 2023, section 3 and appendix B; deviation: levels from a `VE` schedule.
    """

    schedule: AbstractSchedule = VE(0.01, 3.0)

    def __check_init__(self) -> None:
        check_levels("Reflected", self.schedule)

    def perturb(self, y: Float[Array, "*event"], tau: ScalarLike, *, key: Key) -> Perturbed:
        _, sigma = self.schedule(tau)
        x = fold(y + sigma * jax.random.normal(key, y.shape, y.dtype))
        score = kernel_score(x, y, sigma)
        return Perturbed(x, self.velocity(x, tau, score), score, None)

    def log_kernel(
        self, x: Float[Array, "*event"], y: Float[Array, "*event"], tau: ScalarLike
    ) -> Scalar:
        """log p_tau(x | y) in nats."""
        return jnp.sum(log_kernel(x, y, self.schedule(tau)[1]))

    def prior(self, std: ScalarLike) -> UniformPrior:
        return UniformPrior()

    def project(self, x: Float[Array, "*event"]) -> Float[Array, "*event"]:
        return fold(x)

    def learnt(
        self, net: AbstractNetwork, summary: Summary, target: AbstractTarget, *, key: Key
    ) -> "ReflectedScore":
        return ReflectedScore(net=net, std=Constant(jnp.asarray(summary.std)), process=self)


class ReflectedScore(AbstractDenoiser, AbstractRegression):
    """s(x, tau) = ∇ log p_tau in the box [−1, 1]^dim, with no flux through the walls.

    **Equation**: s_i = tanh((1 − x_i²)/2 sigma) e^{−π² sigma²/8} F_i/sigma; the first factor
    vanishes at the walls over a layer of width sigma, the second is the slowest mode, which
    bounds the score once the law is nearly uniform. Velocity dx/dtau = −g² s/2.

    All functions take one state. ``time`` is physical, ``tau`` the noise clock.

    Source: Lou and Ermon 2023, section 4.2; deviation: their factor x(1 − x) on [0, 1] is not
    1 away from the walls, which a small network must undo at every noise level.
    """

    net: AbstractNetwork
    std: Constant
    process: AbstractDiffusing  # pyright: ignore[reportIncompatibleVariableOverride]

    def noisy_score(
        self, x: Array, tau: ScalarLike, *, time: ScalarLike | None = None, condition: Any = None
    ) -> Array:
        _, sigma = self.process.schedule(tau)
        # Standard deviation of the noised state, which ends as that of the uniform law.
        width = jnp.sqrt(self.std.value**2 + sigma**2 / (1 + 3 * sigma**2))
        raw = self.net(x / width, jnp.log(sigma) / 4, time, condition)
        walls = jnp.tanh((1 - x**2) / (2 * sigma))
        return walls * jnp.exp(-(jnp.pi**2) * sigma**2 / 8) / sigma * raw

    def noisy_velocity(
        self, x: Array, tau: ScalarLike, *, time: ScalarLike | None = None, condition: Any = None
    ) -> Array:
        score = self.noisy_score(x, tau, time=time, condition=condition)
        return self.process.velocity(x, tau, score)

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
        assert noised.score is not None  # a reflected process has one
        score = self.noisy_score(noised.x, tau, time=time, condition=condition)
        return score - noised.score, self.process.schedule(tau)[1]


def check_levels(name: str, schedule: AbstractSchedule) -> None:
    """Refuse levels that do not end in the uniform law of the box.

    Raises:
        InvalidInput: naming the signal that is left.
    """
    alpha, sigma = (float(value) for value in schedule(1.0))
    if alpha != 1.0:
        raise InvalidInput(
            f"{name}: {type(schedule).__name__} shrinks the state; between walls it only diffuses. "
            "Use VE or Karras."
        )
    signal = math.exp(-(math.pi**2) * sigma**2 / 8)
    if signal > _MOST_SIGNAL:
        raise InvalidInput(
            f"{name}: terminal signal too high: {signal:.2g} of the slowest mode is left at tau = 1 "
            f"(sigma = {sigma:g} half widths of the box); the uniform prior needs at most "
            f"{_MOST_SIGNAL:g}. Set sigma_max to 3 or more."
        )


def fold(x: Array) -> Array:
    """Each coordinate after reflections at −1 and 1."""
    # What is inside stays as it is, to the last bit.
    return jnp.where(jnp.abs(x) <= 1.0, x, 1.0 - jnp.abs(2.0 - jnp.mod(x + 1.0, 4.0)))


def log_kernel(x: Array, y: Array, sigma: ScalarLike) -> Array:
    """log p(x|y) of every coordinate on its own."""
    u, v, t = _unit(x, y, sigma)
    few = jnp.minimum(t, _SWITCH)
    exponents = -(_distances(u, v) ** 2) / (4 * few)
    near = jax.nn.logsumexp(exponents, axis=0) - 0.5 * jnp.log(4 * jnp.pi * few)
    far = jnp.log(_modes(u, v, jnp.maximum(t, _SWITCH))[0])
    return jnp.where(t < _SWITCH, near, far) - math.log(2.0)


def kernel_score(x: Array, y: Array, sigma: ScalarLike) -> Array:
    """∂ log p(x|y)/∂x of every coordinate."""
    u, v, t = _unit(x, y, sigma)
    few = jnp.minimum(t, _SWITCH)
    distances = _distances(u, v)
    weights = jax.nn.softmax(-(distances**2) / (4 * few), axis=0)
    near = -jnp.sum(weights * distances, axis=0) / (2 * few)
    total, slope = _modes(u, v, jnp.maximum(t, _SWITCH))
    return jnp.where(t < _SWITCH, near, slope / total) / 2


def _unit(x: Array, y: Array, sigma: ScalarLike) -> tuple[Array, Array, Scalar]:
    """Coordinates on [0, 1] and the time t = sigma²/2 there."""
    return (x + 1) / 2, (y + 1) / 2, jnp.square(jnp.asarray(sigma, x.dtype)) / 8


def _distances(u: Array, v: Array) -> Array:
    """Signed distances of u to all images of v: period 2, both signs."""
    shift = 2.0 * jnp.arange(-_IMAGES, _IMAGES + 1, dtype=u.dtype).reshape(-1, *(1,) * u.ndim)
    return jnp.concatenate([u - v + shift, u + v + shift])


def _modes(u: Array, v: Array, t: Scalar) -> tuple[Array, Array]:
    """The cosine series and its derivative in u."""
    k = jnp.pi * jnp.arange(1, _MODES + 1, dtype=u.dtype).reshape(-1, *(1,) * u.ndim)
    amplitudes = 2 * jnp.exp(-(k**2) * t) * jnp.cos(k * v)
    total = 1 + jnp.sum(amplitudes * jnp.cos(k * u), axis=0)
    return total, -jnp.sum(amplitudes * k * jnp.sin(k * u), axis=0)
