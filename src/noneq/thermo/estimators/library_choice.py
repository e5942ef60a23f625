"""The library of an estimator that is given none: the best of nested ones by information gained."""

import math
import warnings

import numpy as np

from noneq.data.ensembles import Trajectories
from noneq.domains import periods_of
from noneq.statistics.gram import solve
from noneq.statistics.increment_sums import Totals, increment_sums, over_blocks
from noneq.statistics.libraries import AbstractLibrary, Polynomial
from noneq.statistics.regression import residual_about
from noneq.thermo.path_checks import block_number


_MOST_FUNCTIONS, _HIGHEST = 60, 8
_ROWS, _ROWS_OF_SCALE, _NUMBERS_OF_SCALE = 2**20, 2**17, 2**20
_FEWEST_ROWS = 50
_FAR = 4.0
"""Standard errors by which a larger library must find more for a given one to be called too small."""


def chosen_library(trajectories: Trajectories) -> Polynomial:
    """Polynomials (harmonics of periodic coordinates) of the degree that predicts currents best.

    **Equation**: of the nested libraries the one with the largest σ − 2 bias, σ the raw entropy
    production rate that it finds and bias its jackknife bias: T σ/4 is the log-likelihood ratio of
    the midpoint regression against no current, T bias/4 half the effective number of parameters, so
    that this is the criterion of Takeuchi (of Akaike, where every parameter is free).

    The choice is made on at most a million increments; degree 1 is the least.
    """
    dim = trajectories.event_shape[0]
    most = suited_library(trajectories, _highest_degree(trajectories))
    if most.degree == 1:
        return most
    part = _part(trajectories, _ROWS)
    sums = increment_sums(part, most, blocks=block_number(part, 1))
    best, gain = 1, -np.inf
    for degree, size in enumerate(most.sizes(dim)):
        if degree < 1:
            continue
        value, bias, _ = over_blocks(_raw_rate, sums.beginning(size))
        if value - bias > gain:
            best, gain = degree, float(value - bias)
    return Polynomial(best, most.centre, most.scale, most.period)


def check_span(trajectories: Trajectories, library: AbstractLibrary, name: str) -> None:
    """Tell that polynomials of a given degree do not span the mean velocity of the data.

    **Equation**: σ_d − σ of the raw rates on libraries of degree d and of the given one, freed of its
    bias, beyond four jackknife errors; d has the largest σ_d − 2 bias, as in `chosen_library`.

    Args:
        trajectories: ``(n, T, dim)``.
        library: what the estimator was given; only polynomials and harmonics can be judged.
        name: of the estimator.

    Warns:
        UserWarning: with the degree that the data ask for.
    """
    periods = periods_of(trajectories.domain, trajectories.event_shape).ravel()
    if not isinstance(library, Polynomial) or bool(periods.any()) != any(library.period):
        return
    part = _part(trajectories, _ROWS_OF_SCALE)
    most = suited_library(part, _highest_degree(part))
    if most.degree <= library.degree:
        return
    sums = increment_sums(part, most, blocks=block_number(part, 1))
    sizes = most.sizes(len(periods))
    given = sums.beginning(sizes[library.degree])
    more = lambda large, small: [_raw_rate(large) - _raw_rate(small), _raw_rate(large)]
    best, gain = (0.0, 0.0, 0.0, library.degree), 0.0
    for degree in range(library.degree + 1, most.degree + 1):
        value, bias, stderr = over_blocks(more, sums.beginning(sizes[degree]), given)
        if value[0] - bias[0] > gain:
            gain, best = float(value[0] - bias[0]), (value[0], stderr[0], value[1], degree)
    missing, error, whole, degree = best
    if missing > _FAR * error:
        warnings.warn(
            f"{name}: the library of degree {library.degree} does not span the mean velocity: it misses "
            f"{missing:.2g} ± {error:.1g} of {whole:.3g} that degree {degree} finds, and the rate is a "
            "lower bound. Give a larger library (force_current_rate chooses one by itself), or a "
            "network to variational_rate.",
            stacklevel=4,
        )


def suited_library(trajectories: Trajectories, degree: int) -> Polynomial:
    """Polynomials about the mean of the data in units of their spread."""
    size = int(np.prod(trajectories.event_shape))
    part = _part(trajectories, max(64, min(_ROWS_OF_SCALE, _NUMBERS_OF_SCALE // size)))
    values = np.asarray(part.values[part.observed], np.float64)
    values = values.reshape(len(values), -1)
    centre, scale = values.mean(0), values.std(0)
    periods = periods_of(part.domain, part.event_shape).ravel()
    centre, scale = np.where(periods > 0, 0.0, centre), np.where(periods > 0, 1.0, scale)
    scale = np.where(scale > 0, scale, 1.0)
    return Polynomial(degree, *(tuple(v.tolist()) for v in (centre, scale, periods)))


def _raw_rate(sums: Totals) -> float:
    fitted = sums.cross.T @ solve(sums.gram, sums.cross)
    # Noise that leaves out a combination of coordinates is refused later, by its name.
    inverse = np.linalg.pinv(residual_about(sums, fitted) / 2, hermitian=True)
    return float(np.trace(inverse @ fitted) / sums.time)


def _part(trajectories: Trajectories, rows: int) -> Trajectories:
    """Whole paths, evenly chosen, or the beginnings of long ones, with so many frames at most."""
    n, frames = trajectories.values.shape[:2]
    if n * frames <= rows:
        return trajectories
    keep = np.linspace(0, n - 1, max(1, rows // frames)).astype(int)
    part = trajectories.take(keep)
    return part.frames(slice(0, rows)) if frames > rows else part


def _highest_degree(trajectories: Trajectories) -> int:
    """As high as 60 functions allow, with 50 increments for each of their coefficients."""
    dim = trajectories.event_shape[0]
    periods = periods_of(trajectories.domain, trajectories.event_shape).ravel()
    count = min(int(trajectories.observed.sum()), _ROWS)
    for degree in range(_HIGHEST, 1, -1):
        # Two functions a harmonic; the count of monomials is the one without periods.
        size = math.comb(int(dim + (periods > 0).sum()) + degree, degree)
        if size <= _MOST_FUNCTIONS and size * dim * _FEWEST_ROWS <= count:
            return degree
    return 1
