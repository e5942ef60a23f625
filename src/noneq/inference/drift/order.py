"""Overdamped or underdamped? What successive displacements of paths say of the kind of motion."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from noneq.data.ensembles import Trajectories
from noneq.domains import Free, periods_of
from noneq.errors import InvalidInput
from noneq.inference.drift.pairs import Moment, correlation
from noneq.kinds import checked
from noneq.needs import observable
from noneq.statistics.gram import solve
from noneq.statistics.increment_sums import increment_sums
from noneq.statistics.libraries import Polynomial


Kind: TypeAlias = Literal["overdamped", "measurement noise", "motion blur", "underdamped"]
_SURE = 4.0
_BLUR = 0.25
"""Largest correlation of successive displacements that a camera's exposure makes."""
_SMALL = 0.05


@dataclass(frozen=True)
class MotionKind:
    """What kind of motion the displacements show.

    Attributes:
        kind: "overdamped", "measurement noise" or "motion blur" (overdamped, recorded with it), or
            "underdamped".
        first, second: correlation of displacements one and two frames apart, about a fitted drift.
        noisy: whether measurement noise shows.
        sentence: the finding.
    """

    kind: Kind
    first: Moment
    second: Moment
    noisy: bool
    sentence: str


@observable("trajectories", number=False)
@checked
def motion_kind(trajectories: Trajectories) -> MotionKind:
    """Overdamped, underdamped, or overdamped and recorded with noise or blur.

    **Equation**: residuals e_t = Δx_t − f(x_t) dt about a regression on polynomials of degree 3 have
    correlations c₁, c₂ one and two frames apart. Overdamped: 0. Measurement noise of variance σ²:
    c₁ = −σ²/(2D dt + 2σ²), c₂ = 0. An exposure over the whole interval: c₁ = 1/4, c₂ = 0. A velocity
    that persists: c₁ and c₂ positive, 1 for short intervals.

    A coloured noise, whose correlation time is resolved, looks like inertia: positions alone do not
    tell these two apart at one interval.

    Args:
        trajectories: ``(n, T, dim)``; gaps and uneven times are allowed.

    Raises:
        InvalidInput: fewer than three frames in a row.
    """
    e = _displacements(trajectories)
    first, second = correlation(e, 1), correlation(e, 2)
    if first.stderr == 0:
        raise InvalidInput(
            "motion_kind needs three observed frames in a row; give longer paths or fewer gaps."
        )
    up = lambda m, least: m.z > _SURE and m.value > least
    down = first.z < -_SURE and first.value < -_SMALL / 2
    found = f"(correlation of displacements {first} one frame apart, {second} two)"
    persists = up(second, _SMALL) and (second.value > 0.25 * abs(first.value))
    if up(first, _BLUR * 1.2) or persists:
        noisy = down or (persists and second.value > first.value)
        also = ", and there is measurement noise" if noisy else ""
        text = (
            f"underdamped {found}: velocities persist over frames, by inertia or a coloured "
            f"noise{also}"
        )
        return MotionKind("underdamped", first, second, noisy, text)
    if down:
        text = f"overdamped, recorded with measurement noise {found}"
        return MotionKind("measurement noise", first, second, True, text)
    if up(first, _SMALL):
        text = f"overdamped, recorded with motion blur or with a noise of short memory {found}"
        return MotionKind("motion blur", first, second, False, text)
    return MotionKind("overdamped", first, second, False, f"overdamped {found}")


def _displacements(trajectories: Trajectories) -> np.ndarray:
    """e_t/√dt of every path, NaN where a frame is missing, ``(n, T − 1, dim)``."""
    n, frames = trajectories.values.shape[:2]
    if frames < 3:
        raise InvalidInput(f"motion_kind needs three frames or more; the paths have {frames}.")
    x = trajectories.values.astype(np.float64).reshape(n, frames, -1)
    seen, dim = trajectories.observed, x.shape[2]
    both = seen[:, 1:] & seen[:, :-1]
    dt = np.diff(trajectories.times.astype(np.float64))[:, None]
    move = np.diff(x, axis=1)
    period = np.zeros(dim)
    if not isinstance(trajectories.domain, Free):
        period = periods_of(trajectories.domain, trajectories.event_shape).ravel()
        around = np.where(period > 0, period, 1.0)
        move = np.where(period > 0, move - around * np.round(move / around), move)
    some = x[seen]
    scale = np.where(some.std(0) > 0, some.std(0), 1.0)
    degree = next(
        d for d in (3, 2, 1, 0) if d == 0 or 20 * _size(d, dim) < both.sum() and _size(d, dim) < 400
    )
    library = Polynomial(
        degree, tuple(some.mean(0).tolist()), tuple(scale.tolist()), tuple(period.tolist())
    )
    total = increment_sums(trajectories, library, at="start").total
    theta = solve(total.gram, total.cross)
    drift = (library.values(x[:, :-1].reshape(-1, dim)) @ theta).reshape(move.shape)
    # On one scale, so that coordinates of any unit count alike.
    rest = (move - drift * dt) / np.sqrt(dt)
    rest = np.where(both[..., None], rest, np.nan)
    size = np.sqrt(np.nanmean(rest**2, axis=(0, 1)))
    return rest / np.where(size > 0, size, 1.0)


def _size(degree: int, dim: int) -> int:
    return Polynomial(degree).sizes(dim)[-1]
