"""The learnt part of a Gaussian process: score and flow at every tau from the denoiser."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from noneq._typing import Scalar, ScalarLike
from noneq.constant import Constant
from noneq.nets.base import AbstractNetwork
from noneq.processes.base import AbstractDenoiser, AbstractProcess, AbstractRegression, Perturbed
from noneq.processes.targets import AbstractTarget
from noneq.traits import HasDenoiser


class AbstractTweedie(AbstractDenoiser, HasDenoiser):
    """Score and flow of a Gaussian process read off its denoiser D = E[y | x].

    **Equation**: score = (alpha D − x)/sigma²; dx/dtau = alpha' D + sigma' (x − alpha D)/sigma,
    which is regular at alpha = 0.

    Source: Efron 2011, eq. 2.8; Karras et al. 2022, eq. 3.
    """

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


class Denoiser(AbstractTweedie, AbstractRegression):
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
        return self.net(inside * x, self.level(tau), time, condition), skip, out

    def level(self, tau: ScalarLike) -> Scalar:
        """ln(sigma/alpha)/4, what the network is told of the noise."""
        alpha, sigma = self.process.schedule(tau)
        return jnp.log(sigma / jnp.maximum(alpha, 1e-4)) / 4

    def residual(
        self,
        y: Array,
        noised: Perturbed,
        tau: ScalarLike,
        *,
        time: ScalarLike | None = None,
        condition: Any = None,
    ) -> tuple[Array, Scalar]:
        """F − (y − c_skip x)/c_out, and alpha c_out/sigma."""
        raw, skip, out = self.output(noised.x, tau, time=time, condition=condition)
        return raw - (y - skip * noised.x) / out, self.gain(tau)

    def gain(self, tau: ScalarLike) -> Scalar:
        """Error of the noise estimate for one of the raw output: alpha c_out/sigma."""
        alpha, sigma, d_alpha, d_sigma = self.process.schedule.rates(tau)
        out = self.target(alpha, sigma, d_alpha, d_sigma, self.std.value).out
        # alpha = 0 is met by weights that diverge there.
        return jnp.maximum(alpha, 1e-6) * out / sigma

    def denoise(
        self, x: Array, tau: ScalarLike, *, time: ScalarLike | None = None, condition: Any = None
    ) -> Array:
        """E[y | x] at clock tau."""
        raw, skip, out = self.output(x, tau, time=time, condition=condition)
        return skip * x + out * raw
