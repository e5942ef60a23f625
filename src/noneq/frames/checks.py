"""What models refuse of a request, and of their own answer."""

import warnings

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array

from noneq._typing import ScalarLike
from noneq.errors import InvalidInput, SolveFailed


class OutsideTraining(UserWarning):
    """A time at which the model has seen no data, before or after all that it has."""


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
        InvalidInput: no time for a model of several, or one that is not finite.
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
        _warn_outside(float(np.asarray(time)), times)
    return jnp.asarray(time, dtype=float)


def _warn_outside(time: float, times: tuple[ScalarLike, ...]) -> None:
    first, last = float(times[0]), float(times[-1])
    rounding = 1e-6 * max(last - first, abs(first), abs(last), 1e-30)
    if not first - rounding <= time <= last + rounding:
        seen = f"{first:g}" if first == last else f"{first:g} to {last:g}"
        warnings.warn(
            f"time {time:g} is outside the training data, {seen}: the answer is an "
            "extrapolation that nothing here checks.",
            OutsideTraining,
            stacklevel=4,
        )


def check_solved(samples: Array) -> Array:
    """Samples as they are, unless the solve behind them failed.

    Raises:
        SolveFailed: some are not finite (skipped under a transformation, where nothing is known).
    """
    if not isinstance(samples, Tracer) and not bool(jnp.isfinite(samples).all()):
        bad = int((~jnp.isfinite(samples)).any(axis=tuple(range(1, samples.ndim))).sum())
        raise SolveFailed(
            f"{bad} of {samples.shape[0]} samples are not finite; use a sampler with more steps."
        )
    return samples
