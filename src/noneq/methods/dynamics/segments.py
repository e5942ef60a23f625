"""Stretches of recorded paths, side by side, for a filter that follows all of them at once."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from noneq.data.ensembles import Trajectories
from noneq.errors import InvalidInput


_LENGTH = 40
_MOST = 2048


class Segments(NamedTuple):
    """S stretches of L frames each; a stretch knows a few frames before those that it counts.

    Attributes:
        start: its first observed position, ``(S, dim)``.
        first: the frame of that position, ``(S,)``.
        values: positions, ``(S, L, dim)``; 0 where there is none.
        seen: where there is one, ``(S, L)``.
        counted: whose frames belong to this stretch and not to the one before, ``(S, L)``.
        dt: time since the frame before, 0 up to the first observed one, ``(S, L)``.
        block: of the record, ``(S,)``.
    """

    start: Float[np.ndarray, "S dim"]
    values: Float[np.ndarray, "S L dim"]
    seen: Bool[np.ndarray, "S L"]
    counted: Bool[np.ndarray, "S L"]
    dt: Float[np.ndarray, "S L"]
    block: Int[np.ndarray, " S"]


def segments(trajectories: Trajectories, before: int, blocks: int) -> Segments:
    """The paths in stretches of about equal length.

    Args:
        trajectories: ``(n, T, *event_shape)``; gaps and uneven times are allowed.
        before: frames that a filter needs to forget how it began.
        blocks: of neighbouring stretches, whose sums are nearly independent.

    Raises:
        InvalidInput: no path with two observed frames.
    """
    n, frames = trajectories.values.shape[:2]
    length = max(_LENGTH, 3 * before, -(-n * frames // _MOST))
    cuts = max(1, round((frames - 1) / length))
    edges = np.linspace(1, frames, cuts + 1).astype(int)
    width = int(np.diff(edges).max()) + before
    # Frame 0 of a path is where its first stretch begins.
    first = np.maximum(edges[:-1] - before, 0)
    places = first[:, None] + np.arange(width)
    inside = places < edges[1:, None]
    places = np.minimum(places, frames - 1)
    seen = trajectories.observed[:, places] & inside
    values = trajectories.values.reshape(n, frames, -1)[:, places].astype(np.float64)
    seen, values = seen.reshape(n * cuts, -1), values.reshape(n * cuts, width, -1)
    gaps = np.diff(trajectories.times.astype(np.float64), prepend=trajectories.times[0])[places]
    own = (places >= edges[:-1, None]) & inside
    gaps, own = (np.tile(part, (n, 1)) for part in (gaps, own))
    begin = seen.argmax(1)
    after = np.arange(width) > begin[:, None]
    dt = np.where(after & np.tile(inside, (n, 1)), gaps, 0.0)
    keep = (seen & after).any(1)
    if not keep.any():
        raise InvalidInput("no path has two observed frames; give longer paths or fewer gaps.")
    start = values[np.arange(len(values)), begin]
    values = np.where(seen[..., None], values, 0.0)
    block = np.arange(len(values)) * min(blocks, len(values)) // len(values)
    parts = (start, values, seen & after, seen & after & own, dt, block)
    return Segments(*(part[keep] for part in parts))
