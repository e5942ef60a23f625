"""Delayed response: a linear trap whose force comes late, and your own drift with a delay."""

import cmath
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, ScalarLike
from noneq.domains import AbstractDomain, Free
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.systems.fractional import rest_of
from noneq.systems.given_functions import AbstractOwn, check_shape, positive_step, start_of
from noneq.systems.non_markov import AbstractDelayed
from noneq.systems.one_state import of_state
from noneq.systems.time_functions import of_time


_RELAXATIONS = 8.0
"""Of the slowest mode, that paths run before they are recorded."""


class LinearDelay(AbstractDelayed):
    """A linear feedback, part of which acts late.

    **Equation**: dX = [−rate X(t) − feedback X(t − delay)] dt + √(2 diffusivity) dW. The stationary
    variance is diffusivity (l + b sin lτ)/(l (a + b cos lτ)) with l = √(b² − a²) of a = rate,
    b = feedback, τ = delay (sinh and cosh where a > |b|). Too long a delay makes the feedback
    oscillate with growing amplitude, and there is no stationary law.

    Args:
        rate: a, of the part that acts at once.
        feedback: b, of the part that acts late.
        delay: τ.
        diffusivity: of the white noise.

    Raises:
        InvalidInput: a delay or a diffusivity that is not positive, or no stationary law.

    Source: Küchler and Mensch, Stochastics 40, 23 (1992).
    """

    rate: float = 0.0
    feedback: float = 1.0
    delay: float = 1.0  # pyright: ignore[reportAssignmentType,reportIncompatibleMethodOverride,reportIncompatibleVariableOverride]
    diffusivity: float = 1.0

    def __check_init__(self) -> None:
        numbers = (self.rate, self.feedback, self.delay, self.diffusivity)
        if not (np.isfinite(numbers).all() and self.delay > 0 and self.diffusivity > 0):
            raise InvalidInput(
                f"LinearDelay: rate = {self.rate}, feedback = {self.feedback}, delay = {self.delay}, "
                f"diffusivity = {self.diffusivity}; expected finite numbers, the last two > 0."
            )
        if not self.slowest() > 0:
            raise InvalidInput(
                f"LinearDelay: rate = {self.rate}, feedback = {self.feedback}, delay = {self.delay} "
                "have no stationary law; expected rate + feedback > 0 and a short enough delay."
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
        """A fiftieth of the delay, or of the fastest rate if that is shorter."""
        fastest = abs(self.rate) + abs(self.feedback)
        return 0.02 * min(self.delay, 1 / fastest if fastest > 0 else self.delay)

    @property
    def rest(self) -> float:
        """Eight relaxation times of the slowest mode."""
        return _RELAXATIONS / self.slowest()

    def slowest(self) -> float:
        """Rate at which the slowest mode decays; negative if it grows.

        **Equation**: −Re λ of the rightmost root of λ + a + b e^{−λτ} = 0,
        λ = W_0(−b τ e^{aτ})/τ − a.
        """
        from scipy.special import lambertw

        grown = -self.feedback * self.delay * math.exp(min(self.rate * self.delay, 700.0))
        return float(self.rate - lambertw(grown).real / self.delay)

    def stationary_variance(self) -> float:
        """⟨X²⟩; see the equation."""
        a, b, tau = self.rate, self.feedback, self.delay
        l = cmath.sqrt(b * b - a * a)
        share = tau if abs(l) * tau < 1e-6 else cmath.sin(l * tau) / l
        return self.diffusivity * ((1 + b * share) / (a + b * cmath.cos(l * tau))).real

    @checked
    def initial(self, key: Key) -> Float[Array, "1"]:
        """N(0, stationary variance), the same at all times before."""
        return math.sqrt(self.stationary_variance()) * jax.random.normal(key, (1,))

    @of_state
    def drift(
        self, t: ScalarLike, x: Float[Array, "1"], past: Float[Array, "1"]
    ) -> Float[Array, "1"]:
        """−rate x − feedback past."""
        return -self.rate * x - self.feedback * past

    def diffusion(self, t: ScalarLike, x: Float[Array, "1"]) -> Array:
        """√(2 diffusivity)."""
        return jnp.sqrt(jnp.asarray(2 * self.diffusivity, x.dtype))


class Delayed(AbstractOwn, AbstractDelayed):
    """A system of your own drift with a delay.

    **Equation**: dX = drift(X(t), X(t − delay)) dt + noise(X) dW, in the sense of Itô.

    Args:
        drift: a function of ``(x, past)``, or of ``(t, x, past)`` where ``timed`` is true, in
            ``jax.numpy``.
        noise: B: a function of ``(t, x)`` or of ``x`` alone, or constant: a number, one number per
            coordinate, or a matrix ``(dim, m)``.
        delay: time after which a state acts.
        time_step: internal step of a simulation; a fiftieth of the fastest relaxation time or less.
        initial: a state at which all paths start, or a function of a random key that draws one;
            before its start a path is taken to have stood there.
        shape: of a state; need not be said if ``initial`` is given.
        domain: where the states live.
        rest: time that paths run before the first recorded one, so that they forget their start.
        timed: whether the drift takes the time.

    Raises:
        InvalidInput: neither ``initial`` nor ``shape``, a delay or step that is not positive, a
            negative rest, or a function whose result has another shape.
    """

    _drift: Callable[..., Any]
    _noise: Callable[..., Any]
    _delay: float
    _initial: Callable[[Key], Any] | None
    _shape: tuple[int, ...]
    _domain: AbstractDomain
    _step: float | None
    _rest: float

    def __init__(
        self,
        drift: Callable[..., Any],
        noise: Any,
        delay: float,
        *,
        time_step: float,
        initial: Any = None,
        shape: int | tuple[int, ...] | None = None,
        domain: AbstractDomain = Free(),
        rest: float = 0.0,
        timed: bool = False,
    ):
        if not 0 < delay < math.inf:
            raise InvalidInput(f"Delayed: delay = {delay}; expected a time > 0.")
        self._initial, self._shape = start_of(initial, shape, "Delayed")
        whole = drift if timed else lambda t, x, past: drift(x, past)
        self._drift = lambda t, x, past: jnp.asarray(whole(t, x, past), x.dtype)
        self._noise = of_time(noise, "Delayed: noise")
        self._delay, self._domain = float(delay), domain
        self._step, self._rest = positive_step(time_step, "Delayed"), rest_of(rest, "Delayed")
        both = lambda t, x: self._drift(t, x, x)
        check_shape("Delayed: drift", both, self._shape, self._shape)
        check_shape("Delayed: noise", self._noise, self._shape, None)

    @property
    def delay(self) -> float:
        """As given."""
        return self._delay

    @property
    def rest(self) -> float:
        """As given."""
        return self._rest

    def drift(
        self, t: ScalarLike, x: Float[Array, "*event"], past: Float[Array, "*event"]
    ) -> Float[Array, "*event"]:
        """As given."""
        return self._drift(t, x, past)

    def diffusion(self, t: ScalarLike, x: Float[Array, "*event"]) -> Array:
        """As given."""
        return self._noise(t, x)
