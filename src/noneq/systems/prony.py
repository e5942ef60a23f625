"""A trapped particle whose friction kernel is a sum of damped oscillations."""

from typing import Any

import equinox as eqx
import numpy as np

from noneq.errors import InvalidInput
from noneq.systems.base import HasEntropyProduction, HasParity
from noneq.systems.linear import AbstractSteadyLinear


def _numbers(values: Any) -> tuple[float, ...]:
    return tuple(np.asarray(values, float).reshape(-1).tolist())


class PronyLangevin(AbstractSteadyLinear, HasParity, HasEntropyProduction):
    """`MemoryLangevin` with any number of memory times. The state is (x, v, z…).

    **Equation**: x'' = −frequency² x − friction v − ∫_0^t K(t − s) v(s) ds + R + white noise,
    K(t) = Σ_k strengths_k e^{−t/times_k} cos(frequencies_k t), ⟨R(t) R(s)⟩ = kT K(|t − s|), mass 1.
    Each term is a force of the bath with a law of its own: z' = −z/time − strength v + noise, and
    where it oscillates a second number that z turns into. The covariance is diagonal:
    kT/frequency², kT and kT strength. As strengths are positive, the cosine transform of K is so at
    every frequency (passivity): without this no noise has K as its correlation.

    Args:
        frequency: of the trap.
        temperature: kT over the mass, ⟨v²⟩.
        friction: without memory.
        strengths: K's terms at t = 0, per time².
        times: memory times.
        frequencies: of the terms, angular; 0 for a plain decay.

    Raises:
        InvalidInput: numbers that are not positive (friction and frequencies may vanish), lists of
            unequal length, or no friction at all.
    """

    frequency: float = 1.0
    temperature: float = 1.0
    friction: float = 0.0
    strengths: tuple[float, ...] = eqx.field(default=(2.0,), converter=_numbers)
    times: tuple[float, ...] = eqx.field(default=(0.5,), converter=_numbers)
    frequencies: tuple[float, ...] = eqx.field(default=(0.0,), converter=_numbers)

    def __check_init__(self) -> None:
        positive = (self.frequency, self.temperature, *self.strengths, *self.times)
        least = (self.friction, *self.frequencies)
        sizes = {len(self.strengths), len(self.times), len(self.frequencies)}
        if not (np.isfinite([*positive, *least]).all() and min(positive) > 0 and min(least) >= 0):
            raise InvalidInput(
                f"PronyLangevin: {self.frequency = }, {self.temperature = }, {self.friction = }, "
                f"{self.strengths = }, {self.times = }, {self.frequencies = }; expected positive "
                "numbers (a negative strength breaks passivity: its noise does not exist)."
            )
        if len(sizes) > 1 or (not self.strengths and self.friction == 0):
            raise InvalidInput(
                f"PronyLangevin: {len(self.strengths)} strengths, {len(self.times)} times, "
                f"{len(self.frequencies)} frequencies, friction = {self.friction}; expected as many "
                "of each, and some friction."
            )

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Position, velocity, and one number for each decay, two for each oscillation."""
        return (2 + sum(1 + (w > 0) for w in self.frequencies),)

    @property
    def parity(self) -> tuple[int, ...]:
        """The velocity is odd, and so is the second number of each oscillation."""
        bath = [s for w in self.frequencies for s in ((1, -1) if w > 0 else (1,))]
        return (1, -1, *bath)

    def matrices(self) -> tuple[np.ndarray, np.ndarray]:
        """A and D of (x, v, z…)."""
        dim, kT = self.event_shape[0], self.temperature
        A, D = np.zeros((dim, dim)), np.zeros((dim, dim))
        A[0, 1], A[1, 0], A[1, 1] = -1.0, self.frequency**2, self.friction
        D[1, 1] = kT * self.friction
        i = 2
        for c, tau, w in zip(self.strengths, self.times, self.frequencies, strict=True):
            A[1, i], A[i, 1] = -1.0, c
            pair = range(i, i + 1 + (w > 0))
            for j in pair:
                A[j, j], D[j, j] = 1 / tau, kT * c / tau
            if w > 0:
                A[i, i + 1], A[i + 1, i] = -w, w
            i += len(pair)
        return A, D

    def kernel(self, times: Any) -> np.ndarray:
        """K at times (T,) ≥ 0, without the part that has no memory."""
        t = np.atleast_1d(np.asarray(times, float))[:, None]
        c, tau, w = (np.asarray(v) for v in (self.strengths, self.times, self.frequencies))
        return (c * np.exp(-t / tau) * np.cos(w * t)).sum(1)

    def entropy_production_rate(self) -> float:
        """Zero: noise and friction obey the fluctuation–dissipation theorem."""
        return 0.0
