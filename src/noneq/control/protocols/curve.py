"""Protocols with free values: what an optimiser moves."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import ScalarLike
from noneq.errors import InvalidInput
from noneq.kinds import shown
from noneq.systems.protocols import AbstractProtocol, Protocol


class Curve(AbstractProtocol):
    """One or several parameters on straight lines between free values, with free jumps at both ends.

    **Equation**: λ(t) = λ_start before 0 and λ_end after ``duration``; between, linear on even knots with
    the values line + scale z, line from λ_start to λ_end, or low + (high − low)/(1 + e^{−z}) with
    bounds. Kicks add the pulses scale a/width over the first and −scale b/width over the last
    ``width``, of areas scale a and scale b: what inertia needs in place of jumps of the velocity.

    Args:
        start, end: (p,) values before and after, which are fixed.
        duration: of the driving.
        knots: number of free values of each parameter.
        low, high: (p,) bounds of the values between; None for none. Not with kicks.
        kick: width of the pulses; 0 for none.
        first: values (knots, p) to begin with; None is the straight line.

    Raises:
        InvalidInput: numbers that do not fit, or start and end outside the bounds.
    """

    z: Float[Array, "knots p"]
    areas: Float[Array, "2 p"] | None
    start: tuple[float, ...]
    end: tuple[float, ...]
    duration: float
    low: tuple[float, ...] | None
    high: tuple[float, ...] | None
    kick: float
    scale: tuple[float, ...]

    def __init__(
        self,
        start: Any,
        end: Any,
        duration: float,
        *,
        knots: int = 17,
        low: Any = None,
        high: Any = None,
        kick: float = 0.0,
        first: Any = None,
    ):
        self.start, self.end = _numbers(start, "start"), _numbers(end, "end")
        self.duration = float(duration)
        if not (0 < duration < float("inf") and knots >= 2 and 0 <= kick < duration / 2):
            raise InvalidInput(
                f"Curve: duration = {duration}, knots = {knots}, kick = {kick}; expected a positive "
                "time, two or more knots, and a kick shorter than half the time."
            )
        if len(self.start) != len(self.end):
            raise InvalidInput("Curve: start and end must have as many parameters.")
        if (low is None) != (high is None) or (low is not None and kick):
            raise InvalidInput("Curve: give both bounds or none, and no kicks with bounds.")
        self.low = None if low is None else _numbers(low, "low")
        self.high = None if high is None else _numbers(high, "high")
        self.kick = float(kick)
        ends = np.stack([self.start, self.end])
        if not np.isfinite(ends).all():
            raise InvalidInput(f"Curve: start = {start}, end = {end}; expected finite numbers.")
        if self.low is not None and self.high is not None:
            if not len(self.low) == len(self.high) == len(self.start):
                raise InvalidInput(
                    f"Curve: {len(self.low)} and {len(self.high)} bounds of {len(self.start)} parameters; "
                    "give one pair for each."
                )
            if not (np.asarray(self.low) < np.asarray(self.high)).all():
                raise InvalidInput(f"Curve: low = {low}, high = {high}; low must lie below high.")
            if (ends < self.low).any() or (ends > self.high).any():
                raise InvalidInput(
                    f"Curve: start = {start} or end = {end} lies outside the bounds {low} to {high}; "
                    "widen these."
                )
        size = np.abs(ends[1] - ends[0])
        self.scale = tuple(np.where(size > 0, size, np.maximum(np.abs(ends[0]), 1.0)).tolist())
        line = ends[0] + np.linspace(0, 1, knots)[:, None] * (ends[1] - ends[0])
        values = line if first is None else _rows(first, line.shape)
        if self.low is None or self.high is None:
            z = (values - line) / np.asarray(self.scale)
        else:
            share = (values - np.asarray(self.low)) / (np.asarray(self.high) - np.asarray(self.low))
            share = np.clip(share, 0.02, 0.98)
            z = np.log(share / (1 - share))
        self.z = jnp.asarray(z, float)
        self.areas = jnp.zeros((2, len(self.start))) if kick else None

    @property
    def span(self) -> tuple[float, float]:
        """0 and the duration."""
        return 0.0, self.duration

    @property
    def jumps(self) -> tuple[float, ...]:
        """Both ends, and where kicks end and begin."""
        inner = (self.kick, self.duration - self.kick) if self.kick else ()
        return (0.0, *inner, self.duration)

    @property
    def knots(self) -> tuple[float, ...]:
        """Times between which it is smooth."""
        even = np.linspace(0, self.duration, len(self.z)).tolist()
        return tuple(sorted({*even, *self.jumps}))

    @property
    def values(self) -> Float[Array, "knots p"]:
        """At the knots, kicks left out."""
        if self.low is not None and self.high is not None:
            low, high = jnp.asarray(self.low), jnp.asarray(self.high)
            return low + (high - low) * jax.nn.sigmoid(self.z)
        first, last = jnp.asarray(self.start), jnp.asarray(self.end)
        line = first + jnp.linspace(0, 1, len(self.z))[:, None] * (last - first)
        return line + jnp.asarray(self.scale) * self.z

    def __call__(self, t: ScalarLike) -> Array:
        """λ(t), after a jump at t: a number, or ``(p,)`` for several parameters."""
        t = jnp.asarray(t, float)
        return self._at(t, t < 0, t >= self.duration, t < self.kick, t >= self.duration - self.kick)

    def before(self, t: ScalarLike) -> Array:
        """λ(t−)."""
        t = jnp.asarray(t, float)
        return self._at(t, t <= 0, t > self.duration, t <= self.kick, t > self.duration - self.kick)

    def held(self, steps: int) -> Array:
        """λ in the middle of each of ``steps`` equal steps, ``(steps, …)``."""
        h = self.duration / steps
        return jax.vmap(self)((jnp.arange(steps) + 0.5) * h)

    def protocol(self, parameter: int = 0) -> Protocol:
        """One parameter as a `Protocol` of plain numbers, to simulate, plot and save."""
        times, jumps = [], set(self.jumps)
        for t in self.knots:
            times += [t, t] if t in jumps else [t]
        pick = lambda value: float(np.atleast_1d(np.asarray(value))[parameter])
        seen, values = set(), []
        for t in times:
            values.append(pick(self(t)) if t in seen or t not in jumps else pick(self.before(t)))
            seen.add(t)
        return Protocol(tuple(times), tuple(values))

    def _at(self, t: Array, early: Array, late: Array, rising: Array, falling: Array) -> Array:
        values = self.values
        place = jnp.clip(t / self.duration, 0.0, 1.0) * (len(values) - 1)
        hats = jnp.clip(1 - jnp.abs(place - jnp.arange(len(values))), 0.0)
        inside = hats @ values
        if self.areas is not None:
            pulses = jnp.asarray(self.scale) / self.kick * self.areas
            inside = inside + jnp.where(rising, pulses[0], 0.0) - jnp.where(falling, pulses[1], 0.0)
        found = jnp.where(early, jnp.asarray(self.start), inside)
        found = jnp.where(late, jnp.asarray(self.end), found)
        return found[0] if len(self.start) == 1 else found


def _numbers(given: Any, name: str) -> tuple[float, ...]:
    """One value or (p,) of them. Raises `InvalidInput` for anything else."""
    try:
        values = np.atleast_1d(np.asarray(given, float))
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"Curve: {name} = {shown(given)}; expected numbers.") from error
    if values.ndim != 1 or not values.size:
        raise InvalidInput(
            f"Curve: {name} has the shape {values.shape}; expected one number a parameter."
        )
    return tuple(values.tolist())


def _rows(given: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Values at the knots. Raises `InvalidInput` for anything else."""
    try:
        values = np.asarray(given, float)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"Curve: first = {shown(given)}; expected numbers {shape}.") from error
    if values.shape not in (shape, shape[:1] if shape[1] == 1 else shape):
        raise InvalidInput(f"Curve: first has the shape {values.shape}; expected {shape}.")
    if not np.isfinite(values).all():
        raise InvalidInput("Curve: first holds values that are not finite.")
    return values.reshape(shape)
