"""An array of zarr format 3, read one chunk at a time.

Elsewhere a chunk that is not there reads as the fill value, and one whose bits changed as other
numbers; here both are errors that name the chunk.

Source: Zarr storage specification version 3, with the codecs ``sharding_indexed`` and ``crc32c``.
"""

import hashlib
import itertools
import json
import math
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from noneq.data.formats.bounded import unpack_chunk
from noneq.data.safety import refuse_long
from noneq.errors import DataFileError


_MOST = 256_000_000
"""Bytes of the largest chunk that is read whole."""
_LATELY = 32
"""Chunks that `block` keeps: its next part often ends or begins in one of them."""
_NONE = 2**64 - 1
"""Offset and length of a chunk that a shard does not hold."""


class ChunkedArray:
    """Metadata of an array, and its chunks when asked for.

    Args:
        folder: of the array, with ``zarr.json``.
        numbers: False for an array of any type and packing, of which only `refuse_missing` is asked.

    Attributes:
        shape, dtype: of the array.
        chunks: shape of the chunks, the smallest parts that are read.
        grid: number of chunks along each axis.

    Raises:
        DataFileError: no such array, or one whose chunks carry no checksum.
    """

    def __init__(self, folder: Path, *, numbers: bool = True):
        self.folder = folder
        place = folder / "zarr.json"
        if not place.is_file():
            raise DataFileError(f"{folder} has no zarr.json; restore the folder from a copy.")
        refuse_long(folder, "zarr.json", place.stat().st_size)
        self._metadata = place.read_bytes()
        about = json.loads(self._metadata)
        self.shape: tuple[int, ...] = tuple(about["shape"])
        self.dtype = np.dtype(about["data_type"] if numbers else np.uint8)
        outer = tuple(about["chunk_grid"]["configuration"]["chunk_shape"])
        self._joint = about["chunk_key_encoding"].get("configuration", {}).get("separator", "/")
        codecs = about["codecs"]
        sharded = codecs[0]["name"] == "sharding_indexed"
        settings: dict[str, Any] = codecs[0]["configuration"] if sharded else {}
        self.chunks: tuple[int, ...] = tuple(settings["chunk_shape"]) if sharded else outer
        self._shards = outer if sharded else None
        self._index_first = settings.get("index_location", "end") == "start"
        names = [codec["name"] for codec in (settings["codecs"] if sharded else codecs)]
        if numbers and (names[0] != "bytes" or names[-1] != "crc32c" or len(names) not in (2, 3)):
            raise DataFileError(
                f"{folder}: its chunks are packed by {', '.join(names)} and carry no checksum that is "
                "known here; write it again with `noneq convert`."
            )
        self._packed = names[1] if len(names) == 3 else None
        self._size = math.prod(self.chunks) * self.dtype.itemsize
        if self._size > _MOST or min(self.chunks) < 1:
            raise DataFileError(
                f"{folder} has chunks of {self._size / 1e6:,.0f} MB; write it again with "
                "`noneq convert`."
            )
        self.grid = tuple(-(-n // k) for n, k in zip(self.shape, self.chunks, strict=True))
        self._index = lru_cache(maxsize=4096)(self._index_of)
        self._last = lru_cache(maxsize=2)(self._rows)
        self._lately = lru_cache(maxsize=_LATELY)(self.chunk)

    @property
    def nbytes(self) -> int:
        """Bytes of all numbers."""
        return math.prod(self.shape) * self.dtype.itemsize

    def places(self) -> Iterator[tuple[int, ...]]:
        """Positions of all chunks in the grid."""
        return itertools.product(*map(range, self.grid))

    def chunk(self, at: tuple[int, ...]) -> np.ndarray:
        """One chunk, cut at the end of the array.

        Raises:
            DataFileError: it is missing, or its bits changed.
        """
        content = self._stored(at)
        import google_crc32c

        body, stated = content[:-4], int.from_bytes(content[-4:], "little")
        if len(content) < 4 or google_crc32c.value(body) != stated:
            raise DataFileError(f"{self._name(at)} fails its checksum; restore it from a copy.")
        if self._packed is not None:
            body = unpack_chunk(self._packed, body, self._size)
        if len(body) != self._size:
            raise DataFileError(
                f"{self._name(at)} holds {len(body)} bytes, its shape takes {self._size}; restore it "
                "from a copy."
            )
        whole = np.frombuffer(body, self.dtype.newbyteorder("<")).reshape(self.chunks)
        return whole[tuple(slice(part.stop - part.start) for part in self.span(at))]

    def span(self, at: tuple[int, ...]) -> tuple[slice, ...]:
        """Where a chunk lies in the array."""
        return tuple(
            slice(i * k, min((i + 1) * k, n))
            for i, k, n in zip(at, self.chunks, self.shape, strict=True)
        )

    def __getitem__(self, rows: slice) -> np.ndarray:
        """Rows of the leading axis."""
        first, last, _ = rows.indices(self.shape[0])
        k = self.chunks[0]
        parts = [self._last(i) for i in range(first // k, -(-last // k))]
        parts = parts or [np.empty((0, *self.shape[1:]), self.dtype)]
        joined = parts[0] if len(parts) == 1 else np.concatenate(parts)
        start = first // k * k
        return joined[first - start : last - start]

    def block(self, rows: slice, columns: slice) -> np.ndarray:
        """Part of the two leading axes, of which only the chunks that it touches are read."""
        (r0, r1, _), (c0, c1, _) = rows.indices(self.shape[0]), columns.indices(self.shape[1])
        found = np.empty((r1 - r0, c1 - c0, *self.shape[2:]), self.dtype)
        k, m = self.chunks[:2]
        for i, j in itertools.product(range(r0 // k, -(-r1 // k)), range(c0 // m, -(-c1 // m))):
            left, up = max(r0, i * k), max(c0, j * m)
            right, down = min(r1, (i + 1) * k), min(c1, (j + 1) * m)
            chunk = self._lately((i, j, *(0 for _ in self.shape[2:])))
            found[left - r0 : right - r0, up - c0 : down - c0] = chunk[
                left - i * k : right - i * k, up - j * m : down - j * m
            ]
        return found

    def refuse_missing(self) -> None:
        """Refuse an array that is not whole; reads no numbers.

        Raises:
            DataFileError: naming the first chunk that is missing.
        """
        for at in self.places():
            self._stored(at, last=0)

    def digest(self) -> str:
        """sha256 of the metadata and of the stored checksums of all chunks; reads no numbers.

        Raises:
            DataFileError: a chunk is missing.
        """
        digest = hashlib.sha256(self._metadata)
        for at in self.places():
            digest.update(self._stored(at, last=4))
        return digest.hexdigest()

    def check_same(self) -> None:
        """Refuse to go on with an array that grew or shrank since it was opened.

        Raises:
            DataFileError: its metadata changed.
        """
        place = self.folder / "zarr.json"
        now = place.read_bytes() if place.is_file() else b""
        if now != self._metadata:
            shape = tuple(json.loads(now)["shape"]) if now else "nothing"
            raise DataFileError(
                f"{self.folder} changed while it was in use: its shape was {self.shape} and is {shape}."
            )

    def _rows(self, i: int) -> np.ndarray:
        """All numbers of one step of the grid along the leading axis."""
        count = min(self.chunks[0], self.shape[0] - i * self.chunks[0])
        rows = np.empty((count, *self.shape[1:]), self.dtype)
        for rest in itertools.product(*map(range, self.grid[1:])):
            rows[(slice(None), *self.span((i, *rest))[1:])] = self.chunk((i, *rest))
        return rows

    def _file(self, at: tuple[int, ...]) -> Path:
        return self.folder / ("c" + self._joint + self._joint.join(map(str, at)))

    def _name(self, at: tuple[int, ...]) -> str:
        return f"{self.folder.parent}: chunk {at} of {self.folder.name!r}"

    def _stored(self, at: tuple[int, ...], last: int | None = None) -> bytes:
        """The packed bytes of a chunk, or the last few of them.

        Raises:
            DataFileError: it is missing.
        """
        if self._shards is None:
            file, offset, length = self._file(at), 0, None
        else:
            per = tuple(s // k for s, k in zip(self._shards, self.chunks, strict=True))
            shard = tuple(i // p for i, p in zip(at, per, strict=True))
            file = self._file(shard)
            place = np.ravel_multi_index([i % p for i, p in zip(at, per, strict=True)], per)
            offset, length = map(int, self._index(shard)[place])
            if offset == _NONE:
                raise self._missing(at)
        try:
            with file.open("rb", buffering=0) as stream:
                length = file.stat().st_size if length is None else length
                skip = 0 if last is None else max(0, length - last)
                stream.seek(offset + skip)
                return stream.read(length - skip)
        except FileNotFoundError:
            raise self._missing(at) from None

    def _missing(self, at: tuple[int, ...]) -> DataFileError:
        return DataFileError(
            f"{self._name(at)} is missing ({self.folder.name} has {math.prod(self.grid)} chunks); "
            "restore it from a copy."
        )

    def _index_of(self, shard: tuple[int, ...]) -> np.ndarray:
        """Offset and length of every chunk of a shard, ``(count, 2)``."""
        import google_crc32c

        assert self._shards is not None
        count = math.prod(s // k for s, k in zip(self._shards, self.chunks, strict=True))
        size, file = 16 * count + 4, self._file(shard)
        try:
            with file.open("rb", buffering=0) as stream:
                stream.seek(0 if self._index_first else max(0, file.stat().st_size - size))
                content = stream.read(size)
        except FileNotFoundError:
            per = [s // k for s, k in zip(self._shards, self.chunks, strict=True)]
            at = tuple(i * p for i, p in zip(shard, per, strict=True))
            raise self._missing(at) from None
        body, stated = content[:-4], int.from_bytes(content[-4:], "little")
        if len(content) != size or google_crc32c.value(body) != stated:
            raise DataFileError(
                f"{file} is cut or its index fails its checksum; restore it from a copy."
            )
        return np.frombuffer(body, "<u8").reshape(count, 2)
