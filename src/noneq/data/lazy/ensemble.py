"""An ensemble that stays in its file: what training needs of it, a few chunks at a time."""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from noneq._typing import Key
from noneq.data.checks import check_fraction, held_out
from noneq.data.formats.mapped import mapped
from noneq.data.lazy.chunks import ChunkedArray
from noneq.data.lazy.paths import LazyPaths, Part
from noneq.data.snapshots import Snapshots
from noneq.data.trajectories import Trajectories
from noneq.domains import AbstractDomain
from noneq.errors import InvalidInput
from noneq.kinds import as_key, checked


_WINDOW = 5_000_000
"""Bytes of the chunks that a batch is drawn from."""
_READERS = 4


@dataclass(frozen=True, repr=False)
class LazyEnsemble:
    """Snapshots or trajectories of a zarr folder, of which a few chunks are in memory at a time.

    `noneq.data.read` gives it with ``lazy=True``; methods that learn from rows of single states take
    it in place of `Snapshots` or `Trajectories`. Batches are drawn from windows: some 5 MB of
    chunks in random order, each chunk in one window an epoch. Which chunks is a pure function of
    (seed, window).

    Attributes:
        path: the folder, written by this library.
        kind: ``"snapshots"`` or ``"trajectories"``.
        n: samples over all times, or trajectories (of the whole file, also after `split`).
        times: (T,) the distinct times.
        event_shape: shape of one state.
        nbytes: size of all values.
        names, units, time_unit, domain, condition_names, categories, transform, scaling,
            drawn_from: as in `Snapshots`.

    Raises:
        InvalidInput: the folder was not written by this library; `noneq convert` writes it so.
        DataFileError: it is damaged.

    Source: own construction.
    """

    path: Path
    kind: Literal["snapshots", "trajectories"]
    times: np.ndarray
    _clock: np.ndarray
    _values: ChunkedArray
    _time: ChunkedArray
    _condition: ChunkedArray | None
    _labels: dict[str, Any]
    _parts: tuple[Part, ...] = ()

    @property
    def n(self) -> int:
        """Samples over all times, or trajectories, of the whole file."""
        return self._values.shape[0]

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one state."""
        return self._values.shape[self._lead :]

    @property
    def nbytes(self) -> int:
        """Bytes of all values."""
        return self._values.nbytes

    @property
    def has_condition(self) -> bool:
        """Whether a condition goes with each sample or trajectory."""
        return self._condition is not None

    @property
    def domain(self) -> AbstractDomain:
        """Where the states live."""
        return self._labels["domain"]

    @property
    def transform(self) -> tuple[str, ...]:
        """For each coordinate the scale on which a model sees it."""
        return self._labels["transform"]

    @property
    def scaling(self) -> str:
        """How a model's scale is measured."""
        return self._labels["scaling"]

    def labels(self) -> dict[str, Any]:
        """What travels with the data: names, units, domain, what conditions are called, scales."""
        return dict(self._labels)

    def __repr__(self) -> str:
        """Counts, times and size."""
        return (
            f"LazyEnsemble of {self.n:,} {self.kind} in {self.path.name}, {self.times.size} times, "
            f"states {self.event_shape}, {self.nbytes / 1e6:,.0f} MB"
        )

    @property
    def fingerprint(self) -> str:
        """sha256 of the record and of the checksums of all chunks; reads no values.

        Raises:
            DataFileError: a chunk is missing.
        """
        digest = hashlib.sha256(repr((self.kind, self._parts)).encode() + self.times.tobytes())
        for array in filter(None, (self._values, self._time, self._condition)):
            digest.update(array.digest().encode())
        digest.update((self.path / "zarr.json").read_bytes())
        return digest.hexdigest()

    @property
    def chunks(self) -> int:
        """Number of chunks of the values."""
        return int(np.prod(self._values.grid))

    @property
    def window_chunks(self) -> int:
        """Chunks of one window."""
        size = int(np.prod(self._values.chunks)) * self._values.dtype.itemsize
        return min(self.chunks, max(1, _WINDOW // size))

    @property
    def window_states(self) -> int:
        """States of one window at most."""
        per = int(np.prod(self._values.chunks[: self._lead]))
        return self.window_chunks * per

    def window(self, seed: int, number: int) -> Snapshots:
        """The states of one window, a pure function of (seed, number).

        Every epoch takes all chunks in a new order, window by window; those that fill no window are
        left out of that epoch.

        Raises:
            DataFileError: a chunk is missing or damaged, or the file grew.
            InvalidInput: states that are not finite, or no state of this part.
        """
        size = self.window_chunks
        epoch, place = divmod(number, max(1, self.chunks // size))
        order = np.random.default_rng([seed, epoch]).permutation(self.chunks)
        return self._states(order[place * size : (place + 1) * size])

    def each(self) -> Iterator[Snapshots]:
        """All states, window by window in the order of the file; parts without states are left out.

        Raises:
            DataFileError: a chunk is missing or damaged.
        """
        for first in range(0, self.chunks, self.window_chunks):
            chosen = np.arange(first, min(first + self.window_chunks, self.chunks))
            if found := self._found(chosen):
                yield self._joined(found)

    @checked
    def split(self, fraction: float, *, key: Key) -> tuple["LazyEnsemble", "LazyEnsemble"]:
        """Random split by trajectory or sample: (about ``fraction`` of them, the rest).

        Each goes to the first part with that probability; nothing is read or stored.

        Raises:
            InvalidInput: fraction outside (0, 1).
        """
        check_fraction(fraction)
        import jax

        seed = int(jax.random.key_data(as_key(key))[-1])
        one, rest = Part(seed, 0.0, fraction), Part(seed, fraction, 1.0)
        return replace(self, _parts=(*self._parts, one)), replace(self, _parts=(*self._parts, rest))

    @checked
    def hold_out(
        self, times: Sequence[float] | np.ndarray
    ) -> tuple["LazyEnsemble", "LazyEnsemble"]:
        """(all other times, these times).

        Raises:
            InvalidInput: an unknown time, or none left to train on.
        """
        out = held_out(self.times, times)
        return replace(self, times=self.times[~out]), replace(self, times=self.times[out])

    def check_same(self) -> None:
        """Refuse to go on if the file grew or shrank since it was opened.

        Raises:
            DataFileError: naming the array.
        """
        for array in filter(None, (self._values, self._time, self._condition)):
            array.check_same()

    def mapped(self, path: str | Path) -> Trajectories:
        """All trajectories with their values in a new file ``.npy`` mapped into memory, for thermo.

        Raises:
            InvalidInput: snapshots, or a part of a split.
            WriteFailed: the disk refused.
        """
        if self.kind != "trajectories" or self._parts or len(self.times) < len(self._clock):
            raise InvalidInput(f"{self.path.name} holds no whole trajectories to map into memory.")
        condition = None if self._condition is None else self._condition[:]
        values = mapped(self._values, path)
        return Trajectories(values, self.times, condition=condition, **self._labels)

    @property
    def holds_all_times(self) -> bool:
        """Whether no time of the file is held out."""
        return len(self.times) == len(self._clock)

    @property
    def paths(self) -> LazyPaths:
        """The trajectories, of which stretches are read.

        Raises:
            InvalidInput: snapshots, or times that are held out.
        """
        if self.kind != "trajectories" or not self.holds_all_times:
            raise InvalidInput(f"{self.path.name} holds no whole trajectories.")
        return LazyPaths(self.times, self._values, self._condition, self.labels(), self._parts)

    @property
    def _lead(self) -> int:
        return 2 if self.kind == "trajectories" else 1

    def _states(self, chosen: np.ndarray) -> Snapshots:
        found = self._found(chosen)
        if not found:
            raise InvalidInput(
                f"{self.path.name}: a window of {len(chosen)} chunks holds no state of this part; give "
                "more data or read it whole (without lazy)."
            )
        return self._joined(found)

    def _found(self, chosen: np.ndarray) -> list[tuple[np.ndarray, ...]]:
        """States, their times and conditions of the chunks, those without any left out."""
        self.check_same()
        places = [np.unravel_index(i, self._values.grid) for i in chosen]
        with ThreadPoolExecutor(_READERS) as pool:
            read = lambda at: self._values.chunk(tuple(map(int, at)))
            values = list(pool.map(read, places))
        every = [self._part(at, part) for at, part in zip(places, values, strict=True)]
        return [part for part in every if len(part[0])]

    def _part(self, at: Any, values: np.ndarray) -> tuple[np.ndarray, ...]:
        """Observed states of one chunk that belong to this part, with their times and conditions."""
        rows, *rest = self._values.span(tuple(map(int, at)))
        keep = np.ones(values.shape[: self._lead], bool)
        for part in self._parts:
            inside = part.keeps(rows.start, len(values))
            keep &= inside.reshape(-1, *(1,) * (keep.ndim - 1))
        condition = None if self._condition is None else self._condition[rows]
        if self._lead == 2:
            index = np.broadcast_to(np.arange(rest[0].start, rest[0].stop), keep.shape)
            if np.isnan(values.sum()):
                keep &= ~np.isnan(values).reshape(*keep.shape, -1).all(axis=2)
        else:
            index = np.searchsorted(self._clock, self._time[rows])
        if len(self.times) < len(self._clock):
            index = self._places[index]
            keep &= index >= 0
        if keep.all():
            states, index = values.reshape(-1, *self.event_shape), index.ravel()
            owner = lambda: np.repeat(np.arange(len(values)), keep[0].size)
        else:
            states, index = values[keep], index[keep]
            owner = lambda: np.nonzero(keep)[0]
        if condition is None:
            return states, index.astype(np.int32)
        return states, index.astype(np.int32), condition[owner()]

    @property
    def _places(self) -> np.ndarray:
        """The place of each time of the file among those of this part; −1 if it is held out."""
        here = np.minimum(np.searchsorted(self.times, self._clock), len(self.times) - 1)
        return np.where(self.times[here] == self._clock, here, -1)

    def _joined(self, parts: list[tuple[np.ndarray, ...]]) -> Snapshots:
        states, index, *condition = (np.concatenate(column) for column in zip(*parts, strict=True))
        present = np.bincount(index, minlength=len(self.times)) > 0
        index = index if present.all() else (np.cumsum(present) - 1).astype(np.int32)[index]
        with_each = condition[0] if condition else None
        return Snapshots(states, self.times[present], index, condition=with_each, **self._labels)
