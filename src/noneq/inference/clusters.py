"""Clusters of particles, followed from frame to frame."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from noneq._typing import Numbers
from noneq.data.ensembles import Trajectories
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.inference.particles import Particles, check_radius, jackknife, particles, pooled
from noneq.inference.tracks import Tracks
from noneq.needs import observable


@dataclass(frozen=True, eq=False)
class ClusterTracks:
    """Which cluster every particle belongs to, and what clusters are like.

    Args:
        labels: (n, times, particles) whole numbers, the same for one cluster at all times and
            counted from 0 in every trajectory; −1 outside clusters and where absent.
        number: clusters per frame.
        size: particles per cluster, over all clusters of all frames; NaN if there are none.
        lifetime: time from the first to the last frame of a cluster; a lower bound, as clusters
            may have begun before and go on after the observation. NaN if there are none.
    """

    labels: np.ndarray
    number: Estimate
    size: Estimate
    lifetime: Estimate


@observable("trajectories", more=("radius",), number=False)
def cluster_tracks(
    data: Trajectories | Tracks | Numbers,
    radius: float,
    *,
    least: int = 2,
    box: Numbers | None = None,
    dim: int | None = None,
) -> ClusterTracks:
    """Clusters of particles that are linked by distances up to a radius, and how long they last.

    A cluster of a frame is a connected component of the graph of pairs within ``radius``. It takes
    the identity of the cluster of the frame before with which it shares most particles, largest
    overlaps first, and every identity goes on once: when a cluster splits, the larger part keeps
    it; when two merge, that of the one with more particles stays. Others are new.

    Args:
        data: as for the measures of `noneq.inference.collective`.
        radius: at most half the box.
        least: components of fewer particles are no clusters.
        box, dim: as there.

    Returns:
        Means over all frames. Errors over trajectories; of a single one over blocks of its frames,
        for the lifetime over its clusters.

    Raises:
        InvalidInput: a radius beyond half the box, least below 1, or a single frame in all.
    """
    given = particles("cluster_tracks", data, box, dim)
    check_radius("cluster_tracks", radius, given)
    if isinstance(least, bool) or int(least) != least or least < 1:
        raise InvalidInput(f"cluster_tracks: least = {least}; expected a whole number ≥ 1.")
    n, frames, count = given.positions.shape[:3]
    labels = np.full((n, frames, count), -1)
    number, lives = np.zeros((n, frames)), []
    for i in range(n):
        born = 0
        before = np.full(count, -1)
        for k in range(frames):
            now = _components(given, i, k, radius, least)
            number[i, k] = now.max() + 1
            before, born = _continued(before, now, born)
            labels[i, k] = before
        lives.append(_lifetimes(labels[i], given.times, born))
    members = (labels >= 0).sum(-1).astype(float)
    if n >= 2:
        total = np.asarray([life.sum() for life in lives])
        lifetime = jackknife(total, np.asarray([life.size for life in lives], float), bound="lower")
    else:
        lifetime = jackknife(lives[0], np.ones(lives[0].size), bound="lower")
    return ClusterTracks(
        labels=labels,
        number=pooled("cluster_tracks", number, np.ones_like(number)),
        size=pooled("cluster_tracks", members, number),
        lifetime=lifetime,
    )


def _components(given: Particles, i: int, k: int, radius: float, least: int) -> np.ndarray:
    """Number of the cluster of every particle in one frame, −1 for none."""
    tree, there = given.trees(i, k)
    labels = np.full(given.positions.shape[2], -1)
    if there.size == 0:
        return labels
    pairs = tree.query_pairs(radius, output_type="ndarray")
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), (there.size, there.size))
    _, component = connected_components(graph, directed=False)
    large = np.bincount(component) >= least
    names = np.where(large, np.cumsum(large) - 1, -1)
    labels[there] = names[component]
    return labels


def _continued(before: np.ndarray, now: np.ndarray, born: int) -> tuple[np.ndarray, int]:
    """The components of now with identities, and how many have been given so far."""
    names = np.full(now.max() + 2, -1)  # the last one is that of −1
    both = (before >= 0) & (now >= 0)
    links, overlap = np.unique(np.stack([before[both], now[both]]), axis=1, return_counts=True)
    taken = set()
    for old, new in links[:, np.argsort(-overlap, kind="stable")].T:
        if old not in taken and names[new] < 0:
            taken.add(old)
            names[new] = old
    fresh = np.flatnonzero(names[:-1] < 0)
    names[fresh] = born + np.arange(fresh.size)
    return names[now], born + fresh.size


def _lifetimes(labels: np.ndarray, times: np.ndarray, count: int) -> np.ndarray:
    """Last minus first time of each identity of one trajectory."""
    first, last = np.full(count, np.inf), np.full(count, -np.inf)
    frame = np.broadcast_to(times[:, None], labels.shape)[labels >= 0]
    np.minimum.at(first, labels[labels >= 0], frame)
    np.maximum.at(last, labels[labels >= 0], frame)
    return last - first
