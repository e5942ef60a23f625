"""Exact optimal transport: between equal numbers of points, and on a line."""

import numpy as np


_LARGE = 1024
"""From here on a problem is worth a smaller one before it."""


def subsample(x: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """At most ``size`` of the states, at random without repetition, in their order."""
    return x if len(x) <= size else x[np.sort(rng.choice(len(x), size, replace=False))]


def assignment(costs: np.ndarray) -> np.ndarray:
    """The partner of every row that makes the total cost least.

    Large square problems are first relieved of the potentials of a quarter of their rows and
    columns: that changes no plan, and shortens the search for it two to four times.

    Args:
        costs: (n, m), n ≤ m.

    Returns:
        (n,) columns, each once.
    """
    from scipy.optimize import linear_sum_assignment

    if len(costs) >= _LARGE and costs.shape[0] == costs.shape[1]:
        costs = _relieved(costs)
    return np.asarray(linear_sum_assignment(costs)[1])


def _relieved(costs: np.ndarray) -> np.ndarray:
    """c_ij − f_i − g_j with f, g near the optimal potentials."""
    part = np.ascontiguousarray(costs[::4, ::4])
    own, _ = potentials(part, assignment(part))
    g = (costs[::4] - own[:, None]).min(0)
    f = (costs - g).min(1)
    rest = costs - f[:, None]
    return rest - rest.min(0)


def potentials(costs: np.ndarray, column: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Dual potentials f_i + g_j ≤ c_ij of a square problem, with equality on the assignment."""
    matched = costs[:, column]
    own = matched.diagonal().copy()
    # g_j = min_i (c_ij − f_i), f_i = c_ii − g_i: shortest paths (Bellman–Ford) from everywhere.
    reduced = matched - own[:, None]
    g = np.zeros(len(own))
    for _ in range(len(own)):
        better = (reduced + g[:, None]).min(axis=0)
        if (better >= g - 1e-9).all():
            break
        g = np.minimum(better, g)
    return own - g, g


def line_transport(
    x: np.ndarray, y: np.ndarray, power: int
) -> tuple[float, np.ndarray, np.ndarray]:
    """Mean over columns of the one-dimensional transport cost, and its potentials at the points.

    Both quantile functions are cut at the levels i/n and j/m of either, which is exact.
    """
    n, m = len(x), len(y)
    levels = np.unique(np.concatenate([np.arange(n) * m, np.arange(m) * n]))
    mass = np.diff(levels, append=n * m)[:, None] / (n * m)
    i, j = levels // m, levels // n
    order_x, order_y = np.argsort(x, axis=0), np.argsort(y, axis=0)
    low, high = np.take_along_axis(x, order_x, axis=0), np.take_along_axis(y, order_y, axis=0)
    cost = float(np.sum(mass * np.abs(low[i] - high[j]) ** power) / x.shape[1])
    to_y = np.add.reduceat(mass * high[j], np.searchsorted(i, np.arange(n)), axis=0) * n
    to_x = np.add.reduceat(mass * low[i], np.searchsorted(j, np.arange(m)), axis=0) * m
    return cost, _potential(low, to_y, order_x, power), _potential(high, to_x, order_y, power)


def _potential(here: np.ndarray, there: np.ndarray, order: np.ndarray, power: int) -> np.ndarray:
    """Integral of p·sign(x − T(x))·|x − T(x)|^(p−1), at the points in their own order."""
    slope = power * np.sign(here - there) * np.abs(here - there) ** (power - 1)
    steps = np.diff(here, axis=0) * (slope[1:] + slope[:-1]) / 2
    sums = np.concatenate([np.zeros((1, here.shape[1])), np.cumsum(steps, axis=0)])
    out = np.empty_like(sums)
    np.put_along_axis(out, order, sums, axis=0)
    return out.mean(axis=1)
