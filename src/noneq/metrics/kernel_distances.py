"""Unbiased two-sample statistics of a kernel: maximum mean discrepancy and energy distance."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from noneq._typing import Key
from noneq.domains import AbstractDomain
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.metrics.comparison import Comparison, generator, pair
from noneq.metrics.pairwise import Frame, on_device, row_moments, squared_distances
from noneq.needs import metric


@metric(takes=("truth", "key"))
def mmd(
    samples: Any,
    reference: Any,
    *,
    bandwidth: float | Sequence[float] | None = None,
    domain: AbstractDomain | None = None,
    truth: Any = None,
    key: Key | None = None,
) -> Estimate:
    """Squared maximum mean discrepancy MMD² with a Gaussian kernel, per time.

    **Equation**: MMD² = E k(x,x') + E k(y,y') − 2 E k(x,y), k = mean over h of
    exp(−|x − y|²/2h²); the unbiased estimate (Gretton et al. 2012, Lemma 6). Of equal laws it
    scatters about 0, so that half of all floors are negative: a floor says by its error, not by
    its value, which distances cannot be told from 0, and a clipped one would bias `excess`. The
    standard error is that of the two-sample U-statistic with its degenerate part: right for
    different laws, too large by up to a factor 1.5 for equal ones.

    Args:
        samples, reference: `Snapshots`, `Trajectories` or an array ``(n, *event_shape)``.
        bandwidth: h, or several, in the unit of the states; None: median distance within the
            reference, over all its times (1,000 of its states).
        domain: where distances are measured; None: of the reference.
        truth: a second, independent truth sample for the floor; None: halves of the reference.
        key: for subsampling; None: ``jax.random.key(0)``.

    Returns:
        One entry per shared time (a scalar for arrays).

    Raises:
        InvalidInput: a bandwidth that is not positive, no shared time, too few samples.
        WrongType: a domain or key of the wrong kind.
    """
    comparison = pair(samples, reference, truth, domain)
    if bandwidth is None:
        widths = np.asarray([_median_distance(comparison, key)])
    else:
        widths = np.atleast_1d(np.asarray(bandwidth, np.float64))
        if widths.ndim != 1 or not (np.isfinite(widths) & (widths > 0)).all() or not widths.size:
            raise InvalidInput(f"bandwidth = {bandwidth}; expected positive numbers, or None.")

    def measure(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
        del rng
        a, b, scale = on_device(x, y)
        # Widths outside float32 serve as its ends do.
        ratio = np.clip(widths / scale, 1e-37, 1e37)
        return _statistic(_gaussian, ratio, 1.0, a, b, comparison.domain, scale)

    return comparison.estimate(measure, key=key)


@metric(takes=("truth", "key"))
def energy_distance(
    samples: Any,
    reference: Any,
    *,
    domain: AbstractDomain | None = None,
    truth: Any = None,
    key: Key | None = None,
) -> Estimate:
    """Energy distance, per time, in the unit of the states.

    **Equation**: D = 2 E|x − y| − E|x − x'| − E|y − y'| (Székely & Rizzo 2013, eq. 2.5; no
    square root, no half); the unbiased estimate, negative for half of all pairs of equal laws, and
    so is the floor. Standard error and the meaning of a negative floor as in `mmd`.

    Args:
        samples, reference, domain, truth, key: as in `mmd`.

    Returns:
        One entry per shared time (a scalar for arrays).

    Raises:
        InvalidInput, WrongType: as `mmd`.
    """
    comparison = pair(samples, reference, truth, domain)

    def measure(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
        del rng
        a, b, scale = on_device(x, y)
        none = np.zeros(1)
        value, error = _statistic(_distance, none, 0.0, a, b, comparison.domain, scale)
        return value * scale, error * scale

    return comparison.estimate(measure, key=key)


def _gaussian(squared: Array, widths: Array) -> Array:
    # The square of a width far from the data's scale may not fit in float32.
    ratio = jnp.sqrt(squared)[:, None] / widths
    return jnp.mean(jnp.exp(-(ratio**2) / 2), axis=1)


def _distance(squared: Array, widths: Array) -> Array:
    del widths
    return -jnp.sqrt(squared)


def _statistic(
    kernel: Callable[[Array, Array], Array],
    width: np.ndarray,
    diagonal: float,
    x: Frame,
    y: Frame,
    domain: AbstractDomain,
    scale: float,
) -> tuple[float, float]:
    """E k(x,x') + E k(y,y') − 2 E k(x,y) without the diagonal, and its standard error.

    The variance of the first-order terms, estimated from row means, holds the second-order
    variance twice; ``second`` takes one of them out again.
    """
    n, m = x.n, y.n
    xx, xx2 = (s - diagonal for s in row_moments(kernel, width, x, x, domain, scale))
    yy, yy2 = (s - diagonal for s in row_moments(kernel, width, y, y, domain, scale))
    xy, xy2 = row_moments(kernel, width, x, y, domain, scale)
    yx, _ = row_moments(kernel, width, y, x, domain, scale)
    xx, yy, xy, yx = xx / (n - 1), yy / (m - 1), xy / m, yx / n
    value = xx.mean() + yy.mean() - 2 * xy.mean()
    first = 4 * ((xx - xy).var(ddof=1) / n + (yy - yx).var(ddof=1) / m)
    centred = lambda square, a, b: max(
        square - np.mean(a**2) - np.mean(b**2) + np.mean(a) * np.mean(b), 0.0
    )
    second = (
        2 * centred(xx2.mean() / (n - 1), xx, xx) / n**2
        + 2 * centred(yy2.mean() / (m - 1), yy, yy) / m**2
        + 4 * centred(xy2.mean() / m, xy, yx) / (n * m)
    )
    return float(value), math.sqrt(max(first - second, second))


def _median_distance(comparison: Comparison, key: Key | None) -> float:
    """Median distance between states of the reference, pooled over the times."""
    pooled = np.concatenate(comparison.reference)
    if len(pooled) > 1000:
        pooled = generator(key).choice(pooled, 1000, replace=False)
    frame, _, scale = on_device(pooled, pooled)
    squared = squared_distances(frame, frame, comparison.domain, scale)
    distances = np.sqrt(squared[np.triu_indices(len(pooled), 1)])
    median = float(np.median(distances))
    # More than half of the states coincide: any width then serves the rest.
    return scale * (median if median > 0 else float(distances.max()) or 1.0)
