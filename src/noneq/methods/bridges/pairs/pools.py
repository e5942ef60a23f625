"""Pools of pairs of successive snapshots, drawn on the host before training."""

import warnings
from typing import Any

import jax
import numpy as np

from noneq._typing import Key
from noneq.data.snapshots import Snapshots
from noneq.errors import InvalidInput
from noneq.frames.normaliser import Normaliser
from noneq.methods.bridges.base import AbstractBridge, begun
from noneq.methods.bridges.pairs.couplings import AbstractCoupling
from noneq.methods.bridges.pairs.growth import AbstractGrowth


_MOST_NUMBERS = 2**27
"""Numbers in the pool of one interval: half a gigabyte."""


def check_snapshots(data: Snapshots, name: str) -> None:
    """Refuse data that no bridge connects.

    Raises:
        InvalidInput: fewer than two times, or a snapshot of a single sample.
    """
    if data.times.size < 2:
        raise InvalidInput(
            f"{name}: the data have one time, {data.times[0]:g}; a bridge needs at least two "
            "snapshots. For a single law take ScoreMatching or FlowMatching."
        )
    if data.counts.min() < 2:
        i = int(np.argmin(data.counts))
        raise InvalidInput(
            f"{name}: the snapshot at time {data.times[i]:g} has one sample; give at least 2 "
            "(hundreds are usual), or leave that time out."
        )


def seeded(key: Key) -> np.random.Generator:
    """A generator of the host that a random key determines."""
    return np.random.default_rng(np.asarray(jax.random.key_data(key)).ravel().tolist())


def centred(
    data: Snapshots, normaliser: Normaliser, width: float | None, rng: np.random.Generator
) -> np.ndarray:
    """Flat states from the centre of the data, float64 in the user's units.

    Args:
        width: of the uniform noise that fills the gaps of discrete data; None or 0 for none.
    """
    flat = data.values.reshape(data.n, -1).astype(np.float64)
    if width:
        flat = flat + width * (rng.random(flat.shape) - 0.5)
    return flat - np.asarray(normaliser.shift.value, np.float64)


def pair_pool(
    data: Snapshots,
    normaliser: Normaliser,
    coupling: AbstractCoupling,
    bridge: AbstractBridge,
    count: int,
    width: float | None,
    rng: np.random.Generator,
    growth: AbstractGrowth | None = None,
    rates: np.ndarray | None = None,
    lineage: np.ndarray | None = None,
) -> dict[str, Any]:
    """Rows to learn from: ``count`` pairs of each interval (as many as samples if there are more).

    Pairs lie inside groups of equal conditions, each of which gets its share of samples. With
    ``growth`` there are also ``log_growth`` of the starts, and ``log_weight``, the same relative to
    the mean; ``rates`` are what it takes, one for every sample. ``lineage`` is the number of the clone
    of every sample, −1 for none: pairs lie inside clones that are at both ends, and those of other
    samples among themselves.

    Raises:
        InvalidInput: a condition that occurs at one end of an interval only.
    """
    states = centred(data, normaliser, width, rng)
    parts: list[dict[str, Any]] = []
    for i, duration in enumerate(np.diff(data.times)):
        own, duration = begun(bridge, float(data.times[i])), float(duration)
        cost = lambda a, b, own=own, duration=duration: own.cost(a, b, duration)
        before, after = (np.flatnonzero(data.time_index == k) for k in (i, i + 1))
        most = max(_MOST_NUMBERS // states.shape[1], 1)
        total = min(max(count, len(before), len(after)), most)
        for left, right, share in _groups(data, before, after, lineage):
            size = max(1, round(total * share))
            known = np.zeros(0) if rates is None else rates[left]
            ends = (states[left], states[right], cost, size)
            if growth is None:
                pairs, more = coupling.pairs(*ends, rng), {}
            else:
                pairs, log_growth = growth.pairs(coupling, *ends, known, duration, rng)
                mean = np.log(np.exp(log_growth).mean())
                own_growth = log_growth[pairs.start].astype(np.float32)
                more = {"log_growth": own_growth, "log_weight": own_growth - np.float32(mean)}
            rows = left[pairs.start]
            parts.append(
                more
                | {
                    "start": states[rows].astype(np.float32),
                    "end": states[right[pairs.end]].astype(np.float32),
                    "time": np.full(len(rows), data.times[i], np.float32),
                    "duration": np.full(len(rows), duration, np.float32),
                    "condition": None
                    if data.condition is None
                    else data.condition[rows].astype(np.float32),
                }
            )
    whole = lambda name: np.concatenate([part[name] for part in parts])
    return {name: None if parts[0][name] is None else whole(name) for name in parts[0]}


def _groups(
    data: Snapshots, before: np.ndarray, after: np.ndarray, lineage: np.ndarray | None
) -> list[tuple[np.ndarray, np.ndarray, float]]:
    """(rows before, rows after, share) of every condition and clone of an interval."""
    groups = _kinds(data, before, after)
    if lineage is None:
        return groups
    parts = [part for left, right, _ in groups for part in clones(left, right, lineage)]
    known = np.intersect1d(lineage[before], lineage[after])
    if not (known >= 0).any():
        first, last = data.times[data.time_index[before[0]]], data.times[data.time_index[after[0]]]
        warnings.warn(
            f"no clone occurs at both ends of the interval {first:g} to {last:g}: its pairs are made "
            "without labels of lineage.",
            stacklevel=2,
        )
    total = sum(len(left) for left, _ in parts)
    return [(left, right, len(left) / total) for left, right in parts]


def clones(
    left: np.ndarray, right: np.ndarray, lineage: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows before and after of each clone that is at both ends, and of all other samples together."""
    shared = np.intersect1d(lineage[left], lineage[right])
    shared = shared[shared >= 0]
    inside = [(left[lineage[left] == c], right[lineage[right] == c]) for c in shared]
    rest = [part[~np.isin(lineage[part], shared)] for part in (left, right)]
    return [*inside, (rest[0], rest[1])] if len(rest[0]) and len(rest[1]) else inside


def _kinds(
    data: Snapshots, before: np.ndarray, after: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray, float]]:
    """(rows before, rows after, share) of every condition of an interval."""
    if data.condition is None:
        return [(before, after, 1.0)]
    kinds, place = np.unique(data.condition, axis=0, return_inverse=True)
    place = place.ravel()
    groups = []
    for kind in np.unique(place[np.concatenate([before, after])]):
        left, right = before[place[before] == kind], after[place[after] == kind]
        if not (len(left) and len(right)):
            lone = data.times[data.time_index[(left if len(left) else right)[0]]]
            raise InvalidInput(
                f"condition {kinds[kind].tolist()} occurs at time {lone:g} and not at the other end "
                "of the interval; pairs need samples of equal conditions at both. Round quantities "
                "to a few values, or leave the condition out."
            )
        groups.append((left, right, len(left) / len(before)))
    return groups
