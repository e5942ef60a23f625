"""The exact denoiser of a finite data set: an oracle that needs no training."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Scalar, ScalarLike
from noneq.constant import Constant
from noneq.errors import InvalidInput, MissingTrait
from noneq.kinds import checked
from noneq.processes.base import AbstractDenoiser, AbstractDiffusing, AbstractProcess
from noneq.processes.field_lines import AbstractFieldLines, AbstractSourced
from noneq.processes.gaussian import Gaussian
from noneq.processes.mixtures.reach import check_reach
from noneq.traits import HasBirths, HasDenoiser


class EmpiricalDenoiser(AbstractDenoiser, HasDenoiser, HasBirths):
    """Score, flow and denoiser of p_tau(x) = mean_i k_tau(x | y_i), in closed form.

    **Equation**: D = Σ w_i y_i with w_i ∝ k_tau(x | y_i); score = ∇ ln Σ_i k_tau(x | y_i);
    dx/dtau = alpha' D + sigma' (x − alpha D)/sigma for a `Gaussian` process, Σ w_i v(x | y_i)
    for one of field lines, else the process's `velocity` of the score.

    Args:
        points: data ``(n, *event)``, in the coordinates of the process; centred, as the prior
            assumes. Time and condition are ignored.
        process: any with a kernel.

    Raises:
        InvalidInput: no points.

    Warns:
        PriorTooNarrow: a Yukawa process that ends too low for these data.

    Source: Karras et al. 2022, appendix B.3.
    """

    points: Constant
    std: Constant
    process: AbstractProcess

    def __init__(self, points: Float[Array, "n *event"], process: AbstractProcess):
        if points.ndim == 0 or points.shape[0] == 0:
            raise InvalidInput(f"points have shape {points.shape}; expected (n, *event), n ≥ 1.")
        self.points = Constant(points)
        self.std = Constant(jnp.sqrt(jnp.mean(points**2)))
        self.process = process
        check_reach(process, self.std.value)

    def denoise(
        self, x: Array, tau: ScalarLike, *, time: ScalarLike | None = None, condition: Any = None
    ) -> Array:
        """E[y | x] at clock tau."""
        weights = jax.nn.softmax(self._log_kernels(x, tau))
        return jnp.tensordot(weights, self.points.value, 1)

    @checked
    def log_prob(self, x: Array, tau: ScalarLike) -> Scalar:
        """ln p_tau(x) in nats."""
        kernels = self._log_kernels(x, tau)
        return jax.nn.logsumexp(kernels) - jnp.log(kernels.size)

    @checked
    def noisy_score(
        self, x: Array, tau: ScalarLike, *, time: ScalarLike | None = None, condition: Any = None
    ) -> Array:
        return jax.grad(self.log_prob)(x, tau)

    @checked
    def noisy_velocity(
        self, x: Array, tau: ScalarLike, *, time: ScalarLike | None = None, condition: Any = None
    ) -> Array:
        if isinstance(self.process, AbstractFieldLines):
            weights = jax.nn.softmax(self._log_kernels(x, tau))
            lines = jax.vmap(self.process.conditional_velocity, (None, 0, None))
            return jnp.tensordot(weights, lines(x, self.points.value, tau), 1)
        if isinstance(self.process, AbstractDiffusing) and not isinstance(self.process, Gaussian):
            return self.process.velocity(x, tau, self.noisy_score(x, tau))
        alpha, sigma, d_alpha, d_sigma = self.process.schedule.rates(tau)
        clean = self.denoise(x, tau)
        return d_alpha * clean + d_sigma * (x - alpha * clean) / sigma

    def birth(
        self, x: Array, tau: ScalarLike, *, time: ScalarLike | None = None, condition: Any = None
    ) -> Scalar:
        """Σ w_i b(x | y_i), for a process on whose lines particles are born.

        Raises:
            MissingTrait: any other process.
        """
        if not isinstance(self.process, AbstractSourced):
            raise MissingTrait(
                f"{type(self.process).__name__} has no births; use a process that has, as Screened, "
                "or a sampler without, as Heun."
            )
        weights = jax.nn.softmax(self._log_kernels(x, tau))
        births = jax.vmap(self.process.conditional_birth, (None, 0, None))
        return weights @ births(x, self.points.value, tau)

    def _log_kernels(self, x: Array, tau: ScalarLike) -> Float[Array, " n"]:
        return jax.vmap(lambda y: self.process.log_kernel(x, y, tau))(self.points.value)
