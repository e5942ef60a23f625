"""What models refuse of a request, and of their own answer."""

import os
import warnings

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array

from noneq._typing import ScalarLike
from noneq.errors import InvalidInput, SolveFailed


_FARTHEST = 1e6


class OutsideTraining(UserWarning):
    """A time or a quantity at which the model has seen no data, outside the range of all it has."""


def check_count(n: int) -> None:
    """Refuse a number of samples that is no positive integer.

    Raises:
        InvalidInput: naming the value.
    """
    if isinstance(n, bool) or int(n) != n or n < 1:
        raise InvalidInput(f"n = {n}; expected a positive whole number of samples.")


def check_time(time: ScalarLike | None, times: tuple[ScalarLike, ...]) -> ScalarLike:
    """The physical time to use: the only one of a single-time model if none is given.

    A time outside those of the training data gives the warning `OutsideTraining`.

    Raises:
        InvalidInput: no time for a model of several, or one that is not finite, or over a million
            times the span of the training data away.
    """
    if time is None:
        if len(times) == 1:
            return jnp.asarray(times[0], dtype=float)
        known = not isinstance(times[0], Tracer)
        covers = f"times {times[0]:g} to {times[-1]:g}" if known else f"{len(times)} times"
        raise InvalidInput(f"this model covers {covers}; say which with time=.")
    if not isinstance(time, Tracer) and not np.isfinite(np.asarray(time)).all():
        raise InvalidInput(f"time = {time}; expected a finite number.")
    if not isinstance(time, Tracer) and not isinstance(times[0], Tracer):
        one = np.asarray(time, np.float64).reshape(1)
        warn_outside("time", one, times[0], times[-1], 4)
    return jnp.asarray(time, dtype=float)


def warn_outside(
    name: str, values: np.ndarray, low: ScalarLike, high: ScalarLike, stacklevel: int
) -> None:
    """Warn, once for all values, of those outside the range of the training data; NaN is inside.

    Raises:
        InvalidInput: over a million times the width of the range away, where networks overflow.
    """
    first, last = float(low), float(high)
    rounding = 1e-6 * max(last - first, abs(first), abs(last), 1e-30)
    away = np.maximum(first - values, values - last)
    strange = values[away > rounding]
    if strange.size:
        seen = f"{first:g}" if first == last else f"{first:g} to {last:g}"
        more = f" and {strange.size - 1} more lie" if strange.size > 1 else " is"
        worst = values[np.nanargmax(away)]
        if np.nanmax(away) > _FARTHEST * ((last - first) or max(abs(first), 1.0)):
            raise InvalidInput(
                f"{name} {worst:g} is over a million times the range of the training data, {seen}, "
                "away; no model answers there."
            )
        warnings.warn(
            f"{name} {worst:g}{more} outside the training data, {seen}: the answer is an "
            "extrapolation that nothing here checks.",
            OutsideTraining,
            stacklevel=stacklevel,
        )


def check_steps(what: str, steps: float | int, size: int, *, most: int) -> None:
    """Refuse paths of more steps than anyone waits for, or than memory holds.

    Args:
        what: is asked for, such as ``time 1e6``.
        steps: that it takes.
        size: numbers that are kept of every step.
        most: steps that are possible.

    Raises:
        InvalidInput: naming the number of steps.
    """
    if steps > most:
        raise InvalidInput(
            f"{what} takes {steps:,.0f} steps; at most {most:,} are possible. Ask for earlier or "
            "closer times, or go on from the last states with start=."
        )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if 4 * steps * size > 0.5 * memory:
        raise InvalidInput(
            f"{what} takes {steps:,.0f} steps, which fill {4e-9 * steps * size:.1f} GB of the "
            f"{memory / 1e9:.1f} GB of this machine; ask for fewer samples or earlier times."
        )


def check_solved(
    samples: Array, *, time: ScalarLike | None = None, times: tuple[ScalarLike, ...] = ()
) -> Array:
    """Samples as they are, unless the solve behind them failed.

    Args:
        time, times: what was asked for, and the times of the training data.

    Raises:
        SolveFailed: some are not finite (skipped under a transformation, where nothing is known).
        InvalidInput: some are not finite at a time outside the training data.
    """
    if not isinstance(samples, Tracer) and not bool(jnp.isfinite(samples).all()):
        known = time is not None and times and not isinstance(times[0], Tracer)
        if known and not float(times[0]) <= float(np.asarray(time)) <= float(times[-1]):
            raise InvalidInput(
                f"time {float(np.asarray(time)):g} is outside the training data, {times[0]:g} to "
                f"{times[-1]:g}, and the model gives no finite numbers there; ask for a time inside."
            )
        bad = int((~jnp.isfinite(samples)).any(axis=tuple(range(1, samples.ndim))).sum())
        raise SolveFailed(
            f"{bad} of {samples.shape[0]} samples are not finite; use a sampler with more steps."
        )
    return samples
