"""Fractional noise: its covariance, a trap in it, and your own drift in it."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Numbers, ScalarLike
from noneq.domains import AbstractDomain, Free
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.systems.given_functions import AbstractOwn, check_shape, positive_step, start_of
from noneq.systems.non_markov import AbstractFractional
from noneq.systems.one_state import of_state
from noneq.systems.time_functions import of_time


def fractional_covariance(lags: Numbers, hurst: float) -> np.ndarray:
    """Covariance of fractional Gaussian noise, the increments of B^H over one unit of time.

    **Equation**: γ(k) = ½(|k + 1|^{2H} − 2|k|^{2H} + |k − 1|^{2H}); γ(0) = 1.

    Args:
        lags: (K,), in steps.
        hurst: H, between 0 and 1.

    Raises:
        InvalidInput: H outside (0, 1).

    Source: Mandelbrot and Van Ness 1968.
    """
    check_hurst(hurst, "fractional_covariance")
    k, power = np.abs(np.atleast_1d(np.asarray(lags, float))), 2 * hurst
    return 0.5 * ((k + 1) ** power - 2 * k**power + np.abs(k - 1) ** power)


def check_hurst(hurst: float, name: str) -> None:
    """Refuse an exponent for which there is no noise."""
    if not 0 < hurst < 1:
        raise InvalidInput(
            f"{name}: hurst = {hurst}; expected a number between 0 and 1 (1/2 is white noise)."
        )


class FractionalTrap(AbstractFractional):
    """A harmonic trap in fractional noise, the fractional Ornstein–Uhlenbeck process.

    **Equation**: dX = −rate X dt + strength dB^H, with ⟨(B^H_t)²⟩ = t^{2H}. The stationary variance
    is strength² Γ(2H + 1)/(2 rate^{2H}). Paths run ten relaxation times before the first recorded one.

    Args:
        hurst: H; ½ is the Ornstein–Uhlenbeck process of diffusivity strength²/2.
        rate: of the trap.
        strength: of the noise, length per time^H.

    Raises:
        InvalidInput: H outside (0, 1), a rate or a strength that is not positive.

    Source: Cheridito, Kawaguchi and Maejima 2003.
    """

    hurst: float = 0.7  # pyright: ignore[reportAssignmentType,reportIncompatibleMethodOverride,reportIncompatibleVariableOverride]
    rate: float = 1.0
    strength: float = 1.0

    def __check_init__(self) -> None:
        check_hurst(self.hurst, "FractionalTrap")
        if not (self.rate > 0 and self.strength > 0 and math.isfinite(self.rate + self.strength)):
            raise InvalidInput(
                f"FractionalTrap: rate = {self.rate}, strength = {self.strength}; expected finite "
                "numbers > 0."
            )

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(1,)."""
        return (1,)

    @property
    def domain(self) -> Free:
        """The line."""
        return Free()

    @property
    def time_step(self) -> float:
        """0.005/rate: for small H, noise changes much within a step."""
        return 0.005 / self.rate

    @property
    def rest(self) -> float:
        """Ten relaxation times."""
        return 10.0 / self.rate

    def stationary_variance(self) -> float:
        """strength² Γ(2H + 1)/(2 rate^{2H})."""
        return (
            self.strength**2 * math.gamma(2 * self.hurst + 1) / (2 * self.rate ** (2 * self.hurst))
        )

    @checked
    def initial(self, key: Key) -> Float[Array, "1"]:
        """N(0, stationary variance), without the correlation with the noise to come."""
        return math.sqrt(self.stationary_variance()) * jax.random.normal(key, (1,))

    @of_state
    def drift(self, t: ScalarLike, x: Float[Array, "1"]) -> Float[Array, "1"]:
        """−rate x."""
        return -self.rate * x

    def noise(self) -> Array:
        """strength."""
        return jnp.asarray(self.strength)


class Fractional(AbstractOwn, AbstractFractional):
    """A system of your own drift in fractional noise.

    **Equation**: dX = drift(t, X) dt + noise dB^H.

    Args:
        drift: a function of ``(t, x)`` or of ``x`` alone, in ``jax.numpy``.
        noise: B, constant: a number, one number per coordinate, or a matrix ``(dim, m)``.
        hurst: H, between 0 and 1.
        time_step: internal step of a simulation; a hundredth of the fastest relaxation time or less.
        initial: a state at which all paths start, or a function of a random key that draws one.
        shape: of a state; need not be said if ``initial`` is given.
        domain: where the states live.
        rest: time that paths run before the first recorded one, so that they forget their start.

    Raises:
        InvalidInput: neither ``initial`` nor ``shape``, H outside (0, 1), a step that is not positive,
            a negative rest, or a function whose result has another shape.
    """

    _drift: Callable[..., Any]
    _noise: Callable[..., Any]
    _hurst: float
    _initial: Callable[[Key], Any] | None
    _shape: tuple[int, ...]
    _domain: AbstractDomain
    _step: float | None
    _rest: float

    def __init__(
        self,
        drift: Callable[..., Any],
        noise: Any,
        hurst: float,
        *,
        time_step: float,
        initial: Any = None,
        shape: int | tuple[int, ...] | None = None,
        domain: AbstractDomain = Free(),
        rest: float = 0.0,
    ):
        check_hurst(hurst, "Fractional")
        if callable(noise):
            raise InvalidInput(
                "Fractional: noise is a function; expected numbers (noise that depends on the state "
                "would need a calculus of its own)."
            )
        self._initial, self._shape = start_of(initial, shape, "Fractional")
        self._drift = of_time(drift, "Fractional: drift")
        self._noise = of_time(noise, "Fractional: noise")
        self._hurst, self._domain = float(hurst), domain
        self._step, self._rest = positive_step(time_step, "Fractional"), rest_of(rest, "Fractional")
        check_shape("Fractional: drift", self._drift, self._shape, self._shape)
        check_shape("Fractional: noise", self._noise, self._shape, None)

    @property
    def hurst(self) -> float:
        """As given."""
        return self._hurst

    @property
    def rest(self) -> float:
        """As given."""
        return self._rest

    def drift(self, t: ScalarLike, x: Float[Array, "*event"]) -> Float[Array, "*event"]:
        """As given."""
        return self._drift(t, x)

    def noise(self) -> Array:
        """As given."""
        return self._noise(0.0, jnp.zeros(self._shape))


def rest_of(rest: float, name: str) -> float:
    """The time before the first recorded one, if it is one."""
    if not 0 <= rest < math.inf:
        raise InvalidInput(f"{name}: rest = {rest}; expected a time ≥ 0.")
    return float(rest)
