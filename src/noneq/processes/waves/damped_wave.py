"""The kernel of the damped wave equation in two and three dimensions, tabulated once.

Units as in `kac_walk`: p_tt + 2 p_t = ∇²p.
"""

import functools
import math
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from scipy import special
from scipy.interpolate import CubicSpline

from noneq._typing import Scalar, ScalarLike
from noneq.processes.schedules import bisect
from noneq.processes.waves.kac_walk import walk_time
from noneq.processes.waves.radial import radial_kernel


_REACH, _RADII = 8.0, 321
_STEP = 0.03
_TAIL = 1e-10
_LATE = 6.3  # level at which e^{−t} is rounding


class Table(NamedTuple):
    """Bicubic Hermite data on a grid of ln level and radius.

    Attributes:
        values: f, f_r, f_l and f_rl in units of the grid's steps, ``(levels, radii, 4)``.
        first, step: of ln level.
    """

    values: np.ndarray
    first: float
    step: float


class Transport(NamedTuple):
    """The radial map h to the standard normal law, at one radius r and level.

    Attributes:
        share: h/r.
        slope: ∂h/∂r.
        drift: (∂h/∂ln level)/r.
    """

    share: Scalar
    slope: Scalar
    drift: Scalar


@functools.lru_cache(maxsize=16)
def wave_table(blur: float, dim: int, low: float, high: float) -> Table:
    """The law of |x − y| at all levels, for data blurred by a normal law of std ``blur``.

    **Equation**: with s² = level² + blur² and r = |x − y|/s, the map h(r) whose value has the
    law of |ξ|, ξ ~ N(0, I), is P(|ξ| > h) = P(|x − y| > s r); tabulated as
    f = (h/r − 1)(s/level)⁴, which is smooth and finite at both ends of the clock. The law is the
    normal one plus the transform of e^{−blur² k²/2}[T(k) − e^{−level² k²/2}],
    T = e^{−t}[cos qt + sin(qt)/q], q² = k² − 1. Beyond P = 1e-10 h goes on as a straight line.

    Args:
        blur: wide enough that the density is positive.
        dim: 2 or 3.
        low, high: smallest and largest ln level.
    """
    # Below a tenth of the blur f is what it is there: its share in h is 1e-4 f.
    low = min(max(low, math.log(blur / 10)), high - 1.0)
    count = max(8, 1 + math.ceil((high - low) / _STEP))
    logs, r = np.linspace(low, high, count), np.linspace(0.0, _REACH, _RADII)
    level = np.exp(logs)[:, None]
    s = np.hypot(level, blur)
    most = max(9.0, 8.8 * math.hypot(min(_LATE, level[-1, 0]), blur) / blur)
    waves = np.linspace(0.0, most, 2 * math.ceil(most * _REACH / 0.2) + 1)
    k = waves / s
    rest = np.exp(-((blur * k) ** 2) / 2) * (_spectrum(k, walk_time(level, np)) - _bell(level * k))
    change = rest @ radial_kernel(waves, r, dim)
    density = change + _bell(r) / (2 * math.pi) ** (dim / 2)
    # The ball of radius r has the Fourier transform of dimension dim + 2, times 2 pi r^dim/k².
    ball = 2 * math.pi * 2 * math.pi ** (dim / 2) / math.gamma(dim / 2) * r**dim
    inner = ball * ((rest / np.maximum(waves, 1e-9) ** 2) @ radial_kernel(waves, r, dim + 2))
    below = special.gammainc(dim / 2, r**2 / 2) + inner
    above = special.gammaincc(dim / 2, r**2 / 2) - inner
    h = np.where(
        below < 0.5,
        special.gammaincinv(dim / 2, np.clip(below, 0.0, 0.5)),
        special.gammainccinv(dim / 2, np.clip(above, 1e-300, 0.5)),
    )
    h = np.sqrt(2 * h)
    share = h / np.maximum(r, 1e-9)
    share[:, 0] = (np.maximum(density[:, 0], 0.0) * (2 * math.pi) ** (dim / 2)) ** (1 / dim)
    for row in range(count):
        last = int(np.flatnonzero(above[row] > _TAIL)[-1])
        bell = _bell(h[row, last]) / (2 * math.pi) ** (dim / 2)
        slope = density[row, last] / bell / share[row, last] ** (dim - 1)
        share[row, last:] = (h[row, last] + slope * (r[last:] - r[last])) / r[last:]
    f = (share - 1) * (s / level) ** 4
    ends: Any = ((1, np.zeros(count)), "not-a-knot")  # f is even in r
    across = CubicSpline(r, f, axis=1, bc_type=ends).derivative()(r) * (r[1] - r[0])
    step = logs[1] - logs[0]
    along = [CubicSpline(logs, part, axis=0).derivative()(logs) * step for part in (f, across)]
    return Table(np.stack([f, across, *along], axis=-1), low, float(step))


def transport(table: Table, r: ScalarLike, level: ScalarLike, blur: float) -> Transport:
    """The map h of the table at r = |x − y|/s."""
    f, across, along = _look(table, jnp.asarray(r), jnp.log(level))
    share = jnp.square(level) / (jnp.square(level) + blur**2)
    small, growth = share**2, 4 * (1 - share)
    drift = small * (growth * f + along)
    return Transport(1 + small * f, 1 + small * (f + r * across), drift)


def radius_of(table: Table, rho: ScalarLike, level: ScalarLike, blur: float) -> Scalar:
    """The radius r at which h(r) = rho."""
    rising = lambda part: _REACH * part * transport(table, _REACH * part, level, blur).share
    r = _REACH * bisect(rising, rho)
    found = transport(table, r, level, blur)
    return r + (rho - r * found.share) / found.slope


def log_density(table: Table, r: ScalarLike, level: ScalarLike, blur: float, dim: int) -> Scalar:
    """ln density of x − y in units of s: the normal law's, carried back by h."""
    share, slope, _ = transport(table, r, level, blur)
    bend = (dim - 1) * jnp.log(share) + jnp.log(jnp.maximum(slope, 1e-30))
    return bend - jnp.square(r * share) / 2 - dim / 2 * math.log(2 * math.pi)


def _look(table: Table, r: Array, log_level: Array) -> tuple[Array, Array, Array]:
    """f, ∂f/∂r and ∂f/∂ln level; constant beyond the table."""
    levels, radii, _ = table.values.shape
    values, width = jnp.asarray(table.values, r.dtype), _REACH / (radii - 1)
    i, x, inside_r = _place(r / width, radii)
    j, y, inside_l = _place((log_level - table.first) / table.step, levels)
    corners = jnp.stack([values[j, i], values[j, i + 1], values[j + 1, i], values[j + 1, i + 1]])
    corners = corners.reshape(2, 2, 2, 2)  # level, radius, order in level, order in radius
    (along, along_slope), (across, across_slope) = _hermite(y), _hermite(x)
    sum_up = lambda a, b: jnp.einsum("jirs,jr,is->", corners, a, b)
    f = sum_up(along, across)
    slope = jnp.where(inside_r, sum_up(along, across_slope) / width, 0.0)
    return f, slope, jnp.where(inside_l, sum_up(along_slope, across) / table.step, 0.0)


def _place(x: Array, count: int) -> tuple[Array, Array, Array]:
    """Cell, place in it, and whether x lies on the grid."""
    inside = (x >= 0) & (x <= count - 1)
    x = jnp.clip(x, 0.0, count - 1.0)
    cell = jnp.clip(jnp.floor(x), 0, count - 2).astype(int)
    return cell, x - cell, inside


def _hermite(x: Array) -> tuple[Array, Array]:
    """Weights ``(end, order)`` of a cubic's values and slopes at 0 and 1, and their slopes."""
    y = 1 - x
    value = [[y * y * (1 + 2 * x), x * y * y], [x * x * (1 + 2 * y), -x * x * y]]
    slope = [[-6 * x * y, y * (1 - 3 * x)], [6 * x * y, x * (3 * x - 2)]]
    return jnp.stack([jnp.stack(row) for row in value]), jnp.stack(
        [jnp.stack(row) for row in slope]
    )


def _bell(x: Any) -> Any:
    return np.exp(-(x**2) / 2)


def _spectrum(k: np.ndarray, t: np.ndarray) -> np.ndarray:
    """e^{−t}[cosh νt + sinh(νt)/ν], ν² = 1 − k²."""
    nu = np.sqrt(1 - k**2 + 0j)
    near = abs(nu * t) < 1e-2
    safe, y = np.where(near, 1.0, nu), np.where(near, (nu * t) ** 2, 0.0)
    far = ((1 + 1 / safe) * np.exp((safe - 1) * t) + (1 - 1 / safe) * np.exp(-(safe + 1) * t)) / 2
    close = np.exp(-t) * (1 + y / 2 + y**2 / 24 + t * (1 + y / 6 + y**2 / 120))
    return np.real(np.where(near, close, far))
