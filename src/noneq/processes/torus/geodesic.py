"""Straight paths on a torus: from a state to a uniform one the short way round."""

import math
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.constant import Constant
from noneq.data.summary import Summary
from noneq.nets.base import AbstractNetwork
from noneq.processes.base import AbstractPrior, AbstractProcess, AbstractRegression, Perturbed
from noneq.processes.schedules import AbstractSchedule, Straight
from noneq.processes.targets import AbstractTarget
from noneq.processes.torus.circle import wrap


class GeodesicPrior(AbstractPrior):
    """Uniform on every circle, N(0, 1) along every line."""

    period: Array

    def sample(self, shape: tuple[int, ...], *, key: Key) -> Array:
        return _noise(self.period, shape, key)

    def log_prob(self, x: Float[Array, " dim"]) -> Scalar:
        line = jax.scipy.stats.norm.logpdf(x)
        return jnp.sum(jnp.where(self.period > 0, -jnp.log(_side(self.period)), line))


class Geodesic(AbstractProcess):
    """x_tau = y + tau d, d the shortest way from y to a uniform state.

    **Equation**: on a circle of period P the way d is uniform on [−P/2, P/2] whatever y is, so
    that p_tau(x|y) = 1/(tau P) for |x − y| < tau P/2 (the short way round), uniform at tau = 1,
    and the velocity given y is d. Along a line x_tau = (1 − tau) y + tau xi.

    States are points of the line that covers each circle, as those of `Wrapped`.

    Args:
        period: ``(dim,)`` in normalised units, 0 where a coordinate is not periodic.
        schedule: the straight one.

    Source: Chen and Lipman 2024, section 3.2 (geodesics to a uniform base).
    """

    period: Constant
    schedule: AbstractSchedule = Straight()

    def perturb(self, y: Float[Array, " dim"], tau: ScalarLike, *, key: Key) -> Perturbed:
        period = self.period.value
        noise = _noise(period, y.shape, key)
        velocity = jnp.where(period > 0, noise, noise - y)
        return Perturbed(wrap(y + tau * velocity, period), velocity, None, None)

    def log_kernel(
        self, x: Float[Array, " dim"], y: Float[Array, " dim"], tau: ScalarLike
    ) -> Scalar:
        period = self.period.value
        reach = tau * _side(period)
        # At tau = 1 the farthest state is half a period away, up to rounding.
        inside = jnp.abs(wrap(x - y, period)) <= reach / 2 * (1 + 1e-5)
        circle = jnp.where(inside, -jnp.log(reach), -jnp.inf)
        line = jax.scipy.stats.norm.logpdf(x, (1 - tau) * y, tau)
        return jnp.sum(jnp.where(period > 0, circle, line))

    def prior(self, std: ScalarLike) -> GeodesicPrior:
        return GeodesicPrior(self.period.value)

    def project(self, x: Float[Array, " dim"]) -> Float[Array, " dim"]:
        return x

    def learnt(
        self, net: AbstractNetwork, summary: Summary, target: AbstractTarget, *, key: Key
    ) -> "GeodesicVelocity":
        return GeodesicVelocity(field=net, std=Constant(jnp.asarray(summary.std)), process=self)


class GeodesicVelocity(AbstractRegression):
    """u(x, tau) = E[dx/dtau | x] = c F, c the root mean square of the velocity given y.

    The flow of u carries p_tau; the law has no score, as the kernel has a sharp edge.

    All functions take one state. ``time`` is physical, ``tau`` the noise clock.

    Source: Lipman et al. 2023, theorem 2.
    """

    field: AbstractNetwork
    std: Constant
    process: Geodesic  # pyright: ignore[reportIncompatibleVariableOverride]

    def noisy_velocity(
        self, x: Array, tau: ScalarLike, *, time: ScalarLike | None = None, condition: Any = None
    ) -> Array:
        period, std = self.process.period.value, self.std.value
        alpha, sigma = self.process.schedule(tau)
        line = x / jnp.sqrt((alpha * std) ** 2 + sigma**2)
        # The level tells the width of the kernel on the widest circle.
        widest = jnp.max(period) / math.sqrt(12)
        level = jnp.log(sigma * widest / jnp.maximum(alpha, 1e-4)) / 4
        raw = self.field(jnp.where(period > 0, x, line), level, time, condition)
        speed = jnp.where(period > 0, period / math.sqrt(12), jnp.sqrt(1 + std**2))
        return speed * raw

    def residual(
        self,
        y: Array,
        noised: Perturbed,
        tau: ScalarLike,
        *,
        time: ScalarLike | None = None,
        condition: Any = None,
    ) -> tuple[Array, Scalar]:
        """u − dx/dtau given y, and 1/(sigma' − sigma alpha'/alpha)."""
        alpha, sigma, d_alpha, d_sigma = self.process.schedule.rates(tau)
        error = self.noisy_velocity(noised.x, tau, time=time, condition=condition)
        assert noised.velocity is not None  # a geodesic has one
        return error - noised.velocity, 1 / (d_sigma - sigma * d_alpha / jnp.maximum(alpha, 1e-6))


def _side(period: Array) -> Array:
    """The period, 1 along lines."""
    return jnp.where(period > 0, period, 1.0)


def _noise(period: Array, shape: tuple[int, ...], key: Key) -> Array:
    """Uniform on [−P/2, P/2] of every circle, normal along every line."""
    circle_key, line_key = jax.random.split(key)
    uniform = _side(period) * (jax.random.uniform(circle_key, shape) - 0.5)
    return jnp.where(period > 0, uniform, jax.random.normal(line_key, shape))
