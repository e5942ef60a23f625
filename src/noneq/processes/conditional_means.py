"""Learnt parts for any process: the mean of its conditional score, or of its velocity."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from noneq._typing import Scalar, ScalarLike
from noneq.constant import Constant
from noneq.errors import MissingTrait
from noneq.nets.base import AbstractNetwork
from noneq.processes.base import (
    AbstractDenoiser,
    AbstractDiffusing,
    AbstractFlowing,
    AbstractProcess,
    AbstractRegression,
    Perturbed,
)


def _read(part: Any, x: Array, tau: ScalarLike, time: Any, condition: Any) -> Array:
    """Raw output of the network, which sees x at unit variance and ln(sigma/alpha)/4."""
    alpha, sigma = part.process.schedule(tau)
    width = jnp.sqrt((alpha * part.std.value) ** 2 + sigma**2)
    level = jnp.log(sigma / jnp.maximum(alpha, 1e-4)) / 4
    return part.net(x / width, level, time, condition)


def _given(value: Array | None, part: AbstractFlowing, what: str, other: str) -> Array:
    if value is None:
        raise MissingTrait(
            f"{type(part).__name__}: {type(part.process).__name__}.perturb gives no {what}; build "
            f"{other} in its `learnt`, or give the conditional {what}."
        )
    return value


class LearntScore(AbstractDenoiser, AbstractRegression):
    """s(x, tau) = E[∇ log p_tau(x | y) | x] for a process with a noising SDE and any kernel.

    **Equation**: s = F/sigma, F of order 1 where the kernel has the width sigma; velocity by
    the process's probability flow.

    Source: Vincent 2011, eq. 9.
    """

    net: AbstractNetwork
    std: Constant
    process: AbstractDiffusing  # pyright: ignore[reportIncompatibleVariableOverride]

    def noisy_score(
        self, x: Array, tau: ScalarLike, *, time: ScalarLike | None = None, condition: Any = None
    ) -> Array:
        return _read(self, x, tau, time, condition) / self.process.schedule(tau)[1]

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
        """F − sigma ∇ log p(x | y), which is the error of the noise itself.

        Raises:
            MissingTrait: a process without conditional score.
        """
        _, sigma = self.process.schedule(tau)
        score = _given(noised.score, self, "score", "LearntVelocity")
        return _read(self, noised.x, tau, time, condition) - sigma * score, jnp.ones_like(sigma)


class LearntVelocity(AbstractRegression):
    """u(x, tau) = E[dx/dtau | x] for a process of any kernel.

    **Equation**: u = c F, c² = (alpha' sd)² + sigma'², so that F is of order 1; the flow of u
    carries the marginal law p_tau. An error e of the noise is one of
    (sigma' − sigma alpha'/alpha) e of the velocity where x = alpha y + sigma xi.

    Source: Lipman et al. 2023, theorem 2.
    """

    net: AbstractNetwork
    std: Constant
    process: AbstractProcess  # pyright: ignore[reportIncompatibleVariableOverride]

    def noisy_velocity(
        self, x: Array, tau: ScalarLike, *, time: ScalarLike | None = None, condition: Any = None
    ) -> Array:
        return self._speed(tau) * _read(self, x, tau, time, condition)

    def residual(
        self,
        y: Array,
        noised: Perturbed,
        tau: ScalarLike,
        *,
        time: ScalarLike | None = None,
        condition: Any = None,
    ) -> tuple[Array, Scalar]:
        """F − (dx/dtau given y)/c, and c/(sigma' − sigma alpha'/alpha).

        Raises:
            MissingTrait: a process without conditional velocity.
        """
        alpha, sigma, d_alpha, d_sigma = self.process.schedule.rates(tau)
        velocity = _given(noised.velocity, self, "velocity", "LearntScore")
        speed = self._speed(tau)
        raw = _read(self, noised.x, tau, time, condition)
        return raw - velocity / speed, speed / (
            d_sigma - sigma * d_alpha / jnp.maximum(alpha, 1e-6)
        )

    def _speed(self, tau: ScalarLike) -> Scalar:
        _, _, d_alpha, d_sigma = self.process.schedule.rates(tau)
        return jnp.sqrt((d_alpha * self.std.value) ** 2 + d_sigma**2)
