"""HDF5 and with it netCDF: the numeric variables of the root group, in pieces of whole chunks."""

import itertools
import math
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np

from noneq.unpacking.memory import WORK, limit_memory, used_memory
from noneq.unpacking.pieces import (
    PIECE,
    Refused,
    Say,
    coded,
    is_asked,
    refuse_bomb,
    refuse_long,
    send,
)


_SPARE = 16_000_000
"""Bytes of a chunk beyond the array that it belongs to: files that grow have such."""
_MOST_MEMBERS = 100_000
_ATTRIBUTES = (
    "noneq", "units", "coordinates", "scale_factor", "add_offset", "_FillValue", "missing_value",
    "_Unsigned", "valid_min", "valid_max", "valid_range",
)  # fmt: skip
"""What says how to read the numbers; no other attribute is looked at."""


def read_hdf5(path: str, limit: int, texts: Collection[str], say: Say) -> None:
    """Say the numeric variables, and text along its own axis or with a name in ``texts``.

    Raises:
        Bomb: they take more than ``limit`` bytes.
        Refused: links, or chunks far larger than what they hold.
        MemoryError: a chunk unpacks to far more than its shape.
    """
    import h5netcdf
    import h5py

    used = used_memory()
    limit_memory(used + WORK)
    with h5py.File(path, "r") as file:
        _refuse_links(h5py, file)
        root = h5netcdf.File(file, phony_dims="access", decode_vlen_strings=True)
        kept = {
            name: variable
            for name, variable in root.variables.items()
            if _is_numeric(variable) or variable.dimensions == (name,) or is_asked(name, texts)
        }
        refuse_bomb(sum(map(_size, kept.values())), limit)
        columns = [_column(name, variable) for name, variable in kept.items()]
        say({"attrs": _attributes(root.attrs), "columns": columns})
        labels = {}
        for place, (name, variable) in enumerate(kept.items()):
            box = _box(variable.shape, variable.chunks, _itemsize(variable))
            limit_memory(used + WORK + 4 * math.prod(box) * _itemsize(variable))
            codes: dict[str, int] = {}
            for at in _places(variable.shape, box):
                piece = variable[tuple(slice(*ends) for ends in at)]
                if not _is_numeric(variable):
                    piece = coded([_text(entry) for entry in np.ravel(piece)], codes)
                send(say, place, at, piece)
            if not _is_numeric(variable):
                labels[name] = list(codes)
        say({"labels": labels})


def _refuse_links(h5py: Any, file: Any) -> None:
    """HDF5 can point at other files; what it then shows is not in this file."""
    if len(file) > _MOST_MEMBERS:
        raise Refused(f"it has {len(file)} members; refused as unsafe.")
    for name in file:
        if not isinstance(file.get(name, getlink=True), h5py.HardLink):
            raise Refused(f"it holds a link {name!r}; refused as unsafe.")
        node = file[name]
        if isinstance(node, h5py.Dataset) and (node.external or node.is_virtual):
            raise Refused(f"{name!r} lies in another file; refused as unsafe.")


def _column(name: str, variable: Any) -> dict[str, Any]:
    chunk = math.prod(variable.chunks or (0,)) * _itemsize(variable)
    if chunk > max(_size(variable), _SPARE):
        raise Refused(f"{name!r} has chunks of {chunk / 1e6:,.0f} MB; refused as unsafe.")
    return {
        "name": name,
        "dims": variable.dimensions,
        "attrs": _attributes(variable.attrs),
        "dtype": variable.dtype.str if _is_numeric(variable) else None,
        "shape": variable.shape,
    }


def _attributes(attrs: Any) -> dict[str, Any]:
    """Texts as they are, numbers as a pair of dtype and values."""
    found = {}
    for name in _ATTRIBUTES:
        if name in attrs:
            value = attrs[name]
            if isinstance(value, str | bytes):
                value = _text(value)
            else:
                numbers = np.asarray(value)
                value = [numbers.dtype.str, numbers.tolist()]
            refuse_long(f"attribute {name!r}", len(value))
            found[name] = value
    return found


def _text(entry: Any) -> str:
    return entry.decode(errors="replace") if isinstance(entry, bytes) else str(entry)


def _is_numeric(variable: Any) -> bool:
    return np.dtype(variable.dtype).kind in "fiub"


def _itemsize(variable: Any) -> int:
    """Bytes of an entry; of text of any length that of its place in the file."""
    return np.dtype(variable.dtype).itemsize or 16


def _size(variable: Any) -> int:
    return math.prod(variable.shape) * _itemsize(variable)


def _box(shape: Sequence[int], chunks: Sequence[int] | None, itemsize: int) -> list[int]:
    """Shape of the pieces: whole chunks, joined from the last axis on up to a few MB."""
    whole = chunks or (1,) * len(shape)
    box = [max(1, min(pair)) for pair in zip(whole, shape, strict=True)]
    for axis in reversed(range(len(box))):
        room = PIECE // (itemsize * math.prod(box))
        box[axis] = max(1, min(shape[axis], box[axis] * max(1, room)))
    return box


def _places(shape: Sequence[int], box: Sequence[int]) -> Iterator[list[tuple[int, int]]]:
    """First and last place, along each axis, of every piece."""
    axes = [
        [(start, min(start + step, n)) for start in range(0, n, step)]
        for n, step in zip(shape, box, strict=True)
    ]
    return (list(at) for at in itertools.product(*axes))
