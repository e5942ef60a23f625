"""Any HDF5 file: data sets of all groups by their path, also those that MATLAB writes since 7.3."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np

from noneq.unpacking.attributes import attributes
from noneq.unpacking.hdf5 import column_of, is_numeric, send_all, size_of
from noneq.unpacking.memory import WORK, limit_memory, used_memory
from noneq.unpacking.pieces import Refused, Say, refuse_bomb


_MOST_MEMBERS = 100_000
_DEEPEST = 32


class Field:
    """One field of a data set of structures, as if it were a data set."""

    def __init__(self, dataset: Any, name: str):
        self._field = dataset.fields(name)
        self.shape, self.chunks = dataset.shape, dataset.chunks
        self.dtype, self.attrs = dataset.dtype[name], {}

    def __getitem__(self, at: Any) -> np.ndarray:
        return self._field[at]


def read_tree(
    path: str,
    limit: int,
    texts: Collection[str],
    say: Say,
    names: Sequence[str] | None = None,
    matlab: bool = False,
) -> None:
    """Say what data sets there are and, of those in ``names``, the entries.

    Links are left out: what they show may lie in another file.

    Raises:
        Bomb: the named ones take more than ``limit`` bytes.
        Refused: entries in other files, chunks far larger than what they hold, or too many members.
        MemoryError: a chunk unpacks to far more than its shape.
    """
    import h5py

    used = used_memory()
    limit_memory(used + WORK)
    with h5py.File(path, "r") as file:
        groups: dict[str, Any] = {}
        found = dict(_walk(h5py, file, groups, matlab))
        if names is None:
            columns = [_listed(name, dataset) for name, dataset in found.items()]
            say({"attrs": groups, "columns": columns})
            say({"labels": {}})
            return
        kept = {name: found[name] for name in names if name in found}
        for name, dataset in kept.items():
            if isinstance(dataset, h5py.Dataset) and (dataset.external or dataset.is_virtual):
                raise Refused(f"{name!r} lies in another file; refused as unsafe.")
        refuse_bomb(sum(map(size_of, kept.values())), limit)
        columns = [column_of(n, d, [""] * len(d.shape)) for n, d in kept.items()]
        say({"attrs": groups, "columns": columns})
        send_all(say, kept, used)


def _listed(name: str, dataset: Any) -> dict[str, Any]:
    kind = dataset.dtype.str if is_numeric(dataset) else None
    attrs = attributes(dataset.attrs)
    return {"name": name, "dims": [], "attrs": attrs, "dtype": kind, "shape": dataset.shape}


def _walk(h5py: Any, file: Any, groups: dict[str, Any], matlab: bool) -> Iterator[tuple[str, Any]]:
    """Data sets by path (``a/b``, in MATLAB ``a.b``, ``a{2}``, ``a(2).b``), each group once."""
    joint, seen, count = "." if matlab else "/", set(), 0
    todo: list[tuple[str, Any, int]] = [("", file, 0)]
    while todo:
        place, node, depth = todo.pop()
        count += 1
        if count > _MOST_MEMBERS or depth > _DEEPEST:
            raise Refused("it has too many members, or groups too deep; refused as unsafe.")
        if isinstance(node, h5py.Dataset):
            if matlab and h5py.check_ref_dtype(node.dtype) is not None:
                cell = node.attrs.get("MATLAB_class") in (b"cell", "cell")
                todo += reversed([(n, v, depth + 1) for n, v in _cells(file, place, node, cell)])
            elif matlab and "MATLAB_empty" in node.attrs:
                continue
            else:
                yield from _dataset(place, node)
            continue
        if not isinstance(node, h5py.Group):
            continue
        address = h5py.h5o.get_info(node.id).addr
        if address in seen:
            continue
        seen.add(address)
        groups[place] = attributes(node.attrs)
        prefix = f"{place}{joint}" if place else ""
        names = [
            name
            for name in node
            if not (matlab and name.startswith("#"))
            and isinstance(node.get(name, getlink=True), h5py.HardLink)
        ]
        if len(names) > _MOST_MEMBERS:
            raise Refused(f"it has {len(names)} members; refused as unsafe.")
        todo += [(f"{prefix}{name}", node[name], depth + 1) for name in reversed(names)]


def _dataset(place: str, node: Any) -> Iterator[tuple[str, Any]]:
    if node.shape is None:
        return
    if not node.dtype.names:
        yield place, node
        return
    for field in node.dtype.names:
        yield f"{place}/{field}", Field(node, field)


def _cells(file: Any, place: str, node: Any, cell: bool) -> Iterator[tuple[str, Any]]:
    """What a cell array, or a field of an array of structures, refers to; columns first."""
    if node.size > _MOST_MEMBERS:
        raise Refused(f"{place!r} has {node.size} cells; refused as unsafe.")
    owner, _, field = place.rpartition(".")
    for i, reference in enumerate(node[()].ravel()):
        if reference:
            # HDF5 holds MATLAB's axes in reverse, so that C's order here is columns first.
            name = f"{place}{{{i + 1}}}" if cell else f"{owner}({i + 1}).{field}"
            yield name, file[reference]
