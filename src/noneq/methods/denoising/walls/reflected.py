"""The learnt score between reflecting walls."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from noneq._typing import ScalarLike
from noneq.constant import Constant
from noneq.methods.denoising.model import AbstractDenoiser
from noneq.nets.base import AbstractNetwork
from noneq.processes.base import AbstractDiffusing


class ReflectedScore(AbstractDenoiser):
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
