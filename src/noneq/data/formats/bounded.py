"""Codecs of zarr that never unpack more than the chunk they belong to.

zarr's own take whatever the compressed bytes unpack to, and compare it with the chunk's shape
afterwards.
"""

import gzip
import io
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from noneq.data.safety import LONGEST_TEXT
from noneq.errors import DataFileError


_SLACK = 1 << 20
_FRAME = b"\x28\xb5\x2f\xfd"
_ZSTD_BLOCK = 128 * 1024
"""Bytes that one block of zstd unpacks to at most."""


@contextmanager
def bounded_codecs() -> Iterator[None]:
    """Arrays of zarr that are opened meanwhile unpack their chunks by the functions below."""
    import zarr
    from zarr.registry import register_codec

    codec = _codec()
    for name in _UNPACK:
        register_codec(name, codec)
    place = f"{codec.__module__}.{codec.__qualname__}"
    with zarr.config.set({f"codecs.{name}": place for name in _UNPACK}):
        yield


@cache
def _codec() -> type:
    from zarr.abc.codec import BytesBytesCodec

    @dataclass(frozen=True)
    class Bounded(BytesBytesCodec):
        """A codec that only reads."""

        name: str
        is_fixed_size = False

        @classmethod
        def from_dict(cls, data: Any) -> Any:
            return cls(data["name"])

        def to_dict(self) -> Any:
            return {"name": self.name, "configuration": {}}

        async def _decode_single(self, chunk_data: Any, chunk_spec: Any) -> Any:
            numbers = _UNPACK[self.name](chunk_data.to_bytes(), _most(chunk_spec))
            return chunk_spec.prototype.buffer.from_bytes(numbers)

        def compute_encoded_size(self, input_byte_length: int, chunk_spec: Any) -> int:
            raise NotImplementedError

    return Bounded


def _gzip(content: bytes, most: int) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
        numbers = stream.read(most + 1)
    _refuse_more(len(numbers), most)
    return numbers


def _zlib(content: bytes, most: int) -> bytes:
    numbers = zlib.decompressobj().decompress(content, most + 1)
    _refuse_more(len(numbers), most)
    return numbers


def _lz4(content: bytes, most: int) -> bytes:
    from numcodecs.lz4 import decompress

    # The first bytes say what the rest unpacks to.
    _refuse_more(int.from_bytes(content[:4], "little"), most)
    return bytes(decompress(content))


def _zstd(content: bytes, most: int) -> bytes:
    from numcodecs.zstd import Zstd

    _refuse_more(_zstd_size(content), most)
    return bytes(Zstd().decode(content))


def _blosc(content: bytes, most: int) -> bytes:
    from numcodecs.blosc import decompress

    # The header says what the rest unpacks to.
    _refuse_more(int.from_bytes(content[4:8], "little"), most)
    return bytes(decompress(content))


_UNPACK = {"gzip": _gzip, "zstd": _zstd, "blosc": _blosc}
_OLDER = _UNPACK | {"zlib": _zlib, "lz4": _lz4}


def unpack_chunk(codec: str, content: bytes, size: int) -> bytes:
    """A chunk of ``size`` bytes, packed by a codec of zarr format 2.

    Raises:
        DataFileError: another codec, or a chunk that unpacks to more.
    """
    if codec not in _OLDER:
        raise DataFileError(f"it is packed by {codec!r}; write it with one of {', '.join(_OLDER)}.")
    return _OLDER[codec](content, size)


def _most(spec: Any) -> int:
    """Bytes of a chunk, and room for what other codecs put beside them."""
    # The dtype of an older zarr is NumPy's own.
    dtype = np.dtype(getattr(spec.dtype, "to_native_dtype", lambda: spec.dtype)())
    if dtype.kind in "OT":
        return LONGEST_TEXT
    size = math.prod(spec.shape) * dtype.itemsize
    return size + size // 8 + _SLACK


def _refuse_more(size: int, most: int) -> None:
    if size > most:
        raise DataFileError(
            f"a chunk unpacks to {size / 1e6:.0f} MB or more, its shape takes {most / 1e6:.0f} MB "
            "at most; refused as unsafe. Write the file again."
        )


def _zstd_size(content: bytes) -> int:
    """Bytes that zstd frames unpack to at most: what each states, else what its blocks can hold.

    Source: RFC 8878, section 3.1.1.
    """
    place, stated, possible, complete = 0, 0, 0, True
    while content[place : place + 4] == _FRAME:
        flags = content[place + 4]
        single, code = flags >> 5 & 1, flags >> 6
        place += 5 + (not single) + (0, 1, 2, 4)[flags & 3]
        width = (single, 2, 4, 8)[code]
        size = int.from_bytes(content[place : place + width], "little") + 256 * (width == 2)
        stated, complete, place = stated + size, complete and width > 0, place + width
        last = False
        while not last:
            block = int.from_bytes(content[place : place + 3], "little")
            last, kind, size = bool(block & 1), block >> 1 & 3, block >> 3
            if place + 3 > len(content):
                break
            possible += _ZSTD_BLOCK if kind == 2 else size
            place += 3 + (1 if kind == 1 else size)
        place += 4 * (flags >> 2 & 1)
    if place != len(content):
        raise DataFileError("a zstd chunk is damaged; restore the file from a copy.")
    return stated if complete else possible
