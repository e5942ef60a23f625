"""How particles move and stand together.

All measures take `Trajectories` of states (particles, coordinates), `Tracks`, or an array
(n, times, particles, coordinates) of one unit of time per frame, in which NaN marks absence. The
domain says how much of a state is positions (`Product`) and which period they have (`Torus`);
``dim`` and ``box`` say it for arrays, and overrule it.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from noneq._typing import Numbers
from noneq.data.ensembles import Trajectories
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.inference.particles import Particles, check_radius, jackknife, particles, pooled
from noneq.inference.tracks import Tracks
from noneq.needs import observable


@observable("trajectories")
def polarisation(
    data: Trajectories | Tracks | Numbers, *, box: Numbers | None = None, dim: int | None = None
) -> Estimate:
    """How well particles fly in one direction, at every time.

    **Equation**: P(t) = ⟨|(1/N) Σ_i v_i/|v_i||⟩: 1 for a flock, √(π/4N) for N random headings in
    the plane. A particle at rest counts with 0.

    Velocities are the columns behind the positions; where there are none, displacements to the
    next frame (nearest image), so that the last time falls away.

    Returns:
        One value per time. Errors over trajectories; of a single one by jackknife over its
        particles, as if they were independent.

    Raises:
        InvalidInput: data of another shape, or neither velocities nor two frames.
    """
    given = particles("polarisation", data, box, dim)
    velocity, times = given.velocities, given.times
    if velocity is None:
        if times.size < 2:
            raise InvalidInput(
                "polarisation: states hold no velocities and there is one frame; give dim= (the "
                "number of position columns) or two frames."
            )
        velocity, times = given.nearest(np.diff(given.positions, axis=1)), times[:-1]
    size = np.linalg.norm(velocity, axis=-1, keepdims=True)
    unit = velocity / np.where(size == 0, 1.0, size)
    there = np.all(np.isfinite(unit), axis=-1, keepdims=True)
    unit = np.where(there, unit, 0.0)
    total, count = unit.sum(2), there.sum((2, 3))
    with np.errstate(divide="ignore", invalid="ignore"):
        order = np.linalg.norm(total, axis=-1) / count
        if len(order) >= 2:
            return jackknife(np.where(count, order, 0.0), (count > 0) * 1.0, times=times)
        without = np.linalg.norm(total[0, :, None] - unit[0], axis=-1)
        without = without / (count[0, :, None] - 1)
        mean = np.mean(without, axis=1, keepdims=True, where=there[0, ..., 0])
        square = np.sum((without - mean) ** 2, axis=1, where=there[0, ..., 0])
        stderr = np.sqrt((count[0] - 1) / count[0] * square)
    return Estimate(order[0], stderr, count[0], times=times)


@observable("trajectories", more=("edges",))
def pair_correlation(
    data: Trajectories | Tracks | Numbers,
    edges: Sequence[float] | Float[np.ndarray, " edges"],
    *,
    box: Numbers | None = None,
    dim: int | None = None,
) -> Estimate:
    """g(r): how many particles lie at a distance, over the number in an ideal gas.

    **Equation**: g = Σ_{i≠j} 1[r_k < |x_i − x_j| ≤ r_{k+1}] / [N(N − 1) V_k/V], V_k the volume of
    the shell in any dimension, V that of the periodic box: exactly 1 on average for independent
    uniform particles. All frames are averaged.

    Args:
        data: as for all measures of this module; a periodic box is needed.
        edges: (bins + 1,) rising distances, the last at most half the box.
        box, dim: as for all measures.

    Returns:
        (bins,) values. Errors over trajectories, of a single one over blocks of its frames.

    Raises:
        InvalidInput: no box, edges that do not rise or reach beyond half the box, or a single
            frame in all.
    """
    given = particles("pair_correlation", data, box, dim)
    radii = np.asarray(edges, float)
    if radii.ndim != 1 or radii.size < 2 or not ((np.diff(radii) > 0).all() and radii[0] >= 0):
        raise InvalidInput("pair_correlation: edges must be at least two rising distances ≥ 0.")
    check_radius("pair_correlation", radii, given, needs_box=True)
    shells = np.diff(_ball(radii, given.positions.shape[-1])) / given.volume
    found = np.diff(_pairs_within(given, radii), axis=-1)
    return pooled("pair_correlation", found, _all_pairs(given)[..., None] * shells)


@observable("trajectories", more=("radius",))
def clustering(
    data: Trajectories | Tracks | Numbers,
    radius: float,
    *,
    box: Numbers | None = None,
    dim: int | None = None,
) -> Estimate:
    """Excess of neighbours within a radius over the ideal gas.

    **Equation**: ⟨neighbours within radius⟩/[(N − 1) V(radius)/V] − 1: 0 for independent uniform
    particles, positive for clusters, −1 for particles that keep apart. All frames are averaged.

    Returns:
        Errors over trajectories, of a single one over blocks of its frames.

    Raises:
        InvalidInput: no box, a radius beyond half of it, or a single frame in all.
    """
    given = particles("clustering", data, box, dim)
    check_radius("clustering", radius, given, needs_box=True)
    share = _ball(np.asarray(radius, float), given.positions.shape[-1]) / given.volume
    found = _pairs_within(given, np.asarray([radius], float))[..., 0]
    ratio = pooled("clustering", found, _all_pairs(given) * share)
    return replace(ratio, value=np.asarray(ratio.value - 1))


@observable("trajectories")
def mean_squared_displacement(
    data: Trajectories | Tracks | Numbers,
    lags: Sequence[int] | None = None,
    *,
    box: Numbers | None = None,
    dim: int | None = None,
) -> Estimate:
    """⟨|x(t + lag) − x(t)|²⟩ over particles and starts t, unwrapped through the periodic box.

    2 d D lag for diffusion in d dimensions, v² lag² for straight flight. The path from frame to
    frame is taken to be the shortest, so a particle must move less than half the box in between.

    Args:
        data: as for all measures of this module, on evenly spaced times.
        lags: in frames; None is 1 to half the frames.
        box, dim: as for all measures.

    Returns:
        One value per lag, whose durations are its ``times``. Errors over trajectories, of a
        single one over its particles, as if they were independent.

    Raises:
        InvalidInput: uneven times, or lags outside 1 to frames − 1.
    """
    given = particles("mean_squared_displacement", data, box, dim)
    steps, frames = np.diff(given.times), given.times.size
    if frames < 2 or np.ptp(steps) > 1e-6 * steps.max():
        raise InvalidInput("mean_squared_displacement: give two or more evenly spaced times.")
    after = np.arange(1, frames // 2 + 1) if lags is None else np.asarray(lags)
    whole = after.dtype.kind in "iu" and after.ndim == 1 and after.size > 0
    if not (whole and ((after > 0) & (after < frames)).all()):
        raise InvalidInput(
            f"mean_squared_displacement: lags = {lags}; expected whole numbers from 1 to "
            f"{frames - 1}, in frames."
        )
    path, present = _unwrapped(given), given.present
    squares, counts = [], []
    for lag in after:
        both = present[:, lag:] & present[:, :-lag]
        square = np.sum((path[:, lag:] - path[:, :-lag]) ** 2, -1)
        squares.append(np.where(both, square, 0.0).sum(1))
        counts.append(both.sum(1) * 1.0)
    # (n, particles, lags); the units of the error are trajectories, or particles of a single one.
    square, count = np.stack(squares, -1), np.stack(counts, -1)
    many = len(path) >= 2
    units = lambda values: values.sum(1) if many else values[0]
    return jackknife(units(square), units(count), times=after * steps.mean())


@observable("trajectories", more=("radius",))
def contact_rate(
    data: Trajectories | Tracks | Numbers,
    radius: float,
    *,
    box: Numbers | None = None,
    dim: int | None = None,
) -> Estimate:
    """New contacts per particle and unit time.

    **Equation**: 2 (pairs within ``radius`` in a frame and not in the one before)/(N × time).
    Ideal particles in the plane meet at the rate 2 radius ρ ⟨|v_i − v_j|⟩. What enters and leaves
    between two frames is missed: frames should lie much closer than radius/speed.

    Returns:
        Errors over trajectories, of a single one over blocks of its frames.

    Raises:
        InvalidInput: fewer than two frames (three of a single trajectory), or a radius beyond half
            the box.
    """
    given = particles("contact_rate", data, box, dim)
    check_radius("contact_rate", radius, given)
    n, frames, count = given.positions.shape[:3]
    if frames < 2:
        raise InvalidInput("contact_rate: contacts begin between frames; give two or more.")
    new = np.zeros((n, frames - 1))
    both = given.present[:, 1:] & given.present[:, :-1]
    for i in range(n):
        before = _contacts(given, i, 0, radius)
        for k in range(1, frames):
            now = _contacts(given, i, k, radius)
            fresh = np.setdiff1d(now, before, assume_unique=True)
            # Who was not there before did not meet anybody, but appeared.
            new[i, k - 1] = np.sum(both[i, k - 1][fresh // count] & both[i, k - 1][fresh % count])
            before = now
    return pooled("contact_rate", 2 * new, both.sum(-1) * np.diff(given.times))


def _ball(radius: np.ndarray, dim: int) -> np.ndarray:
    """Volume of a ball."""
    return np.asarray(math.pi ** (dim / 2) / math.gamma(dim / 2 + 1) * radius**dim)


def _all_pairs(given: Particles) -> np.ndarray:
    """Ordered pairs in every frame, (n, times)."""
    count = given.present.sum(-1).astype(float)
    return count * (count - 1)


def _pairs_within(given: Particles, radii: np.ndarray) -> np.ndarray:
    """Ordered pairs of different particles within each distance, (n, times, radii)."""
    n, frames = given.positions.shape[:2]
    found = np.zeros((n, frames, radii.size))
    for i in range(n):
        for k in range(frames):
            tree, there = given.trees(i, k)
            if there.size:
                found[i, k] = tree.count_neighbors(tree, radii) - there.size
    return found


def _contacts(given: Particles, i: int, k: int, radius: float) -> np.ndarray:
    """Pairs within the radius, each as one whole number."""
    tree, there = given.trees(i, k)
    pairs = tree.query_pairs(radius, output_type="ndarray")
    first, second = there[pairs[:, 0]], there[pairs[:, 1]]
    return np.minimum(first, second) * given.positions.shape[2] + np.maximum(first, second)


def _unwrapped(given: Particles) -> np.ndarray:
    """Paths without jumps at the border; a gap is bridged by the shortest way."""
    frame = np.where(given.present, np.arange(given.times.size)[:, None], 0)
    last = np.maximum.accumulate(frame, axis=1)
    filled = np.take_along_axis(given.positions, last[..., None], axis=1)
    jumps = np.nan_to_num(given.nearest(np.diff(filled, axis=1)))
    return np.concatenate([np.zeros_like(filled[:, :1]), np.cumsum(jumps, axis=1)], axis=1)
