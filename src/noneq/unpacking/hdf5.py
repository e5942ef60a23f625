"""HDF5 and with it netCDF: the numeric variables of the root group, in pieces of whole chunks."""

import itertools
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from noneq.unpacking.attributes import attributes, text
from noneq.unpacking.memory import WORK, limit_memory, used_memory
from noneq.unpacking.pieces import (
    PIECE,
    Refused,
    Say,
    Unfit,
    coded,
    is_asked,
    refuse_bomb,
    send,
)


_SPARE = 16_000_000
"""Bytes of a chunk beyond the array that it belongs to: files that grow have such."""
_MOST_MEMBERS = 100_000


def read_hdf5(path: str, limit: int, texts: Collection[str], say: Say, inside: str = "") -> None:
    """Say the numeric variables, and text along its own axis or with a name in ``texts``.

    ``inside`` is the path of a group, or of a variable in one; variables of the groups above are
    said too where they name an axis.

    Raises:
        Bomb: they take more than ``limit`` bytes.
        Unfit: no such group.
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
            for name, variable in _variables(h5py, file, root, inside).items()
            if is_numeric(variable) or variable.dimensions == (name,) or is_asked(name, texts)
        }
        refuse_bomb(sum(map(size_of, kept.values())), limit)
        columns = [column_of(n, variable, variable.dimensions) for n, variable in kept.items()]
        say({"attrs": attributes(root.attrs), "columns": columns})
        send_all(say, kept, used)


def send_all(say: Say, kept: Mapping[str, Any], used: int) -> None:
    """Say the entries of all variables, in pieces, then their labels.

    Args:
        say: as elsewhere.
        kept: variables of h5netcdf, or data sets of h5py, by name.
        used: memory of the process before the file was opened.

    Raises:
        MemoryError: a chunk unpacks to far more than its shape.
    """
    labels = {}
    for place, (name, variable) in enumerate(kept.items()):
        box = _box(variable.shape, variable.chunks, _itemsize(variable))
        limit_memory(used + WORK + 4 * math.prod(box) * _itemsize(variable))
        codes: dict[str, int] = {}
        for at in _places(variable.shape, box):
            piece = variable[tuple(slice(*ends) for ends in at)]
            if not is_numeric(variable):
                piece = coded([text(entry) for entry in np.ravel(piece)], codes)
            send(say, place, at, piece)
        if not is_numeric(variable):
            labels[name] = list(codes)
    say({"labels": labels})


def _variables(h5py: Any, file: Any, root: Any, inside: str) -> dict[str, Any]:
    """Variables of the group at a path, and the axes that it inherits."""
    here, found = root, dict(root.variables)
    for part in filter(None, inside.split("/")):
        if part in here.variables:
            break
        if part not in here.groups:
            known = ", ".join([*here.groups, *here.variables][:12])
            raise Unfit(f"it has no {inside!r}; there are {known}.")
        here = here.groups[part]
        _refuse_links(h5py, file[here.name])
        found = {n: v for n, v in found.items() if v.dimensions == (n,)} | dict(here.variables)
    return found


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


def column_of(name: str, variable: Any, dims: Sequence[str]) -> dict[str, Any]:
    """What is said of a variable before its entries."""
    chunk = math.prod(variable.chunks or (0,)) * _itemsize(variable)
    if chunk > max(size_of(variable), _SPARE):
        raise Refused(f"{name!r} has chunks of {chunk / 1e6:,.0f} MB; refused as unsafe.")
    return {
        "name": name,
        "dims": dims,
        "attrs": attributes(variable.attrs),
        "dtype": variable.dtype.str if is_numeric(variable) else None,
        "shape": variable.shape,
    }


def is_numeric(variable: Any) -> bool:
    """Whether it holds real numbers."""
    return np.dtype(variable.dtype).kind in "fiub"


def _itemsize(variable: Any) -> int:
    """Bytes of an entry; of text of any length that of its place in the file."""
    return np.dtype(variable.dtype).itemsize or 16


def size_of(variable: Any) -> int:
    """Bytes of all entries."""
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
