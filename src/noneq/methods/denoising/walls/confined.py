"""The learnt score in a region of any shape."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from noneq._typing import ScalarLike
from noneq.constant import Constant
from noneq.methods.denoising.denoiser import AbstractDenoiser
from noneq.nets.base import AbstractNetwork
from noneq.processes.walls.confined import Confined


_LAYER = 0.25


class ConfinedScore(AbstractDenoiser):
    """s(x, tau) = ∇ log p_tau in a region of the box [−1, 1]^dim, with n·s = 0 at its wall.

    **Equation**: s = e^{−π² sigma²/8 dim}/sigma · [F − (1 − h)(F·n) n], h = tanh(gap/width), with
    the outward normal n and the distance to the shape's wall ``gap``. The width of the layer is
    sigma, and at most a quarter of the region's depth, so that h is 1 where normals of opposite
    walls meet. The first factor bounds the score once the law is nearly uniform: no mode of a
    convex region decays slower (Payne and Weinberger 1960).

    The faces of the enclosing box are walls as well, with factors D_i = tanh((1 − x_i²)/2 width).
    In general s = (I + Σ_walls (1/h − 1) n nᵀ)^{−1} F, which is smooth also in corners between
    walls and loses at each wall the normal component only. Velocity dx/dtau = −g² s/2.

    All functions take one state. ``time`` is physical, ``tau`` the noise clock.

    Source: Lou and Ermon 2023, section 4.2; deviation: the factor follows the noise level and
    leaves the tangential components alone.
    """

    net: AbstractNetwork
    std: Constant
    process: Confined  # pyright: ignore[reportIncompatibleVariableOverride]

    def noisy_score(
        self, x: Array, tau: ScalarLike, *, time: ScalarLike | None = None, condition: Any = None
    ) -> Array:
        _, sigma = self.process.schedule(tau)
        # Standard deviation of the noised state, which ends as that of the box's uniform law.
        width = jnp.sqrt(self.std.value**2 + sigma**2 / (1 + 3 * sigma**2))
        raw = self.net(x / width, jnp.log(sigma) / 4, time, condition)
        gap, normal = self.process.walls.gap(x)
        layer = jnp.minimum(sigma, _LAYER * self.process.walls.depth)
        free, faces = jnp.tanh(gap / layer), jnp.tanh((1 - x**2) / (2 * layer))
        # Sherman and Morrison's formula, times free; the small number counts where a face touches
        # the shape.
        across = (1 - free) / (free + (1 - free) * jnp.sum(faces * normal**2) + 1e-6)
        kept = faces * (raw - across * jnp.sum(faces * normal * raw) * normal)
        return jnp.exp(-(jnp.pi**2) * sigma**2 / (8 * x.size)) / sigma * kept

    def noisy_velocity(
        self, x: Array, tau: ScalarLike, *, time: ScalarLike | None = None, condition: Any = None
    ) -> Array:
        score = self.noisy_score(x, tau, time=time, condition=condition)
        return self.process.velocity(x, tau, score)
