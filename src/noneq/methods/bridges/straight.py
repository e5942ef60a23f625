"""Straight lines, and Brownian motion between two ends."""

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.data.summary import Summary
from noneq.errors import InvalidInput
from noneq.methods.bridges.base import AbstractBridge, HasLinearReference, HasMeasure, Passage
from noneq.statistics.linear_reference import LinearReference, squared_distances


_NOISE = 0.3
"""Of a noise that is not given: its spread over a mean interval, in units of the data's."""


class Straight(AbstractBridge):
    """A straight line at constant speed, blurred by Gaussian noise of constant width.

    **Equation**: x = (1 − s) x0 + s x1 + width xi, velocity (x1 − x0)/Δ, s the phase.

    Args:
        width: standard deviation of the blur, in the unit of the states.

    Raises:
        InvalidInput: a negative width.

    Source: Tong et al. 2024, eq. 14–15 (their sigma is ``width``).
    """

    stochastic: ClassVar[bool] = False

    width: float = 0.0

    def __check_init__(self) -> None:
        if not 0 <= self.width < float("inf"):
            raise InvalidInput(f"Straight: width = {self.width}; expected 0 or more.")

    def at(
        self,
        x0: Float[Array, " dim"],
        x1: Float[Array, " dim"],
        phase: ScalarLike,
        duration: ScalarLike,
        *,
        key: Key,
    ) -> Passage:
        blur = self.width * jax.random.normal(key, x0.shape, x0.dtype)
        return Passage(x0 + phase * (x1 - x0) + blur, (x1 - x0) / duration, None, None)

    def cost(self, x0: np.ndarray, x1: np.ndarray, duration: float) -> np.ndarray:
        """|x0 − x1|² in units of a twentieth of its mean."""
        squares = squared_distances(x0, x1)
        return squares / (squares.mean() / 20 or 1.0)

    def drift(self, x: Float[Array, " dim"], time: ScalarLike) -> Float[Array, " dim"]:
        return jnp.zeros_like(x)

    def diffusion(self) -> float:
        return 0.0


class Brownian(AbstractBridge, HasMeasure, HasLinearReference):
    """Brownian motion of noise sigma, tied at both ends.

    **Equation**: x = mu + sigma √(s(1 − s)Δ) xi with mu = (1 − s) x0 + s x1;
    velocity (x1 − x0)/Δ + (1 − 2s)/(2 s (1 − s) Δ) (x − mu), score −(x − mu)/(sigma² s (1 − s) Δ).

    Args:
        sigma: noise dX = sigma dW, in the unit of the states per square root of that of time; None
            takes what spreads by 0.3 standard deviations of the data over a mean interval.

    Raises:
        InvalidInput: a sigma that is not positive.

    Source: Tong et al. 2024b, eq. 8–9.
    """

    stochastic: ClassVar[bool] = True

    sigma: float | None = None

    def __check_init__(self) -> None:
        check_noise("Brownian", self.sigma)

    def measured(self, summary: Summary) -> "Brownian":
        return Brownian(noise_of(self.sigma, summary))

    def at(
        self,
        x0: Float[Array, " dim"],
        x1: Float[Array, " dim"],
        phase: ScalarLike,
        duration: ScalarLike,
        *,
        key: Key,
    ) -> Passage:
        xi = jax.random.normal(key, x0.shape, x0.dtype)
        both = phase * (1 - phase)
        spread = self.diffusion() * jnp.sqrt(both * duration)
        velocity = (x1 - x0) / duration + (0.5 - phase) / (both * duration) * spread * xi
        return Passage(x0 + phase * (x1 - x0) + spread * xi, velocity, -xi / spread, spread)

    def cost(self, x0: np.ndarray, x1: np.ndarray, duration: float) -> np.ndarray:
        """|x0 − x1|²/(2 sigma² Δ)."""
        scale = float(self.diffusion()) * np.sqrt(2 * duration)
        return squared_distances(x0 / scale, x1 / scale)

    def drift(self, x: Float[Array, " dim"], time: ScalarLike) -> Float[Array, " dim"]:
        return jnp.zeros_like(x)

    def linear(self, dim: int) -> LinearReference:
        return LinearReference(
            np.zeros((dim, dim)), np.zeros(dim), float(self.diffusion()) ** 2 * np.eye(dim)
        )

    def diffusion(self) -> Scalar | float:
        assert self.sigma is not None
        return self.sigma


def check_noise(name: str, sigma: float | None) -> None:
    """Refuse a noise that is not positive.

    Raises:
        InvalidInput: naming the bridge.
    """
    if isinstance(sigma, float | int) and not 0 < sigma < float("inf"):
        raise InvalidInput(
            f"{name}: sigma = {sigma}; expected a positive noise (squared, sigma² Δ is the entropic "
            "regularisation). Without noise take Straight()."
        )


def noise_of(sigma: float | None, summary: Summary) -> float:
    """The noise, or what spreads by 0.3 standard deviations of the data over a mean interval."""
    if sigma is not None:
        return float(sigma)
    unit = float(np.sqrt(np.mean(np.square(summary.scale)))) * summary.std
    intervals = max(len(summary.times) - 1, 1)
    return _NOISE * unit / float(np.sqrt(summary.span / intervals or 1.0))
