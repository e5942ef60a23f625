"""Underdamped motion from positions alone: accelerations regressed on positions and velocities."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from noneq.data.ensembles import Trajectories
from noneq.errors import InvalidInput
from noneq.methods.dynamics.equations import BLOCKS
from noneq.methods.dynamics.normal_equations import NormalEquations
from noneq.statistics.gram import solve
from noneq.statistics.increments import even
from noneq.statistics.libraries import AbstractLibrary


Rows = Float[np.ndarray, "..."]


def second_order(
    trajectories: Trajectories, library: AbstractLibrary, *, localisation: bool = False
) -> NormalEquations:
    """Of dX = V dt, dV = F(X, V) dt + √(2D) dW, from positions.

    **Equation**: with v̂ = (x₊ − x₋)/2dt, x̂ = (x₊ + x₀ + x₋)/3 and â = (x₊ − 2x₀ + x₋)/dt²,
    F = bᵀ G^{-1} (⟨b(x̂, v̂) â⟩ − D ⟨∂b/∂v⟩), as â and v̂ share noise: ⟨â v̂⟩ = ⟨F v⟩ + D. The points
    x̂, v̂ are those whose measurement noise is independent of that of â. From the covariances m_k of
    the residuals of accelerations k frames apart, 2D = 3/2 m₀ dt, with measurement noise
    2D = (12 m₀ + 18 m₁)/11 dt and σ² = (m₀ − 4 m₁)/22 dt⁴.

    Args:
        trajectories: positions ``(n, T, dim)`` at even times; gaps are allowed.
        library: functions of (x, v), ``(2 dim,)``.
        localisation: whether the positions carry measurement noise.

    Raises:
        InvalidInput: uneven times, or no three frames in a row.

    Source: Brückner, Ronceray and Broedersz 2020, eq. 6 to 8; deviation: centred velocities, whose
    correction is D and not D/3.
    """
    times = trajectories.times.astype(np.float64)
    if times.size < 3 or not even(np.diff(times)):
        raise InvalidInput(
            f"order=2 needs three or more evenly spaced times, got {times.size}; resample, or mask "
            "missing frames."
        )
    dt, dim = float(np.diff(times).mean()), int(np.prod(trajectories.event_shape))
    raw = _pass(trajectories, library, dt, None, None)
    theta = np.zeros((raw.gram.shape[1], dim))
    spread, noise = raw.spread(0.0, dt, localisation)
    for _ in range(2):
        cross = raw.cross - raw.slope @ (spread / 2)
        theta = solve(raw.gram.sum(0), cross.sum(0))
        spread, noise = _pass(trajectories, library, dt, theta, raw).spread(1.0, dt, localisation)
    cross = raw.cross - raw.slope @ (spread / 2)
    time, count = raw.count * dt, raw.count
    return NormalEquations(
        raw.gram.sum(0), cross, raw.gram, spread / 2, noise, float(time), float(count)
    )


def centred_states(trajectories: Trajectories) -> Trajectories:
    """Paths of (x₀, v̂), where three frames in a row are observed."""
    x = trajectories.values.astype(np.float64).reshape(*trajectories.values.shape[:2], -1)
    dt = np.diff(trajectories.times.astype(np.float64))
    velocity = (x[:, 2:] - x[:, :-2]) / (dt[1:] + dt[:-1])[:, None]
    seen = trajectories.observed
    seen = seen[:, 2:] & seen[:, 1:-1] & seen[:, :-2]
    rows, frames = seen.any(axis=1), seen.any(axis=0)
    if not rows.any():
        raise InvalidInput("order=2 needs three frames in a row; the paths have none.")
    values = np.concatenate([x[:, 1:-1], velocity], axis=2)[rows][:, frames]
    names, units = trajectories.names, trajectories.units
    if len(names) * (x.shape[2] // len(names)) != len(names):
        names = tuple(f"x{i}" for i in range(x.shape[2]))
        units = ("",) * len(names)
    per = f"/{trajectories.time_unit}" if trajectories.time_unit else ""
    return Trajectories(
        values.astype(trajectories.values.dtype),
        trajectories.times[1:-1][frames],
        mask=seen[rows][:, frames],
        names=(*names, *(f"v_{name}" for name in names)),
        units=(*units, *(f"{unit}{per}" if unit else "" for unit in units)),
        time_unit=trajectories.time_unit,
    )


class _Pass:
    """Sums of one pass: G and C and Σ ∂b/∂v dt by block, and products of residuals."""

    def __init__(self, blocks: int, size: int, dim: int):
        self.gram = np.zeros((blocks, size, size))
        self.cross, self.slope = np.zeros((blocks, size, dim)), np.zeros((blocks, size, dim))
        self.squares = [np.zeros((dim, dim)), np.zeros((dim, dim))]
        self.counts = [0, 0]

    @property
    def count(self) -> int:
        """Accelerations."""
        return self.counts[0]

    def spread(self, fitted: float, dt: float, localisation: bool) -> tuple[Rows, Rows]:
        """2D and the covariance of the measurement noise."""
        taken = fitted * self.gram.shape[1]
        m0 = self.squares[0] / max(self.counts[0] - taken, 1)
        if not localisation:
            return 1.5 * m0 * dt, np.zeros_like(m0)
        m1 = self.squares[1] / max(self.counts[1], 1)
        m1 = (m1 + m1.T) / 2
        return (12 * m0 + 18 * m1) / 11 * dt, (m0 - 4 * m1) / 22 * dt**4


def _pass(
    trajectories: Trajectories,
    library: AbstractLibrary,
    dt: float,
    theta: Rows | None,
    before: _Pass | None,
) -> _Pass:
    dim = int(np.prod(trajectories.event_shape))
    size = library.sizes(2 * dim)[-1]
    found, count = _Pass(_block_count(trajectories), size, dim), 0
    for block, x, good in _stretches(trajectories):
        a = (x[2:] - 2 * x[1:-1] + x[:-2]) / dt**2
        state = np.concatenate([(x[2:] + x[1:-1] + x[:-2]) / 3, (x[2:] - x[:-2]) / (2 * dt)], 1)
        keep = good[2:] & good[1:-1] & good[:-2]
        values = np.zeros((len(a), size))
        values[keep] = library.values(state[keep]) if keep.any() else 0.0
        count += int(keep.sum())
        if before is None:
            some = values[keep]
            found.gram[block] += some.T @ some * dt
            found.cross[block] += some.T @ a[keep] * dt
            found.slope[block] += library.gradients(state[keep])[:, :, dim:].sum(0) * dt
        rest = a if theta is None else a - values @ theta
        pair = keep[1:] & keep[:-1]
        found.squares[0] += rest[keep].T @ rest[keep]
        found.squares[1] += rest[1:][pair].T @ rest[:-1][pair]
        found.counts[0] += int(keep.sum())
        found.counts[1] += int(pair.sum())
    if not count:
        raise InvalidInput("order=2 needs three frames in a row; the paths have none.")
    if before is not None:
        found.gram = before.gram
    return found


def _block_count(trajectories: Trajectories) -> int:
    n, frames = trajectories.values.shape[:2]
    return min(n, BLOCKS) * _cuts(n, frames)


def _cuts(n: int, frames: int) -> int:
    return max(1, min(-(-BLOCKS // n), (frames - 2) // 3))


def _stretches(trajectories: Trajectories) -> Iterator[tuple[int, Rows, np.ndarray]]:
    """(block, positions, observed) of every stretch of every path, two frames shared."""
    n, frames = trajectories.values.shape[:2]
    cuts, groups = _cuts(n, frames), min(n, BLOCKS)
    edges = np.linspace(0, frames - 2, cuts + 1).astype(int)
    seen = trajectories.observed
    for group, paths in enumerate(np.array_split(np.arange(n), groups)):
        for path in paths.tolist():
            for cut in range(cuts):
                here = slice(int(edges[cut]), int(edges[cut + 1]) + 2)
                x = np.asarray(trajectories.values[path, here], np.float64)
                yield group * cuts + cut, x.reshape(len(x), -1), seen[path, here]
