"""Extremes of a time series: maxima of blocks, return times, and generalised extreme values."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from noneq._typing import Numbers
from noneq.data.trajectories import Trajectories
from noneq.errors import InvalidInput, SolveFailed
from noneq.estimate import Estimate
from noneq.inference.rare.membership import refuse_no_number
from noneq.needs import observable


_FEWEST = 20
_HALF_CHI2 = 1.920729
"""Half of the 95 % quantile of χ² with one degree of freedom."""
_FLAT = 1e-6
"""Shape below which the law is Gumbel's."""


@dataclass(frozen=True, eq=False)
class ExtremeLaw:
    """A generalised extreme-value law fitted to maxima of blocks.

    **Equation**: P(max ≤ a) = exp(−[1 + ξ (a − μ)/s]^{−1/ξ}), exp(−e^{−(a − μ)/s}) at ξ = 0.

    Attributes:
        location, scale, shape: μ, s and ξ, errors from the curvature of the likelihood.
        intervals: 95 % intervals of the three by profile likelihood, ``(3, 2)``.
        block: duration of a block.
        maxima: that were fitted.
    """

    location: Estimate
    scale: Estimate
    shape: Estimate
    intervals: np.ndarray
    block: float
    maxima: np.ndarray

    def __str__(self) -> str:
        (low, high) = self.intervals[2]
        return (
            f"ExtremeLaw(location {self.location}, scale {self.scale}, shape {self.shape.value:.3g} "
            f"in [{low:.3g}, {high:.3g}])"
        )

    @property
    def parameters(self) -> np.ndarray:
        """(μ, s, ξ)."""
        return np.array([float(e.value) for e in (self.location, self.scale, self.shape)])

    def exceedance(self, level: Numbers) -> np.ndarray:
        """P(max of a block > level)."""
        return np.asarray(-np.expm1(-_exponent(np.asarray(level, float), self.parameters)))

    def return_time(self, level: Numbers) -> np.ndarray:
        """r(a) = −block/ln P(max ≤ a), the mean time between exceedances of a level."""
        with np.errstate(divide="ignore"):
            return np.asarray(self.block / _exponent(np.asarray(level, float), self.parameters))

    def return_level(self, time: float) -> tuple[float, float, float]:
        """The level that is exceeded once in such a time: value, and its 95 % interval by profile.

        Raises:
            InvalidInput: a time that is not positive.
        """
        if not 0 < time < float("inf"):
            raise InvalidInput(f"return_level: time = {time}; expected a positive time.")
        ratio = time / self.block
        # The law by its level z in place of μ: μ = z − s (ratio^ξ − 1)/ξ.
        of = lambda p: np.array([p[0] - p[1] * _growth(ratio, p[2]), p[1], p[2]])
        mu, scale, shape = self.parameters
        level = mu + scale * _growth(ratio, shape)
        loss = lambda p: _loss(of(p), self.maxima)
        low, high = _profile(loss, np.array([level, scale, shape]), 0, scale)
        return float(level), low, high


@observable("trajectories", more=("block",), number=False)
def block_maxima(
    trajectories: Trajectories,
    block: float,
    *,
    of: Callable[[Any], Any] | None = None,
    noise: float = 0.0,
    seed: int = 0,
) -> np.ndarray:
    """Largest value of an observable in every block of every trajectory.

    Args:
        trajectories: recorded at even times or not; `sample_paths` of a model, `simulate`, or data.
        block: duration of a block, longer than the memory of the observable. The rest of a
            trajectory is left out.
        of: a function of one state; None takes the first coordinate.
        noise: amplitude B of the observable's noise per √time, of a diffusion in continuous time: the
            maximum between two frames is then drawn from a Brownian bridge,
            ½(x + x' + √((x' − x)² + 2 B² dt E)), E exponential; 0 takes the frames alone.
        seed: of these draws.

    Returns:
        ``(maxima,)``.

    Raises:
        InvalidInput: a block that is not positive or longer than the record, or missing frames.
    """
    times = np.asarray(trajectories.times, np.float64)
    length = times[-1] - times[0]
    longest = np.diff(times).max() if len(times) > 1 else np.inf
    if not longest <= block <= length * (1 + 1e-9) or not 0 <= noise < float("inf"):
        raise InvalidInput(
            f"block_maxima: block = {block:g}, noise = {noise:g}; expected a duration within the "
            f"record of {length:.4g}, of one frame interval or more, and an amplitude ≥ 0."
        )
    if trajectories.mask is not None and not trajectories.observed.all():
        raise InvalidInput("block_maxima: frames are missing; a maximum may lie among them.")
    states = np.asarray(trajectories.values)
    if of is None:
        values = states.reshape(*states.shape[:2], -1)[..., 0].astype(np.float64)
    else:
        refuse_no_number(of, states.shape[2:], "block_maxima: an observable")
        found = jax.vmap(jax.vmap(lambda x: jnp.asarray(of(x))))(jnp.asarray(states))
        values = np.asarray(found, np.float64)
    before, after = values[:, :-1], values[:, 1:]
    draws = np.random.default_rng(seed).exponential(size=before.shape) if noise else 0.0
    spread = 2 * noise**2 * np.diff(times) * draws
    peaks = (before + after + np.sqrt((after - before) ** 2 + spread)) / 2
    place = np.floor((times[:-1] - times[0]) / block * (1 + 1e-12) + 1e-9).astype(int)
    count = int(np.floor(length / block + 1e-9))
    starts = np.searchsorted(place, np.arange(count))
    whole = peaks[:, : np.searchsorted(place, count)]
    return np.maximum.reduceat(whole, starts, axis=1).ravel()


@observable("values", more=("level", "block"))
def return_time(maxima: Numbers, level: float, block: float) -> Estimate:
    """Mean time between exceedances of a level, from maxima of independent blocks.

    **Equation**: r(a) = −block/ln(1 − P(max ≥ a)), which is right also where blocks hold several
    exceedances, counted as one if they follow each other.

    Returns:
        The time, its error by the binomial one of P. Where no block exceeds the level it is a lower
        bound, −block/ln(1 − 3/n) at 95 %.

    Raises:
        InvalidInput: no maxima, a level that every block exceeds, or a block that is not positive.

    Source: Lestang et al. 2018, eq. 5.
    """
    values = _maxima(maxima, "return_time", 2)
    if not (np.isfinite(level) and 0 < block < float("inf")):
        raise InvalidInput(f"return_time: level = {level}, block = {block}; expected numbers, > 0.")
    n, hits = len(values), int((values >= level).sum())
    if hits == n:
        raise InvalidInput(
            f"return_time: every block reaches {level:g}; take shorter blocks or a higher level."
        )
    if hits == 0:
        least = -block / np.log1p(-min(3.0 / n, 0.999))
        note = (f"none of {n} blocks reaches {level:g}",)
        return Estimate(
            np.asarray(least), np.asarray(np.inf), np.asarray(n), bound="lower", notes=note
        )
    p = hits / n
    value = -block / np.log1p(-p)
    slope = value**2 / (block * (1 - p))
    return Estimate(np.asarray(value), np.asarray(slope * np.sqrt(p * (1 - p) / n)), np.asarray(n))


@observable("values", more=("block",), number=False)
def extreme_law(maxima: Numbers, block: float = 1.0) -> ExtremeLaw:
    """The generalised extreme-value law of maxima by maximum likelihood.

    Args:
        maxima: of independent blocks, at least 20.
        block: duration of a block.

    Raises:
        InvalidInput: too few maxima, or all the same.
        SolveFailed: the likelihood has no maximum.

    Source: Coles 2001, chapter 3.
    """
    values = _maxima(maxima, "extreme_law", _FEWEST)
    if not 0 < block < float("inf"):
        raise InvalidInput(f"extreme_law: block = {block}; expected a positive time.")
    spread = values.std()
    if not spread > 0:
        raise InvalidInput("extreme_law: all maxima are the same; there is nothing to fit.")
    scale = spread * np.sqrt(6) / np.pi
    loss = lambda p: _loss(p, values)
    best = _lowest(loss, np.array([values.mean() - 0.5772 * scale, scale, -0.05]), scale)
    if not (np.isfinite(best).all() and np.isfinite(loss(best)) and best[2] > -0.95):
        raise SolveFailed("extreme_law: the likelihood has no maximum; take longer or more blocks.")
    covariance = np.linalg.inv(_curvature(loss, best, scale))
    errors = np.sqrt(np.maximum(np.diag(covariance), 0))
    location, width, shape = (
        Estimate(np.asarray(v), np.asarray(e), np.asarray(len(values)))
        for v, e in zip(best, errors, strict=True)
    )
    intervals = np.array([_profile(loss, best, i, max(errors[i], 1e-12)) for i in range(3)])
    return ExtremeLaw(location, width, shape, intervals, float(block), values)


def _maxima(maxima: Any, name: str, least: int) -> np.ndarray:
    values = np.asarray(maxima, np.float64)
    if values.ndim != 1 or len(values) < least or not np.isfinite(values).all():
        raise InvalidInput(
            f"{name}: maxima of shape {values.shape}; expected at least {least} finite numbers."
        )
    return values


def _growth(ratio: float, shape: float) -> float:
    """(ratio^ξ − 1)/ξ."""
    return np.log(ratio) if abs(shape) < _FLAT else np.expm1(shape * np.log(ratio)) / shape


def _exponent(a: np.ndarray, p: np.ndarray) -> np.ndarray:
    """−ln P(max ≤ a)."""
    z, shape = (a - p[0]) / p[1], p[2]
    if abs(shape) < _FLAT:
        return np.asarray(np.exp(-z))
    with np.errstate(divide="ignore"):
        return np.asarray(np.maximum(1 + shape * z, 0.0) ** (-1 / shape))


def _loss(p: np.ndarray, values: np.ndarray) -> float:
    """−ln likelihood."""
    if not p[1] > 0:
        return np.inf
    z, shape = (values - p[0]) / p[1], p[2]
    if abs(shape) < _FLAT:
        return float(len(z) * np.log(p[1]) + (z + np.exp(-z)).sum())
    inside = 1 + shape * z
    if not (inside > 0).all() or shape <= -1:
        return np.inf
    logs = np.log(inside)
    return float(len(z) * np.log(p[1]) + (logs * (1 + 1 / shape) + np.exp(-logs / shape)).sum())


def _lowest(loss: Callable[[np.ndarray], float], start: np.ndarray, scale: float) -> np.ndarray:
    from scipy.optimize import minimize

    options = {"xatol": 1e-6 * scale, "fatol": 1e-8, "maxiter": 4000}
    # Outside of the law's range the loss is infinite, and differences of such values are not numbers.
    with np.errstate(invalid="ignore"):
        found = minimize(loss, start, method="Nelder-Mead", options=options)
        return minimize(loss, found.x, method="Nelder-Mead", options=options).x


def _curvature(loss: Callable[[np.ndarray], float], p: np.ndarray, scale: float) -> np.ndarray:
    """Second derivatives by central differences."""
    h = np.diag(np.array([scale, scale, 1.0])[: len(p)] * 1e-3)
    at = lambda step: loss(p + step)
    return np.array(
        [
            [(at(a + b) - at(a - b) - at(b - a) + at(-a - b)) / (4 * a.sum() * b.sum()) for b in h]
            for a in h
        ]
    )


def _profile(
    loss: Callable[[np.ndarray], float], best: np.ndarray, place: int, width: float
) -> tuple[float, float]:
    """Where the loss, minimised over the other parameters, has risen by 1.92."""
    from scipy.optimize import brentq

    least, others = loss(best), np.delete(best, place)
    scale = abs(best[1])

    def rise(value: float) -> float:
        of = lambda rest: loss(np.insert(rest, place, value))
        rest = _lowest(of, others, scale)
        return min(of(rest), 1e300) - least - _HALF_CHI2

    ends = []
    for sign in (-1, 1):
        reach = 2.0 * width
        while rise(best[place] + sign * reach) < 0:
            reach *= 1.6
            if reach > 1e6 * width:
                break
        near = best[place]
        far = near + sign * reach
        ends.append(brentq(rise, near, far, xtol=1e-3 * width) if reach <= 1e6 * width else far)
    return float(ends[0]), float(ends[1])
