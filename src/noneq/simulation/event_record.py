"""Records of events: when which transition happened, path after path."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from noneq.errors import InvalidInput


@dataclass(frozen=True, eq=False, repr=False)
class Events:
    """Transitions of several paths, each at its own time; N events in all.

    Args:
        times: ``(N,)`` times of the events, rising within a path.
        kind: ``(N,)`` whole numbers: which transition each is.
        reverse: for each kind the number of the one that undoes it; −1 if there is none.
        path: ``(N,)`` number of the path, not falling; None is one path.
        n: number of paths, also those without events; None takes the largest number plus one.
        begin, end: between these times all paths were watched; None takes those of the events.
        before, after: ``(N, *event_shape)`` states, if they are known.

    Raises:
        InvalidInput: fields of different lengths, times that fall within a path or lie outside the
            watch, kinds without a place in ``reverse``, or an empty record.
    """

    times: Any
    kind: Any
    reverse: Any
    path: Any = None
    n: Any = None
    begin: Any = None
    end: Any = None
    before: Any = None
    after: Any = None

    def __post_init__(self) -> None:
        fill = lambda name, value: object.__setattr__(self, name, value)
        times = np.asarray(self.times, np.float64)
        path = np.zeros(times.shape, int) if self.path is None else np.asarray(self.path)
        kind = np.asarray(self.kind)
        if times.ndim != 1 or kind.shape != times.shape or path.shape != times.shape:
            raise InvalidInput(
                f"Events: times have the shape {times.shape}, kind {kind.shape}, path {path.shape}; "
                "expected the same length, one entry an event."
            )
        if (
            not np.isfinite(times).all()
            or kind.dtype.kind not in "iu"
            or path.dtype.kind not in "iu"
        ):
            raise InvalidInput("Events: times must be finite, kinds and paths whole numbers.")
        reverse = tuple(int(r) for r in self.reverse)
        if any(not -1 <= r < len(reverse) for r in reverse) or any(
            reverse[r] != k for k, r in enumerate(reverse) if r >= 0
        ):
            raise InvalidInput(
                f"Events: reverse = {reverse[:12]}; expected for each kind its partner, whose own "
                "partner is that kind again, or −1."
            )
        if times.size and not 0 <= kind.min() <= kind.max() < len(reverse):
            raise InvalidInput(
                f"Events: kinds run from {kind.min()} to {kind.max()}; reverse names "
                f"{len(reverse)} kinds, numbered from 0."
            )
        same = np.diff(path) == 0
        if (np.diff(path) < 0).any() or (np.diff(times)[same] < 0).any():
            raise InvalidInput("Events: sort them by path, then by time.")
        given = self.begin is not None and self.end is not None
        if not times.size and not given:
            raise InvalidInput("Events: no events; say begin= and end= of the watch.")
        n = int(self.n if self.n is not None else path.max(initial=0) + 1)
        begin = float(self.begin if self.begin is not None else times.min())
        end = float(self.end if self.end is not None else times.max())
        outside = times.size and (times.min() < begin or times.max() > end)
        if outside or not end > begin or path.max(initial=0) >= n or path.min(initial=0) < 0:
            raise InvalidInput(
                f"Events: watched from {begin:g} to {end:g} on {n} paths; all events must lie there, "
                "and the watch must last."
            )
        for name in ("before", "after"):
            states = getattr(self, name)
            if states is not None and len(states) != times.size:
                raise InvalidInput(f"Events: {name} has {len(states)} states, {times.size} events.")
        for name, value in (
            ("times", times), ("kind", kind.astype(np.int64)), ("path", path.astype(np.int64)),
            ("reverse", reverse), ("n", n), ("begin", begin), ("end", end),
        ):  # fmt: skip
            fill(name, value)

    @property
    def duration(self) -> float:
        """Time watched, all paths together."""
        return self.n * (self.end - self.begin)

    def visible(self, *kinds: int) -> "Events":
        """The record of an observer who sees these kinds only, renumbered from 0 in this order.

        Raises:
            InvalidInput: no kinds, unknown ones, or one twice.
        """
        known = range(len(self.reverse))
        if not kinds or len(set(kinds)) < len(kinds) or not set(kinds) <= set(known):
            raise InvalidInput(
                f"Events.visible: {kinds}; expected some of the kinds 0 … {known[-1]}."
            )
        new = np.full(len(self.reverse) + 1, -1)
        new[list(kinds)] = np.arange(len(kinds))
        keep = new[self.kind] >= 0
        pick = lambda states: None if states is None else states[keep]
        return Events(
            self.times[keep],
            new[self.kind[keep]],
            tuple(int(new[self.reverse[k]]) for k in kinds),
            self.path[keep],
            self.n,
            self.begin,
            self.end,
            pick(self.before),
            pick(self.after),
        )

    def sequences(self) -> list[np.ndarray]:
        """For every path with events its states one after the other, whatever the times between.

        Raises:
            InvalidInput: states are not known.
        """
        if self.before is None or self.after is None:
            raise InvalidInput("Events.sequences: the states are not known.")
        edges = np.flatnonzero(np.diff(self.path)) + 1
        starts = np.concatenate([[0], edges]) if self.times.size else []
        return [
            np.concatenate([self.before[i : i + 1], part]).reshape(len(part) + 1, -1).squeeze(1)
            if part[0].size == 1
            else np.concatenate([self.before[i : i + 1], part])
            for i, part in zip(starts, np.split(self.after, edges), strict=True)
        ]

    def __repr__(self) -> str:
        return (
            f"Events({self.times.size:,} of {len(self.reverse)} kinds on {self.n:,} paths from "
            f"{self.begin:g} to {self.end:g})"
        )
