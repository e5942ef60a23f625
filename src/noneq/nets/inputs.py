"""What a network is told beside the state: physical time and the condition."""

import math

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import ScalarLike
from noneq.constant import Constant
from noneq.data.summary import Summary
from noneq.errors import InvalidInput
from noneq.kinds import AbstractChecked
from noneq.nets.features import harmonics


_PERIOD = 1.25
_MOST_HARMONICS = 100_000
"""Above this the compiler gives up with an abort, which nothing can catch."""


class Clock(AbstractChecked):
    """Physical time as network input: (t − start)/span scaled to [−1, 1], and its harmonics.

    The period of the harmonics is a quarter longer than the span, so that the last time does
    not look like the first.

    Args:
        start, span: of the training times.
        count: harmonics k/period, k = 1..count; the highest frequency is count/period.
    """

    start: Constant
    span: Constant
    count: int = eqx.field(static=True)

    def __init__(self, summary: Summary, band: float | None):
        """``band`` overrides the measured `Summary.time_band` (frequency per unit time)."""
        band = summary.time_band if band is None else band
        if not (band >= 0 and math.isfinite(band)):
            raise InvalidInput(
                f"time_band = {band}; expected a finite frequency ≥ 0 per unit time."
            )
        span = summary.span if summary.span > 0 else 1.0
        if band * span > _MOST_HARMONICS:
            raise InvalidInput(
                f"time_band = {band:g} over a span of {span:g} makes {band * span:.2g} harmonics; "
                f"expected at most {_MOST_HARMONICS:,}. Choose a lower band."
            )
        self.start = Constant(jnp.asarray(summary.times[0]))
        self.span = Constant(jnp.asarray(span))
        self.count = math.ceil(band * _PERIOD * span - 1e-6) if len(summary.times) > 1 else 0

    @property
    def size(self) -> int:
        """Number of features."""
        return 1 + 2 * self.count

    def __call__(self, time: ScalarLike) -> Float[Array, " size"]:
        phase = (time - self.start.value) / self.span.value
        return jnp.concatenate([(2 * phase - 1)[None], harmonics(phase / _PERIOD, self.count)])


class Label(AbstractChecked):
    """A condition as network input.

    A quantity c becomes ((c − shift)/scale, 1), a category the row of the identity matrix that
    belongs to it. NaN means "not given" and becomes zeros, which neither can be.

    Args:
        shift, scale: mean and standard deviation of each column.
        levels: categories of each column, ``()`` for a quantity.
    """

    shift: Constant
    scale: Constant
    levels: tuple[tuple[int, ...], ...] = eqx.field(static=True)

    def __init__(
        self,
        shift: tuple[float, ...],
        scale: tuple[float, ...],
        levels: tuple[tuple[int, ...], ...],
    ):
        self.shift, self.scale = Constant(jnp.asarray(shift)), Constant(jnp.asarray(scale))
        self.levels = levels

    @property
    def size(self) -> int:
        """Number of features."""
        return sum(len(levels) or 2 for levels in self.levels)

    def __call__(self, condition: Float[Array, " columns"]) -> Float[Array, " size"]:
        condition = jnp.asarray(condition, dtype=float).reshape(len(self.levels))
        given = ~jnp.isnan(condition)
        scaled = jnp.where(given, (condition - self.shift.value) / self.scale.value, 0.0)
        blocks = [
            (condition[i] == jnp.asarray(levels)).astype(scaled.dtype)
            if levels
            else jnp.stack([scaled[i], given[i].astype(scaled.dtype)])
            for i, levels in enumerate(self.levels)
        ]
        return jnp.concatenate(blocks)


def clock_of(summary: Summary, band: float | None = None) -> Clock | None:
    """The clock of data with this summary; None for data of a single time."""
    return Clock(summary, band) if len(summary.times) > 1 else None


def label_of(summary: Summary) -> Label | None:
    """The condition of data with this summary; None if there is none."""
    if not summary.condition_dim:
        return None
    return Label(summary.condition_shift, summary.condition_scale, summary.condition_levels)
