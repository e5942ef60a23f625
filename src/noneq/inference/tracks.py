"""From moving fields to particles: blobs are found in every frame and followed."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.ndimage import label
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from noneq._typing import Numbers
from noneq.data.ensembles import Trajectories
from noneq.errors import InvalidInput
from noneq.needs import observable


@dataclass(frozen=True, eq=False)
class Tracks:
    """Blobs of moving fields, followed from frame to frame.

    Args:
        positions: (n, times, tracks, 2) rows and columns of the centres in units of sites, site
            (0, 0) at the origin, within one period; NaN where a track is absent. n fields have
            different numbers of tracks; the rest is NaN.
        masses: (n, times, tracks) Σ (field − threshold) over the blob; 0 where absent.
        times: (times,).
        box: (h, w), the period; None without wrap.
    """

    positions: np.ndarray
    masses: np.ndarray
    times: np.ndarray
    box: tuple[float, float] | None

    @property
    def present(self) -> np.ndarray:
        """(n, times, tracks) booleans."""
        return self.masses > 0

    @property
    def numbers(self) -> np.ndarray:
        """Blobs in every frame, (n, times)."""
        return self.present.sum(-1)


@observable("trajectories", more=("threshold", "distance"), number=False)
def field_tracks(
    fields: Trajectories | Numbers,
    threshold: float,
    *,
    distance: float,
    channel: int = 0,
    least: int = 1,
    periodic: bool = True,
) -> Tracks:
    """Tracks of the connected blobs of a field above a threshold.

    A blob is a set of sites with field > threshold that touch at edges (across the border of a
    periodic field too); its centre is the mean place weighted with field − threshold. From one
    frame to the next blobs are paired so that the sum of distances is least, among pairs that lie
    at most ``distance`` apart; what has no partner ends, or begins a track. A blob that is missed
    in one frame begins a new track; when two merge, one track goes on. Runs on the host.

    Args:
        fields: `Trajectories` of fields or an array (n, times, channels, h, w), one unit of time
            per frame.
        threshold: in the field's unit. For holes give −field and −threshold.
        distance: the farthest that a blob may move between two frames, in sites.
        channel: which channel is looked at.
        least: blobs of fewer sites are left out.
        periodic: whether opposite borders touch.

    Raises:
        InvalidInput: fields of another shape or not finite, an unknown channel, or a distance or
            least that is not positive.
    """
    values, times = _checked(fields, channel, distance, least)
    n, frames, _, *shape = values.shape
    size = np.asarray(shape, float)
    everything = [
        [_blobs(frame, threshold, least, periodic) for frame in path]
        for path in values[:, :, channel]
    ]
    paths = [
        _linked([c for c, _ in path], size if periodic else None, distance) for path in everything
    ]
    count = max((int(ids.max()) + 1 for path in paths for ids in path if ids.size), default=0)
    positions = np.full((n, frames, count, 2), np.nan)
    masses = np.zeros((n, frames, count))
    for i, path in enumerate(paths):
        for k, ids in enumerate(path):
            positions[i, k, ids], masses[i, k, ids] = everything[i][k]
    box = (float(size[0]), float(size[1])) if periodic else None
    return Tracks(positions, masses, times, box)


def _blobs(
    frame: np.ndarray, threshold: float, least: int, periodic: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Centres (blobs, 2) and masses (blobs,)."""
    marks = np.zeros(frame.shape, int)
    count = int(label(frame > threshold, output=marks))  # pyright: ignore
    if periodic and count:
        marks, count = _across_borders(marks, count)
    rows, columns = np.nonzero(marks)
    which = marks[rows, columns] - 1
    weight = frame[rows, columns] - threshold
    total = lambda values: np.bincount(which, values, minlength=count)
    kept = np.bincount(which, minlength=count) >= least
    mass = total(weight)
    centre = []
    for place, side in ((rows, frame.shape[0]), (columns, frame.shape[1])):
        if not periodic:
            centre.append(total(weight * place) / mass)
            continue
        # The circular mean tells where the blob is; the mean gap from there is its exact centre.
        angle = 2 * np.pi * place / side
        near = np.arctan2(total(weight * np.sin(angle)), total(weight * np.cos(angle)))
        near = near * side / (2 * np.pi)
        gap = place - near[which]
        gap -= side * np.round(gap / side)
        centre.append(np.mod(near + total(weight * gap) / mass, side))
    return np.stack(centre, -1)[kept], mass[kept]


def _across_borders(marks: np.ndarray, count: int) -> tuple[np.ndarray, int]:
    """Blobs that touch across the border become one."""
    first = np.concatenate([marks[0], marks[:, 0]])
    last = np.concatenate([marks[-1], marks[:, -1]])
    touch = (first > 0) & (last > 0)
    graph = coo_array((np.ones(touch.sum()), (first[touch] - 1, last[touch] - 1)), (count, count))
    fewer, names = connected_components(graph, directed=False)
    return np.concatenate([[0], names + 1])[marks], int(fewer)


def _linked(
    centres: list[np.ndarray], size: np.ndarray | None, distance: float
) -> list[np.ndarray]:
    """The number of the track of every blob, frame by frame."""
    path, born = [], 0
    before, old = np.empty((0, 2)), np.empty(0, int)
    for now in centres:
        ids = np.full(len(now), -1)
        gap = now[:, None] - before[None]
        if size is not None:
            gap -= size * np.round(gap / size)
        cost = np.linalg.norm(gap, axis=-1)
        # Partners that are too far cost more than any set of near ones.
        far = cost > distance
        mine, theirs = linear_sum_assignment(
            np.where(far, 1e3 * (distance + 1) * (1 + cost.size), cost)
        )
        near = ~far[mine, theirs]
        ids[mine[near]] = old[theirs[near]]
        fresh = np.flatnonzero(ids < 0)
        ids[fresh] = born + np.arange(fresh.size)
        born += fresh.size
        before, old = now, ids
        path.append(ids)
    return path


def _checked(
    fields: Trajectories | Any, channel: int, distance: float, least: int
) -> tuple[np.ndarray, np.ndarray]:
    """Values (n, times, channels, h, w) in float64, and times."""
    given = isinstance(fields, Trajectories)
    values = np.asarray(fields.values if given else fields, float)
    if values.ndim != 5:
        raise InvalidInput(
            f"field_tracks: fields have shape {values.shape}; expected (n, times, channels, h, w)."
        )
    if not np.isfinite(values).all() or (given and fields.mask is not None):
        raise InvalidInput("field_tracks: fields hold NaN, infinity or masked frames; drop them.")
    if not 0 <= channel < values.shape[2]:
        raise InvalidInput(f"field_tracks: channel = {channel} of {values.shape[2]} channels.")
    if not (distance > 0 and least >= 1):
        raise InvalidInput(
            f"field_tracks: distance = {distance}, least = {least}; expected > 0 and ≥ 1."
        )
    return values, fields.times if given else np.arange(values.shape[1], dtype=float)
