"""Origin, shift and scale of every coordinate, measured in float64 on the host."""

from typing import NamedTuple

import numpy as np

from noneq.data.base import Scaling
from noneq.data.scales.transforms import forward
from noneq.data.snapshots import Snapshots
from noneq.domains import AbstractDomain, Discrete, Free, is_periodic, periods_of
from noneq.errors import InvalidInput


_FAR = 256
"""Means of so many standard deviations are subtracted in float64: float32 has 7 digits."""


class Normalisation(NamedTuple):
    """What `normalisation` measures, one number per leading coordinate.

    Args:
        shift, scale: of y = (T(x) − shift)/scale, the origin included in the shift.
        std: standard deviation of all numbers y.
        origin: what must be subtracted in float64; empty if nothing must.
    """

    shift: np.ndarray
    scale: np.ndarray
    std: float
    origin: tuple[float, ...]


def normalisation(data: Snapshots) -> Normalisation:
    """Mean and spread of free coordinates (1 for a constant one), centre and half-width of bounded
    ones, circular mean and spread of periodic ones; 0 and 1 of discrete ones.

    Raises:
        InvalidInput: coordinates that are neither free nor discrete, or transformed, whose numbers
            float32 cannot tell apart.
    """
    axes = (0, *range(2, data.values.ndim))
    values, width = data.values.astype(np.float64), np.ptp(data.values, axis=axes)
    if data.transform:
        values = forward(data.transform, values, axis=1)
        width = np.ptp(values, axis=axes)
    mean, spread = _location(values, axes, data.scaling)
    circles = {
        i: (*circular(values[:, i], period), period)
        for i, period in enumerate(circles_of(data.domain, data.event_shape))
        if period
    }
    return settled(Location(mean, spread, width, circles), data.transform, data.domain)


class Location(NamedTuple):
    """Where the transformed numbers of each leading coordinate lie.

    Args:
        mean, spread: mean and standard deviation, or what `Scaling` takes for them.
        width: highest minus lowest.
        circles: circular mean, spread around it and period of periodic coordinates, by their place.
    """

    mean: np.ndarray
    spread: np.ndarray
    width: np.ndarray
    circles: dict[int, tuple[float, float, float]]


def settled(found: Location, transform: tuple[str, ...], domain: AbstractDomain) -> Normalisation:
    """`normalisation` of numbers that were measured.

    Raises:
        InvalidInput: as `normalisation`.
    """
    mean, spread, width, circles = found
    own = np.array([not word for word in transform or ("",) * mean.size])
    # Only what is free and not transformed is centred before float32.
    centred = own & isinstance(domain, Free)
    origin: tuple[float, ...] = ()
    if isinstance(domain, Discrete):
        shift, scale = np.zeros_like(mean), np.ones_like(mean)
    elif domain.bounds is None:
        constant = width <= 8 * np.finfo(width.dtype).eps * np.abs(mean)
        far = ~constant & centred & (np.abs(mean) > _FAR * spread)
        _refuse_lost(mean, spread, ~constant & ~centred)
        if far.any():
            origin = tuple(np.where(far | (constant & centred), mean, 0.0).tolist())
        shift, scale = mean, _scales(mean, spread, constant, width.dtype if origin else np.float32)
    else:
        shift, scale = enclosing(domain, mean.size)
        _refuse_lost(shift, scale, np.ones(mean.size, bool))
    spread = spread.copy()
    for i, (middle, around, period) in circles.items():
        shift[i], spread[i] = middle, around
        scale[i] = around if around > 1e-6 * period else period / 2
    std = float(np.sqrt(np.mean((spread / scale) ** 2)))
    return Normalisation(shift, scale, std if std > 0 else 1.0, origin)


def _location(
    values: np.ndarray, axes: tuple[int, ...], scaling: Scaling
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation; or the median and 0.741 interquartile ranges, which is the
    standard deviation of a Gaussian. A coordinate with equal quartiles keeps its own."""
    mean, spread = values.mean(axis=axes), values.std(axis=axes)
    if scaling == "std":
        return mean, spread
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75], axis=axes)
    return middle, np.where(high > low, 0.7413 * (high - low), spread)


def _refuse_lost(mean: np.ndarray, spread: np.ndarray, where: np.ndarray) -> None:
    """Refuse coordinates whose numbers lie so close together that float32 cannot tell them apart."""
    lost = where & (spread < 32 * np.finfo(np.float32).eps * np.abs(mean))
    if lost.any():
        i = int(np.argmax(lost))
        raise InvalidInput(
            f"coordinate number {i} is {mean[i]:.10g} ± {spread[i]:.2g}; models compute in float32, "
            f"which cannot tell its values apart. Subtract {mean[i]:.6g} (command line: --read "
            f"origin=NAME:{mean[i]:.6g})."
        )


def _scales(
    mean: np.ndarray, spread: np.ndarray, constant: np.ndarray, precision: np.dtype | type
) -> np.ndarray:
    """Standard deviations; a constant coordinate gets one far below its value, and stays constant.

    Args:
        precision: that samples will have.
    """
    least = np.min(spread, where=~constant, initial=1.0)
    own = np.where(mean == 0, least, np.abs(mean)) * np.finfo(precision).eps
    return np.where(constant, own, spread)


def circles_of(domain: AbstractDomain, event_shape: tuple[int, ...]) -> list[float]:
    """The period of each leading coordinate, 0 where not all its numbers have the same."""
    if not is_periodic(domain):
        return []
    rows = periods_of(domain, event_shape).reshape(event_shape[0], -1)
    return [float(row[0]) if (row == row[0]).all() else 0.0 for row in rows]


def circular(x: np.ndarray, period: float) -> tuple[float, float]:
    """Circular mean of numbers of a period, and the standard deviation the short way round."""
    turn = 2 * np.pi / period
    mean = np.angle(np.mean(np.exp(1j * turn * x))) / turn
    away = x - mean - period * np.round((x - mean) / period)
    return float(mean + away.mean()), float(away.std())


def enclosing(domain: AbstractDomain, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Centre and half-width per leading coordinate of a bounded domain."""
    low, high = (np.broadcast_to(b, (count,)) for b in domain.bounds or ())
    return (low + high) / 2, (high - low) / 2
