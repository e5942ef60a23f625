"""zarr format 2, read chunk by chunk: one file a chunk, its shape and codec in ``.zarray``.

Source: Zarr storage specification version 2.
"""

import itertools
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from noneq.data.formats.bounded import unpack_chunk
from noneq.data.safety import LONGEST_TEXT, refuse_bomb, refuse_long
from noneq.errors import DataFileError, InvalidInput


if TYPE_CHECKING:
    import xarray as xr


_SPARE = 16_000_000
"""Bytes of a chunk beyond the array that it belongs to: stores that grow have such."""
_KINDS = "fiubMUS"


def read_zarr2(path: Path, limit: int) -> "xr.Dataset":
    """The arrays of the folder's own group; texts of any length are read, other objects never.

    Raises:
        DataFileError: damaged or unsafe, a missing chunk, or a codec without a bound.
    """
    import xarray as xr

    arrays = {
        place.parent.name: _json(place)
        for place in sorted(path.glob("*/.zarray"))
        if place.is_file()
    }
    if not arrays:
        raise InvalidInput(f"{path} holds no array in its own group; give the folder of a group.")
    refuse_bomb(path, sum(_size(about) for about in arrays.values()), limit)
    variables = {}
    for name, about in arrays.items():
        attrs = _attributes(path / name / ".zattrs")
        dims = attrs.pop("_ARRAY_DIMENSIONS", None) or [f"{name}_{i}" for i in range(_rank(about))]
        values = _values(path, name, about)
        if values is not None:
            fill = about.get("fill_value")
            # Zero, the default of arrays that nobody wrote to, marks nothing.
            if isinstance(fill, int | float) and fill != 0 and values.dtype.kind in "iuf":
                attrs.setdefault("_FillValue", values.dtype.type(fill))
            variables[name] = (dims, values, attrs)
    return xr.Dataset(variables, attrs=_attributes(path / ".zattrs"))


def _json(place: Path) -> dict[str, Any]:
    refuse_long(place, "its metadata", place.stat().st_size)
    found = json.loads(place.read_bytes())
    if not isinstance(found, dict):
        raise DataFileError(f"{place} is damaged; restore the folder from a copy.")
    return found


def _attributes(place: Path) -> dict[str, Any]:
    return _json(place) if place.is_file() else {}


def _rank(about: dict[str, Any]) -> int:
    return len(about["shape"])


def _size(about: dict[str, Any]) -> int:
    return math.prod(about["shape"]) * (
        8 if _is_object(about) else np.dtype(about["dtype"]).itemsize
    )


def _is_object(about: dict[str, Any]) -> bool:
    return about["dtype"] == "|O"


def _values(path: Path, name: str, about: dict[str, Any]) -> np.ndarray | None:
    """The whole array; None for objects that are no texts, and for structures."""
    filters = [f["id"] for f in about.get("filters") or ()]
    texts = _is_object(about) and filters == ["vlen-utf8"]
    if not texts and (
        not isinstance(about["dtype"], str) or np.dtype(about["dtype"]).kind not in _KINDS
    ):
        return None
    if filters and not texts:
        raise DataFileError(
            f"{path}: {name!r} is filtered by {', '.join(filters)}; write it again without filters."
        )
    shape, chunks = tuple(about["shape"]), tuple(about["chunks"])
    dtype = np.dtype(object if texts else about["dtype"])
    size = math.prod(chunks) * dtype.itemsize
    if size > max(_size(about), _SPARE) or min(chunks, default=1) < 1:
        raise DataFileError(
            f"{path}: {name!r} has chunks of {size / 1e6:,.0f} MB; refused as unsafe."
        )
    values = np.empty(shape, dtype)
    counts = [range(-(-n // step)) for n, step in zip(shape, chunks, strict=True)]
    joint = about.get("dimension_separator", ".")
    for at in itertools.product(*counts):
        place = path / name / (joint.join(map(str, at)) or "0")
        if not place.is_file():
            raise DataFileError(
                f"{path}: {name!r} has no chunk {place.name}; restore it from a copy, or write it again "
                "with write_empty_chunks=True."
            )
        chunk = _chunk(place, about, texts, size).astype(dtype, copy=False)
        chunk = chunk.reshape(chunks, order=about.get("order", "C"))
        ends = [
            slice(i * k, min((i + 1) * k, n)) for i, k, n in zip(at, chunks, shape, strict=True)
        ]
        values[tuple(ends)] = chunk[tuple(slice(end.stop - end.start) for end in ends)]
    return values


def _chunk(place: Path, about: dict[str, Any], texts: bool, size: int) -> np.ndarray:
    codec = about.get("compressor")
    content = place.read_bytes()
    if codec is not None:
        content = unpack_chunk(codec["id"], content, LONGEST_TEXT if texts else size)
    if texts:
        return _texts(content)
    if len(content) != size:
        raise DataFileError(
            f"{place} holds {len(content)} bytes, its shape takes {size}; restore it from a copy."
        )
    return np.frombuffer(content, about["dtype"])


def _texts(content: bytes) -> np.ndarray:
    """Texts as numcodecs' VLenUTF8 packs them: their number, then the length and bytes of each."""
    count, place, found = int.from_bytes(content[:4], "little"), 4, []
    if count > len(content):
        raise DataFileError("a chunk of text claims more than it holds; restore it from a copy.")
    for _ in range(count):
        length = int.from_bytes(content[place : place + 4], "little")
        found.append(content[place + 4 : place + 4 + length].decode())
        place += 4 + length
    return np.array(found, object)
