"""zarr format 3, written part by part: whole shards of small chunks, each with its checksum."""

import hashlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from noneq.data.layouts import FORMAT, Raw, label_record, labels_of, record_text
from noneq.data.lazy.chunks import ChunkedArray
from noneq.errors import InvalidInput


_CHUNK = 300_000
"""Bytes of one chunk: the unit of shuffling."""
_SHARD = 64_000_000
"""Bytes of one file, and of what is held while it fills."""
_ROWS = 4096
"""Numbers that a chunk of times or conditions holds at least."""


@dataclass(frozen=True)
class _Layout:
    """Shapes of the chunks and of the shards of one array."""

    chunks: tuple[int, ...]
    shards: tuple[int, ...]


def layout(shape: tuple[int, ...], itemsize: int, lead: int) -> _Layout:
    """Chunks of about 0.3 MB of whole states, in shards of about 64 MB.

    Args:
        shape: of the array.
        itemsize: bytes of a number.
        lead: axes before those of one state: 2 for trajectories, 1 for samples.
    """
    state = math.prod(shape[lead:]) * itemsize
    most = max(1, _CHUNK // state)
    frames = min(shape[1], most) if lead == 2 else 1
    rows = min(shape[0], max(1, most // frames))
    chunks = (rows, frames, *shape[2:]) if lead == 2 else (rows, *shape[1:])
    whole = -(-shape[1] // frames) if lead == 2 else 1
    strip = rows * whole * frames * state
    if strip > _SHARD:
        along, down = max(1, _SHARD // (rows * frames * state)), 1
    else:
        along, down = whole, min(-(-shape[0] // rows), max(1, _SHARD // strip))
    shards = (rows * down, frames * along, *shape[2:]) if lead == 2 else (rows * down, *shape[1:])
    return _Layout(chunks, shards)


def write_parts(parts: Iterable[Raw], path: Path, *, n: int, times: np.ndarray) -> dict[str, Any]:
    """Write ensembles of the same kind, one after the other, as one folder; `noneq.data.read` reads it.

    No more than a part and one shard is held. The folder is plain zarr, which xarray opens: ``values``
    over (trajectory, time) or (sample), ``time``, ``condition``.

    Args:
        parts: rows in their order; missing states of trajectories are NaN or masked.
        path: of the new folder.
        n: trajectories or samples of all parts.
        times: (T,) of all parts.

    Returns:
        The record that the folder carries, its checksum included.

    Raises:
        InvalidInput: another number of rows than ``n``.
    """
    import zarr

    stream = iter(parts)
    first = next(stream)
    group = zarr.create_group(path, zarr_format=3)
    sink = _Sink(group, first, n, times)
    for part in _chain(first, stream):
        sink.add(part)
    record = sink.record(path)
    group.attrs.update({"made_by": "noneq", "noneq": record_text(record)})
    return record


def _chain(first: Raw, rest: Iterator[Raw]) -> Iterator[Raw]:
    yield first
    yield from rest


class _Sink:
    """The arrays of a folder that fills, and the checksum of what went in."""

    def __init__(self, group: Any, first: Raw, n: int, times: np.ndarray):
        self.paired, self.n, self.times = first.time_index is None, n, times
        self.labels, self.done, self.seen = labels_of(first), 0, []
        self.dtype = first.values.dtype
        event = first.values.shape[2 if self.paired else 1 :]
        self.shape = (n, times.size, *event) if self.paired else (n, *event)
        self.condition_dtype = None if first.condition is None else first.condition.dtype
        self.kind = "Trajectories" if self.paired else "Snapshots"
        self.digest = hashlib.sha256(self.kind.encode())
        self.digest.update(record_text(label_record(self.labels)).encode())
        self.digest.update(f"{self.dtype.str}{self.shape}".encode())
        lead = ("trajectory", "time") if self.paired else ("sample",)
        axes = ("state",) if len(event) == 1 else _grid_axes(len(event))
        units = {"units": ", ".join(dict.fromkeys(self.labels["units"]))}
        mark = {"noneq": 1} | (units if any(self.labels["units"]) else {})
        found = layout(self.shape, self.dtype.itemsize, len(lead))
        self.arrays = {"values": _array(group, "values", self.shape, self.dtype, found,
                                        (*lead, *axes), mark)}  # fmt: skip
        unit = self.labels["time_unit"]
        clock = {"standard_name": "time", "axis": "T"} | ({"unit": unit} if unit else {})
        clock |= {"units": unit} if unit and unit.isprintable() else {}
        if self.paired:
            whole = _Layout((times.size,), (times.size,))
            array = _array(group, "time", times.shape, times.dtype, whole, ("time",), clock)
            array[:] = times
        else:
            small = _beside(found, n)
            self.arrays["time"] = _array(
                group, "time", (n,), times.dtype, small, ("sample",), clock
            )
        if first.condition is not None:
            width, small = first.condition.shape[1], _beside(found, n)
            small = _Layout((*small.chunks, width), (*small.shards, width))
            dims = (lead[0], "condition_number")
            self.arrays["condition"] = _array(
                group, "condition", (n, width), first.condition.dtype, small, dims, {}
            )
        self.held = {name: [] for name in self.arrays}
        self.filled = dict.fromkeys(self.arrays, 0)

    def add(self, part: Raw) -> None:
        """The next rows."""
        values = part.values
        if values.shape[1:] != self.shape[1:]:
            raise InvalidInput(f"a part has rows {values.shape[1:]}, the first {self.shape[1:]}.")
        if self.paired:
            axes = tuple(range(2, values.ndim))
            seen = np.isfinite(values).all(axis=axes) if part.mask is None else part.mask
            self.seen.append(np.packbits(seen, axis=1))
            blank = seen.reshape(*seen.shape, *(1,) * len(axes))
            self.digest.update(_bytes(np.where(blank, values, np.zeros((), self.dtype))))
            values = np.where(blank, values, np.full((), np.nan, self.dtype))
        else:
            self.digest.update(_bytes(values))
            self._put("time", part.times[part.time_index])
        self._put("values", values)
        if part.condition is not None:
            self._put("condition", part.condition)
        self.done += len(values)
        if self.done > self.n:
            raise InvalidInput(f"the parts hold more than {self.n} rows.")

    def _put(self, name: str, rows: np.ndarray) -> None:
        """Hold rows until they fill whole shards, or are the last ones."""
        array, held = self.arrays[name], self.held[name]
        held.append(rows)
        count, shard = sum(map(len, held)), array.shards[0]
        end = self.filled[name] + count
        whole = count if end == self.n else count // shard * shard
        if not whole:
            return
        joined = held[0] if len(held) == 1 else np.concatenate(held)
        for start in range(0, whole, shard):
            stop = min(start + shard, whole)
            at = self.filled[name]
            array[at : at + stop - start] = joined[start:stop]
            self.filled[name] += stop - start
        held[:] = [joined[whole:].copy()] if whole < count else []

    def record(self, path: Path) -> dict[str, Any]:
        """What `noneq.data.layouts.record_of` says of the same data in memory."""
        if self.done != self.n:
            raise InvalidInput(f"the parts hold {self.done} of {self.n} rows.")
        self._tell(self.times)
        if self.paired:
            self._tell_mask()
        else:
            time, step = ChunkedArray(path / "time"), 1 << 20
            self.digest.update(f"{np.dtype(np.int32).str}{(self.n,)}".encode())
            for i in range(0, self.n, step):
                index = np.searchsorted(self.times, time[i : i + step]).astype(np.int32)
                self.digest.update(_bytes(index))
        record = label_record(self.labels) | {
            "format": FORMAT, "kind": self.kind, "dtype": str(self.dtype),
        }  # fmt: skip
        if self.condition_dtype is None:
            self.digest.update(b"none")
        else:
            condition, step = ChunkedArray(path / "condition"), 1 << 18
            self.digest.update(f"{self.condition_dtype.str}{condition.shape}".encode())
            for i in range(0, self.n, step):
                self.digest.update(_bytes(condition[i : i + step]))
            record["condition_dtype"] = str(self.condition_dtype)
        return record | {"sha256": self.digest.hexdigest()}

    def _tell(self, array: np.ndarray) -> None:
        self.digest.update(f"{array.dtype.str}{array.shape}".encode())
        self.digest.update(_bytes(array))

    def _tell_mask(self) -> None:
        full = lambda bits: np.unpackbits(bits, axis=1, count=self.times.size).astype(bool)
        if all(full(bits).all() for bits in self.seen):
            self.digest.update(b"none")
            return
        self.digest.update(f"{np.dtype(bool).str}{self.shape[:2]}".encode())
        for bits in self.seen:
            self.digest.update(_bytes(full(bits)))


def _bytes(array: np.ndarray) -> Any:
    return np.ascontiguousarray(array).data


def _grid_axes(rank: int) -> tuple[str, ...]:
    return ("channel", *(f"axis{i}" for i in range(1, rank)))


def _beside(values: _Layout, n: int) -> _Layout:
    """Rows of times or conditions: those of the chunks of values, several of them if they are few."""
    rows, shard = values.chunks[0], values.shards[0]
    most = -(-n // rows)
    rows *= max(1, min(-(-_ROWS // rows), most))
    return _Layout((rows,), (-(-max(shard, rows) // rows) * rows,))


def _array(
    group: Any,
    name: str,
    shape: tuple[int, ...],
    dtype: np.dtype,
    found: _Layout,
    dims: tuple[str, ...],
    attributes: dict[str, Any],
) -> Any:
    """An array whose chunks are all written, and shuffled, packed by lz4 and checksummed."""
    from zarr.codecs import BloscCodec, Crc32cCodec

    packing = BloscCodec(cname="lz4", clevel=1, shuffle="shuffle", typesize=dtype.itemsize)
    return group.create_array(
        name,
        shape=shape,
        dtype=dtype,
        chunks=found.chunks,
        shards=found.shards,
        compressors=(packing, Crc32cCodec()),
        fill_value=float("nan") if dtype.kind == "f" else 0,
        dimension_names=dims,
        attributes=attributes,
        config={"write_empty_chunks": True},
    )
