"""Variance-preserving schedules in gamma = ln(sigma²/alpha²): linear, or a learnt monotone net."""

from abc import abstractmethod

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.errors import InvalidInput
from noneq.processes.schedules import AbstractSchedule, bisect


class AbstractLogSNR(AbstractSchedule):
    """alpha² = sigmoid(−gamma), sigma² = sigmoid(gamma) for a rising gamma(tau)."""

    @abstractmethod
    def gamma(self, tau: ScalarLike) -> Scalar:
        """ln(sigma²/alpha²), minus the log of the signal-to-noise ratio."""

    def __call__(self, tau: ScalarLike) -> tuple[Scalar, Scalar]:
        gamma = self.gamma(tau)
        return jnp.sqrt(jax.nn.sigmoid(-gamma)), jnp.sqrt(jax.nn.sigmoid(gamma))

    @property
    def start(self) -> float:
        return 0.0


class LinearLogSNR(AbstractLogSNR):
    """gamma = low + tau (high − low).

    Source: Kingma et al. 2021, section 5.1 and figure 4.
    """

    low: float | Float[Array, ""] = -13.3
    high: float | Float[Array, ""] = 5.0

    def __check_init__(self) -> None:
        if isinstance(self.low, float) and isinstance(self.high, float):
            check_ends("LinearLogSNR", self.low, self.high)

    def gamma(self, tau: ScalarLike) -> Scalar:
        tau = jnp.asarray(tau, dtype=float)
        return (1 - tau) * self.low + tau * self.high

    def tau(self, ratio: ScalarLike) -> Scalar:
        return (2 * jnp.log(jnp.asarray(ratio, float)) - self.low) / (self.high - self.low)


class LearntLogSNR(AbstractLogSNR):
    """gamma(tau) as a monotone network between two learnt end points.

    **Equation**: gamma = low + (high − low) (G(tau) − G(0))/(G(1) − G(0)),
    G = |a| tau + mean_k |c_k| sigmoid(|w_k| (2 tau − 1) + b_k).

    Args:
        low, high: end points at the start.
        width: number of sigmoids; 0 stays linear in tau.

    Source: Kingma et al. 2021, appendix H (1024 sigmoids there, fed with the linear part).
    """

    low: Scalar
    high: Scalar
    slope: Scalar
    steepness: Float[Array, " width"]
    shift: Float[Array, " width"]
    height: Float[Array, " width"]

    def __init__(self, low: float, high: float, width: int, *, key: Key):
        check_ends("LearntLogSNR", low, high)
        steep_key, place_key, height_key = jax.random.split(key, 3)
        self.low, self.high, self.slope = (jnp.asarray(v, dtype=float) for v in (low, high, 1.0))
        self.steepness = 6 * jax.random.normal(steep_key, (width,))
        # Steps all over [0, 1], low enough that gamma starts near a straight line.
        place = jax.random.uniform(place_key, (width,), minval=-1.0, maxval=1.0)
        self.shift = -jnp.abs(self.steepness) * place
        self.height = 0.1 * jax.random.normal(height_key, (width,))

    def gamma(self, tau: ScalarLike) -> Scalar:
        first, here, last = (self._rise(t) for t in (0.0, tau, 1.0))
        share = (here - first) / (last - first)
        return (1 - share) * self.low + share * self.high

    def tau(self, ratio: ScalarLike) -> Scalar:
        return bisect(self.gamma, 2 * jnp.log(jnp.asarray(ratio, float)))

    def _rise(self, tau: ScalarLike) -> Scalar:
        tau = jnp.asarray(tau, dtype=float)
        steps = jax.nn.sigmoid(jnp.abs(self.steepness) * (2 * tau - 1) + self.shift)
        mean = jnp.sum(jnp.abs(self.height) * steps) / max(self.height.size, 1)
        return jnp.abs(self.slope) * tau + mean


def check_ends(name: str, low: float, high: float) -> None:
    """Refuse end points of gamma that are not finite and rising.

    Raises:
        InvalidInput: naming both.
    """
    if not -float("inf") < low < high < float("inf"):
        raise InvalidInput(f"{name}: gamma runs from {low} to {high}; expected finite, rising.")
