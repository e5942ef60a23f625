"""Scalar maps of the noise clock: x_tau = alpha(tau) y + sigma(tau) xi.

tau = 0 is data, tau = 1 is prior. Drift f = (ln alpha)' x and diffusion
g² = (sigma²)' − 2 (ln alpha)' sigma² follow from the pair.
"""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from noneq._typing import Scalar, ScalarLike
from noneq.errors import InvalidInput
from noneq.kinds import AbstractChecked
from noneq.traced import AbstractUntraced


class AbstractSchedule(AbstractChecked):
    """A pair (alpha, sigma) of functions of tau in [0, 1]."""

    @abstractmethod
    def __call__(self, tau: ScalarLike) -> tuple[Scalar, Scalar]:
        """(alpha, sigma) at tau."""

    @abstractmethod
    def tau(self, ratio: ScalarLike) -> Scalar:
        """The inverse: tau at which sigma/alpha = ratio."""

    @property
    @abstractmethod
    def start(self) -> float:
        """Smallest tau that samplers go to and scores are trained at."""

    def rates(self, tau: ScalarLike) -> tuple[Scalar, Scalar, Scalar, Scalar]:
        """(alpha, sigma, d alpha/d tau, d sigma/d tau)."""
        tau = jnp.asarray(tau, dtype=float)
        (alpha, sigma), (d_alpha, d_sigma) = jax.jvp(self.__call__, (tau,), (jnp.ones_like(tau),))
        return alpha, sigma, d_alpha, d_sigma

    def drift(self, tau: ScalarLike) -> Scalar:
        """a(tau) of the noising SDE dx = a x dtau + g dW: a = alpha'/alpha."""
        alpha, _, d_alpha, _ = self.rates(tau)
        return d_alpha / alpha

    def diffusion_squared(self, tau: ScalarLike) -> Scalar:
        """g(tau)² = 2 sigma sigma' − 2 sigma² alpha'/alpha."""
        alpha, sigma, d_alpha, d_sigma = self.rates(tau)
        return 2 * sigma * (d_sigma - sigma * d_alpha / alpha)


def _check_levels(name: str, low: float, high: float) -> None:
    if not 0 < low < high < float("inf"):
        raise InvalidInput(
            f"{name}: smallest level {low}, largest {high}; expected 0 < smallest < largest."
        )


def bisect(rising: Callable[[Scalar], Scalar], value: ScalarLike) -> Scalar:
    """tau in [0, 1] at which a rising function takes a value, to rounding."""

    def halve(_: Any, bracket: tuple[Scalar, Scalar]) -> tuple[Scalar, Scalar]:
        low, high = bracket
        middle = (low + high) / 2
        below = rising(middle) < value
        return jnp.where(below, middle, low), jnp.where(below, high, middle)

    ends = (jnp.zeros_like(value, dtype=float), jnp.ones_like(value, dtype=float))
    low, high = jax.lax.fori_loop(0, 40, halve, ends)
    return (low + high) / 2


class VP(AbstractSchedule):
    """Variance preserving, beta(tau) = beta_min + tau (beta_max − beta_min).

    **Equation**: ln alpha = −tau²(b1 − b0)/4 − tau b0/2, sigma² = 1 − alpha².

    Source: Song et al. 2021, eq. 33 (ours: tau in [1e-3, 1]).
    """

    beta_min: float = 0.1
    beta_max: float = 20.0

    def __check_init__(self) -> None:
        _check_levels("VP", self.beta_min, self.beta_max)

    def __call__(self, tau: ScalarLike) -> tuple[Scalar, Scalar]:
        log_alpha = self.log_alpha(tau)
        return jnp.exp(log_alpha), jnp.sqrt(-jnp.expm1(2 * log_alpha))

    def tau(self, ratio: ScalarLike) -> Scalar:
        # alpha = 1/sqrt(1 + ratio²): solve the quadratic −ln alpha = a tau² + b tau.
        return self.tau_of_log_alpha(-0.5 * jnp.log1p(jnp.square(ratio)))

    def tau_of_log_alpha(self, log_alpha: ScalarLike) -> Scalar:
        """Inverse of ln alpha(tau)."""
        return _tau_of_log_alpha(self, log_alpha)

    @property
    def start(self) -> float:
        return 1e-3

    def log_alpha(self, tau: ScalarLike) -> Scalar:
        """ln alpha(tau), exact also where alpha rounds to 1."""
        return _log_alpha(self, tau)


class SubVP(AbstractSchedule):
    """Sub-variance preserving: the alpha of `VP`, sigma = 1 − alpha².

    Source: Song et al. 2021, eq. 12 and 29.
    """

    beta_min: float = 0.1
    beta_max: float = 20.0

    def __check_init__(self) -> None:
        _check_levels("SubVP", self.beta_min, self.beta_max)

    def __call__(self, tau: ScalarLike) -> tuple[Scalar, Scalar]:
        log_alpha = _log_alpha(self, tau)
        return jnp.exp(log_alpha), -jnp.expm1(2 * log_alpha)

    def tau(self, ratio: ScalarLike) -> Scalar:
        # (1 − alpha²)/alpha = r: alpha = (sqrt(r² + 4) − r)/2, ln alpha = −asinh(r/2).
        return _tau_of_log_alpha(self, -jnp.arcsinh(jnp.asarray(ratio, float) / 2))

    @property
    def start(self) -> float:
        return 1e-3


def _log_alpha(schedule: VP | SubVP, tau: ScalarLike) -> Scalar:
    tau = jnp.asarray(tau, dtype=float)
    low, high = schedule.beta_min, schedule.beta_max
    return -(tau**2) * (high - low) / 4 - tau * low / 2


def _tau_of_log_alpha(schedule: VP | SubVP, log_alpha: ScalarLike) -> Scalar:
    a, b = (schedule.beta_max - schedule.beta_min) / 4, schedule.beta_min / 2
    return -2 * jnp.asarray(log_alpha) / (b + jnp.sqrt(b * b - 4 * a * log_alpha))


class DiscreteVP(AbstractSchedule, AbstractUntraced):
    """DDPM's levels: alpha² = Π_{j ≤ i} (1 − beta_j) at tau = i/steps, smooth in between.

    beta_j rises linearly from beta_min (j = 1) to beta_max (j = steps); −ln alpha² between two
    levels is the monotone cubic of Fritsch and Butland, so that the velocity is continuous.

    Args:
        steps: number T of levels.
        beta_min, beta_max: variance of the noise that the first and the last step add.

    Source: Ho et al. 2020, eq. 4 and section 4.
    """

    steps: int = 1000
    beta_min: float = 1e-4
    beta_max: float = 0.02

    def __check_init__(self) -> None:
        _check_levels("DiscreteVP", self.beta_min, self.beta_max)
        if self.steps < 2 or not self.beta_max < 1:
            raise InvalidInput(
                f"DiscreteVP: steps = {self.steps}, beta_max = {self.beta_max}; expected at least "
                "2 steps and beta_max < 1."
            )

    def __call__(self, tau: ScalarLike) -> tuple[Scalar, Scalar]:
        decay = self._decay(tau)
        return jnp.exp(-decay / 2), jnp.sqrt(-jnp.expm1(-decay))

    def tau(self, ratio: ScalarLike) -> Scalar:
        return bisect(self._decay, jnp.log1p(jnp.square(ratio)))

    @property
    def start(self) -> float:
        return 1 / self.steps

    def _decay(self, tau: ScalarLike) -> Scalar:
        """−ln alpha²."""
        rise = -np.log1p(-np.linspace(self.beta_min, self.beta_max, self.steps))
        level = np.concatenate([[0.0], np.cumsum(rise)])
        # Harmonic means keep the cubic monotone.
        slope = np.concatenate([rise[:1], 2 / (1 / rise[1:] + 1 / rise[:-1]), rise[-1:]])
        place = jnp.asarray(tau, dtype=float) * self.steps
        i = jnp.clip(jnp.floor(place).astype(int), 0, self.steps - 1)
        h = place - i
        at = lambda table, i: jnp.asarray(table, dtype=float)[i]
        bend = (1 - h) * at(slope, i) - h * at(slope, i + 1)
        return at(level, i) + h**2 * (3 - 2 * h) * at(rise, i) + h * (1 - h) * bend


class VE(AbstractSchedule):
    """Variance exploding, geometric: alpha = 1, sigma = sigma_min (sigma_max/sigma_min)^tau.

    Data at tau = 0 count as already blurred by sigma_min. Levels are in units of the
    normalised data.

    Source: Song et al. 2021, eq. 30.
    """

    sigma_min: float = 0.002
    sigma_max: float = 50.0

    def __check_init__(self) -> None:
        _check_levels("VE", self.sigma_min, self.sigma_max)

    def __call__(self, tau: ScalarLike) -> tuple[Scalar, Scalar]:
        tau = jnp.asarray(tau, dtype=float)
        return jnp.ones_like(tau), self.sigma_min * (self.sigma_max / self.sigma_min) ** tau

    def tau(self, ratio: ScalarLike) -> Scalar:
        return jnp.log(jnp.asarray(ratio, float) / self.sigma_min) / jnp.log(
            self.sigma_max / self.sigma_min
        )

    @property
    def start(self) -> float:
        return 0.0


class Karras(AbstractSchedule):
    """EDM's levels: alpha = 1, sigma^(1/rho) linear in tau from sigma_min to sigma_max.

    Source: Karras et al. 2022, eq. 5 (the discrete levels read as a continuous schedule; the
    final step to sigma = 0 is the sampler's).
    """

    sigma_min: float = 0.002
    sigma_max: float = 80.0
    rho: float = 7.0

    def __check_init__(self) -> None:
        _check_levels("Karras", self.sigma_min, self.sigma_max)
        if not self.rho > 0:
            raise InvalidInput(f"Karras: rho = {self.rho}; expected > 0 (7 is usual).")

    def __call__(self, tau: ScalarLike) -> tuple[Scalar, Scalar]:
        tau = jnp.asarray(tau, dtype=float)
        low, high = self._roots()
        return jnp.ones_like(tau), (low + tau * (high - low)) ** self.rho

    def tau(self, ratio: ScalarLike) -> Scalar:
        low, high = self._roots()
        return (jnp.asarray(ratio, float) ** (1 / self.rho) - low) / (high - low)

    @property
    def start(self) -> float:
        return 0.0

    def _roots(self) -> tuple[Any, Any]:
        return self.sigma_min ** (1 / self.rho), self.sigma_max ** (1 / self.rho)


class Cosine(AbstractSchedule):
    """alpha = cos(pi tau/2), sigma = sin(pi tau/2).

    Source: Nichol and Dhariwal 2021, eq. 17 without its offset.
    """

    def __call__(self, tau: ScalarLike) -> tuple[Scalar, Scalar]:
        tau = jnp.asarray(tau, dtype=float)
        # The cosine as a sine: cos(pi/2) rounds to a negative alpha at tau = 1.
        return jnp.sin(0.5 * jnp.pi * (1 - tau)), jnp.sin(0.5 * jnp.pi * tau)

    def tau(self, ratio: ScalarLike) -> Scalar:
        return jnp.arctan(jnp.asarray(ratio, float)) * (2 / jnp.pi)

    @property
    def start(self) -> float:
        return 1e-3


class Straight(AbstractSchedule):
    """alpha = 1 − tau, sigma = tau: the straight path of flow matching.

    Source: Lipman et al. 2023, eq. 22 with sigma_min = 0 (their t is 1 − tau).
    """

    def __call__(self, tau: ScalarLike) -> tuple[Scalar, Scalar]:
        tau = jnp.asarray(tau, dtype=float)
        return 1.0 - tau, tau

    def tau(self, ratio: ScalarLike) -> Scalar:
        ratio = jnp.asarray(ratio, float)
        return ratio / (1 + ratio)

    @property
    def start(self) -> float:
        return 1e-3
