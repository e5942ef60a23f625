"""Law of tau in training, and the loss weight.

The weight multiplies the squared error of the noise estimate, |xi_hat − xi|²; an error of the
denoiser is (sigma/alpha) times that, one of the score 1/sigma times.
"""

from abc import abstractmethod

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar
from noneq.errors import InvalidInput
from noneq.kinds import AbstractChecked
from noneq.processes.schedules import AbstractSchedule


class AbstractWeight(AbstractChecked):
    """How often each noise level is trained and how much its error counts."""

    @abstractmethod
    def draw(
        self, n: int, schedule: AbstractSchedule, std: Scalar, *, key: Key
    ) -> Float[Array, " n"]:
        """n values of tau in [schedule.start, 1]."""

    @abstractmethod
    def __call__(self, tau: Scalar, schedule: AbstractSchedule, std: Scalar) -> Scalar:
        """Factor of |xi_hat − xi|² at tau."""


def _stratified(n: int, low: float, key: Key) -> Float[Array, " n"]:
    """Uniform on [low, 1], one point in each of n equal strata (low discrepancy)."""
    u = (jnp.arange(n) + jax.random.uniform(key, (n,))) / n
    return low + (1 - low) * u


class UnitNoise(AbstractWeight):
    """Uniform tau, weight 1: DDPM's simple loss, sigma² on the score.

    Args:
        levels: draw tau from so many equidistant values, schedule.start and 1 among them; 0
            draws from the whole interval.

    Source: Ho et al. 2020, eq. 14; Song et al. 2021, eq. 7 with lambda = sigma².
    """

    levels: int = 0

    def __check_init__(self) -> None:
        if self.levels < 0 or self.levels == 1:
            raise InvalidInput(
                f"UnitNoise: levels = {self.levels}; expected 2 or more, or 0 for all tau."
            )

    def draw(
        self, n: int, schedule: AbstractSchedule, std: Scalar, *, key: Key
    ) -> Float[Array, " n"]:
        if not self.levels:
            return _stratified(n, schedule.start, key)
        level = jnp.floor(_stratified(n, 0.0, key) * self.levels)
        share = jnp.minimum(level, self.levels - 1) / (self.levels - 1)
        return schedule.start + (1 - schedule.start) * share

    def __call__(self, tau: Scalar, schedule: AbstractSchedule, std: Scalar) -> Scalar:
        return jnp.ones_like(tau)


class Likelihood(AbstractWeight):
    """Uniform tau, weight g²/sigma²: lambda = g² on the score bounds the likelihood.

    Source: Song et al. 2021b, theorem 1.
    """

    def draw(
        self, n: int, schedule: AbstractSchedule, std: Scalar, *, key: Key
    ) -> Float[Array, " n"]:
        return _stratified(n, schedule.start, key)

    def __call__(self, tau: Scalar, schedule: AbstractSchedule, std: Scalar) -> Scalar:
        _, sigma = schedule(tau)
        return schedule.diffusion_squared(tau) / sigma**2


class UnitVelocity(AbstractWeight):
    """Uniform tau, unit weight on the error of the velocity: flow matching.

    An error e of the noise estimate is an error (sigma' − sigma alpha'/alpha) e of the velocity.

    Source: Lipman et al. 2023, eq. 14.
    """

    def draw(
        self, n: int, schedule: AbstractSchedule, std: Scalar, *, key: Key
    ) -> Float[Array, " n"]:
        return _stratified(n, schedule.start, key)

    def __call__(self, tau: Scalar, schedule: AbstractSchedule, std: Scalar) -> Scalar:
        alpha, sigma, d_alpha, d_sigma = schedule.rates(tau)
        return (d_sigma - sigma * d_alpha / jnp.maximum(alpha, 1e-6)) ** 2


class LogNormal(AbstractWeight):
    """EDM's: ln(sigma/alpha/(2 std)) ~ N(mean, spread²), unit weight on the preconditioned output.

    **Equation**: weight of the denoiser's error (sigma² + sd²)/(sigma sd)², that is
    (r² + sd²)/sd² of the noise error, r = sigma/alpha.

    Source: Karras et al. 2022, table 1; deviation: levels in units of 2 std, which is EDM's
    law at their std of 1/2.
    """

    mean: float = -1.2
    spread: float = 1.2

    def __check_init__(self) -> None:
        if not self.spread > 0:
            raise InvalidInput(f"LogNormal: spread = {self.spread}; expected > 0 (1.2 is usual).")

    def draw(
        self, n: int, schedule: AbstractSchedule, std: Scalar, *, key: Key
    ) -> Float[Array, " n"]:
        # Stratified quantiles: same law, a quieter gradient.
        quantiles = jnp.clip(_stratified(n, 0.0, key), 1e-6, 1 - 1e-6)
        log_ratio = self.mean + self.spread * jax.scipy.special.ndtri(quantiles)
        tau = jax.vmap(schedule.tau)(2 * std * jnp.exp(log_ratio))
        return jnp.clip(tau, schedule.start, 1.0)

    def __call__(self, tau: Scalar, schedule: AbstractSchedule, std: Scalar) -> Scalar:
        alpha, sigma = schedule(tau)
        return 1 + (sigma / (jnp.maximum(alpha, 1e-6) * std)) ** 2
