"""What measures of particles share: reading positions and velocities, and errors."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial import KDTree

from noneq.data.ensembles import Trajectories
from noneq.domains import Product, Torus
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.inference.tracks import Tracks


_BLOCKS = 10


@dataclass(frozen=True, eq=False)
class Particles:
    """Positions, and velocities if the states hold them; NaN where a particle is absent.

    Args:
        positions: (n, times, particles, d), wrapped into [0, box) if there is a box.
        velocities: of the same shape, or None.
        box: (d,) periods, or None in free space.
        times: (times,).
    """

    positions: np.ndarray
    velocities: np.ndarray | None
    box: np.ndarray | None
    times: np.ndarray

    @property
    def present(self) -> np.ndarray:
        """(n, times, particles) booleans."""
        return np.all(np.isfinite(self.positions), axis=-1)

    @property
    def volume(self) -> float:
        """Of the box; 1 if there is none."""
        return float(np.prod(self.box)) if self.box is not None else 1.0

    def nearest(self, gap: np.ndarray) -> np.ndarray:
        """Displacements to the nearest image."""
        return gap if self.box is None else gap - self.box * np.round(gap / self.box)

    def trees(self, i: int, k: int) -> tuple[KDTree, np.ndarray]:
        """The particles of one frame that are present, and their numbers."""
        frame = self.positions[i, k]
        there = np.flatnonzero(np.isfinite(frame).all(-1))
        return KDTree(frame[there], boxsize=self.box), there


def particles(name: str, data: Trajectories | Tracks | Any, box: Any, dim: int | None) -> Particles:
    """Positions and velocities of `Trajectories`, `Tracks` or an array (n, times, particles, d).

    Raises:
        InvalidInput: another shape, infinite values, or a box or dim that does not fit.
    """
    values, times, box, dim = _taken_apart(data, box, dim)
    if values.ndim != 4 or 0 in values.shape:
        raise InvalidInput(
            f"{name}: states have shape {values.shape}; expected (n, times, particles, coordinates)."
        )
    if np.isinf(values).any():
        raise InvalidInput(f"{name}: states hold infinite values.")
    width = values.shape[-1]
    dim = width if dim is None else dim
    if not 1 <= dim <= width:
        raise InvalidInput(f"{name}: dim = {dim}; the states have {width} coordinates.")
    places = values[..., :dim]
    if box is not None:
        box = np.asarray(box, float)
        if box.shape not in {(), (dim,)} or not (np.isfinite(box).all() and (box > 0).all()):
            raise InvalidInput(f"{name}: box = {box}; expected one or {dim} positive periods.")
        box = np.broadcast_to(box, (dim,)).copy()
        places = np.mod(places, box)
        places = np.where(places >= box, 0.0, places)  # a tiny negative number rounds to box
    velocities = values[..., dim : 2 * dim] if width >= 2 * dim else None
    return Particles(places, velocities, box, times)


def _taken_apart(data: Any, box: Any, dim: int | None) -> tuple:
    """Values with NaN where nothing was seen, times, and what the data know of box and dim."""
    if isinstance(data, Tracks):
        return data.positions, data.times, data.box if box is None else box, 2
    if not isinstance(data, Trajectories):
        values = np.asarray(data, float)
        return values, np.arange(values.shape[1] if values.ndim > 1 else 0, dtype=float), box, dim
    values = data.values.astype(float)
    if data.mask is not None:
        values[~data.mask] = np.nan
    domain = data.domain
    if isinstance(domain, Product):
        dim = domain.sizes[0] if dim is None else dim
        domain = domain.parts[0]
    if box is None and isinstance(domain, Torus):
        box = domain.period
    return values, data.times, box, dim


def check_radius(name: str, radius: Any, given: Particles, needs_box: bool = False) -> None:
    """Refuse distances that are not positive or beyond half the box.

    Raises:
        InvalidInput: naming the limit; or there is no box and one is needed.
    """
    largest = float(np.max(radius))
    if not (np.isfinite(radius).all() and largest > 0):
        raise InvalidInput(f"{name}: distance {radius}; expected finite and > 0.")
    if given.box is None and needs_box:
        raise InvalidInput(
            f"{name}: an ideal gas has a density only in a periodic box; give box=, or data whose "
            "domain is a Torus (or a Product that begins with one)."
        )
    if given.box is not None and largest > given.box.min() / 2 * (1 + 1e-9):
        raise InvalidInput(
            f"{name}: distance {largest:g} is beyond half the box, {given.box.min() / 2:g}, where "
            "images would be counted twice."
        )


def pooled(name: str, counts: np.ndarray, expected: np.ndarray, **fields: Any) -> Estimate:
    """Σ counts/Σ expected, arrays (n, times, *batch), with its error.

    The error is a jackknife over the n ≥ 2 trajectories; of a single one over ten blocks of
    consecutive frames (fewer if there are fewer frames), which is too small if what is measured
    changes more slowly than a block lasts.

    Raises:
        InvalidInput: a single frame of a single trajectory.
    """
    expected = np.broadcast_to(expected, counts.shape)
    if counts.shape[0] >= 2:
        return jackknife(counts.sum(1), expected.sum(1), **fields)
    frames = counts.shape[1]
    if frames < 2:
        raise InvalidInput(
            f"{name}: one trajectory with one frame to compare has no error; give more of either."
        )
    starts = np.linspace(0, frames, min(_BLOCKS, frames), endpoint=False).astype(int)
    blocks = lambda values: np.add.reduceat(values[0], starts, axis=0)
    return jackknife(blocks(counts), blocks(expected), **fields)


def jackknife(counts: np.ndarray, expected: np.ndarray, **fields: Any) -> Estimate:
    """Σ counts/Σ expected over independent units (units, *batch), with its error.

    The error is NaN where all that was expected stands in one unit.
    """
    units = max(counts.shape[0], 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = counts.sum(0) / expected.sum(0)
        without = (counts.sum(0) - counts) / (expected.sum(0) - expected)
        gap = without - without.sum(0) / units
        stderr = np.sqrt((units - 1) / units * np.sum(gap**2, 0))
    return Estimate(np.asarray(value), np.asarray(stderr), np.asarray(units), **fields)
