"""What splitting must find: probabilities of reaching a set, by grids, in float64.

In continuous time by the backward equation; of a chain of Euler–Maruyama steps, which is looked at
after whole steps alone, by its transition kernel.
"""

import math
from collections.abc import Callable

import numpy as np
from scipy.special import ndtr


Drift = Callable[[np.ndarray], np.ndarray]
_TAIL = 10.0
"""Standard deviations over which a kernel counts."""


def hitting_before(potential: Callable[[np.ndarray], np.ndarray], beta: float, at: float) -> float:
    """Committor of a line at ``at`` between −1 and 1: ∫_{−1}^{at} e^{βV} / ∫_{−1}^{1} e^{βV}."""
    nodes, weights = np.polynomial.legendre.leggauss(200)
    part = lambda a, b: (
        (b - a)
        / 2
        * float(np.sum(weights * np.exp(beta * potential((a + b) / 2 + (b - a) / 2 * nodes))))
    )
    return part(-1.0, at) / part(-1.0, 1.0)


def chain_hitting_before(drift: Drift, noise: float, step: float, at: float) -> float:
    """The same of a chain x → x + f h + σ√h ξ, absorbed beyond ±1 after a step: (1 − K) q = b."""
    grid, weight = _line(-1.0, 1.0, 1200)
    mean, width = _step_of(drift, noise, step, grid)
    kernel = _density(grid[None], mean[:, None], width) * weight
    q = np.linalg.solve(np.eye(len(grid)) - kernel, 1 - ndtr((1.0 - mean) / width))
    first, width = _step_of(drift, noise, step, np.asarray([at]))
    straight = 1 - ndtr((1.0 - first[0]) / width)
    return float(straight + np.sum(_density(grid, first[0], width) * weight * q))


def chain_hitting_by(
    drift: Drift, noise: float, step: float, a: float, horizon: float, at: float
) -> float:
    """P(a chain on the line exceeds a within the horizon): u ← P(beyond a) + K u, step by step."""
    grid, weight = _line(-5.0, a, 800)
    mean, width = _step_of(drift, noise, step, grid)
    kernel = _density(grid[None], mean[:, None], width) * weight
    beyond, u = 1 - ndtr((a - mean) / width), np.zeros(len(grid))
    for _ in range(round(horizon / step) - 1):
        u = beyond + kernel @ u
    first, width = _step_of(drift, noise, step, np.asarray([at]))
    straight = 1 - ndtr((a - first[0]) / width)
    return float(straight + np.sum(_density(grid, first[0], width) * weight * u))


def chain_passage(drift: Drift, noise: float, step: float, a: float, at: float) -> float:
    """Mean time until a chain on the line is beyond a, from ``at``: τ = h + K τ."""
    grid, weight = _line(-4.0, a, 1200)
    mean, width = _step_of(drift, noise, step, grid)
    kernel = _density(grid[None], mean[:, None], width) * weight
    tau = np.linalg.solve(np.eye(len(grid)) - kernel, np.full(len(grid), step))
    first, width = _step_of(drift, noise, step, np.asarray([at]))
    return float(step + np.sum(_density(grid, first[0], width) * weight * tau))


def hitting_by(drift: Drift, noise: float, a: float, horizon: float, at: float) -> float:
    """The same in continuous time: ∂_t u = f u' + σ²/2 u'', u(a) = 1, by an implicit scheme."""
    from scipy.linalg import solve_banded

    grid = np.linspace(-6.0, a, 4001)
    h, steps = grid[1] - grid[0], 2000
    dt = horizon / steps
    spread, along = noise**2 / (2 * h**2), drift(grid) / (2 * h)
    up, down = spread + along, spread - along
    u = np.zeros(len(grid))
    u[-1] = 1.0
    for i in range(steps):
        share = 1.0 if i < 20 else 0.5  # the first steps damp the corner at a
        rhs = u.copy()
        inner = up[1:-1] * u[2:] + down[1:-1] * u[:-2] - 2 * spread * u[1:-1]
        rhs[1:-1] += dt * (1 - share) * inner
        band = np.zeros((3, len(grid)))
        band[1] = 1.0
        band[1, 1:-1] += dt * share * 2 * spread
        band[0, 2:] = -dt * share * up[1:-1]
        band[2, :-2] = -dt * share * down[1:-1]
        band[0, 1] = -1.0  # no slope at the far end
        rhs[0], rhs[-1] = 0.0, 1.0
        u = solve_banded((1, 1), band, rhs)
    return float(np.interp(at, grid, u))


def plane_hitting_by(
    drifts: tuple[Drift, Drift],
    noise: float,
    disc: tuple[float, float, float],
    horizon: float,
    at: tuple[float, float],
    *,
    step: float | None,
    spacing: float = 0.01,
) -> float:
    """P(two coordinates that move apart from each other enter a disc within the horizon).

    Args:
        drifts: of x and of y.
        noise: σ of both.
        disc: centre and radius.
        horizon, at: as on the line.
        step: of the chain; None is continuous time.
        spacing: of the grid; a cell counts by its share in the disc.
    """
    x, y = np.arange(-2.0, 2.0 + spacing / 2, spacing), np.arange(-1.2, 1.2 + spacing / 2, spacing)
    if step is None:
        return _plane_continuous(drifts, noise, disc, horizon, at, x, y)
    inside = _share_inside(x, y, disc)
    kernels = [_kernel_of(f, noise, step, axis) for f, axis in zip(drifts, (x, y), strict=True)]
    u = inside.copy()
    for _ in range(round(horizon / step)):
        moved = kernels[0] @ u @ kernels[1].T
        u = inside + (1 - inside) * moved
    return float(moved[np.abs(x - at[0]).argmin(), np.abs(y - at[1]).argmin()])  # pyright: ignore[reportPossiblyUnboundVariable]


def _plane_continuous(
    drifts: tuple[Drift, Drift],
    noise: float,
    disc: tuple[float, float, float],
    horizon: float,
    at: tuple[float, float],
    x: np.ndarray,
    y: np.ndarray,
) -> float:
    """Backward equation on a grid whose nodes in the disc are held at 1."""
    from scipy.sparse import diags, eye, kron
    from scipy.sparse.linalg import splu

    def generator(f: Drift, axis: np.ndarray):
        h = axis[1] - axis[0]
        # Rates of jumps to the neighbours that have the right drift and noise (Scharfetter, Gummel).
        mid = (axis[1:] + axis[:-1]) / 2
        z = f(mid) * h * 2 / noise**2
        base = noise**2 / (2 * h**2)
        bernoulli = lambda v: np.where(
            np.abs(v) < 1e-8, 1 - v / 2, v / np.expm1(np.where(v == 0, 1, v))
        )
        up, down = base * bernoulli(-z), base * bernoulli(z)
        leave = np.concatenate([up, [0.0]]) + np.concatenate([[0.0], down])
        return diags([up, -leave, down], [1, 0, -1])  # pyright: ignore[reportArgumentType]

    whole = kron(generator(drifts[0], x), eye(len(y))) + kron(eye(len(x)), generator(drifts[1], y))
    u, v = np.meshgrid(x, y, indexing="ij")
    out = (np.hypot(u - disc[0], v - disc[1]) >= disc[2]).ravel()
    held = diags(out.astype(float)) @ whole
    steps = 800
    dt = horizon / steps
    first = splu((eye(len(out)) - dt / 4 * held).tocsc())
    later = splu((eye(len(out)) - dt / 2 * held).tocsc())
    value = (~out).astype(float)
    for i in range(steps):
        if i < 4:
            for _ in range(4):
                value = first.solve(value)
        else:
            value = later.solve(value + dt / 2 * (held @ value))
    return float(value.reshape(u.shape)[np.abs(x - at[0]).argmin(), np.abs(y - at[1]).argmin()])


def _line(low: float, high: float, points: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss–Legendre nodes and weights."""
    nodes, weights = np.polynomial.legendre.leggauss(points)
    return (low + high) / 2 + (high - low) / 2 * nodes, (high - low) / 2 * weights


def _step_of(f: Drift, noise: float, h: float, x: np.ndarray) -> tuple[np.ndarray, float]:
    return x + h * f(x), noise * math.sqrt(h)


def _density(y: np.ndarray, mean: np.ndarray | float, width: float) -> np.ndarray:
    return np.exp(-0.5 * ((y - mean) / width) ** 2) / (width * math.sqrt(2 * math.pi))


def _kernel_of(f: Drift, noise: float, h: float, axis: np.ndarray) -> np.ndarray:
    """Probability to step onto each node of an even grid.

    The density at the nodes: shares of cells would add spacing²/12 to the variance of every step.
    """
    mean, width = _step_of(f, noise, h, axis)
    kernel = np.exp(-0.5 * np.clip((axis[None] - mean[:, None]) / width, -_TAIL, _TAIL) ** 2)
    return kernel / kernel.sum(1, keepdims=True)


def _share_inside(x: np.ndarray, y: np.ndarray, disc: tuple[float, float, float]) -> np.ndarray:
    """The share of each cell that lies in the disc."""
    spacing, fine = x[1] - x[0], (np.arange(10) - 4.5) / 10
    u = (x[:, None] + spacing * fine).ravel()
    v = (y[:, None] + spacing * fine).ravel()
    inside = np.hypot(u[:, None] - disc[0], v[None] - disc[1]) < disc[2]
    return inside.reshape(len(x), 10, len(y), 10).mean((1, 3))
