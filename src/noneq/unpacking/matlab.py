"""MATLAB files up to version 7, through SciPy: numeric arrays, also inside structures and cells."""

import math
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np

from noneq.unpacking.memory import WORK, limit_memory, used_memory
from noneq.unpacking.pieces import Refused, Say, refuse_bomb, send


_MOST_MEMBERS = 100_000
_AT_ONCE = 300_000_000
"""What SciPy may unpack of a compressed variable to see its header: a block of 128 KB, twice."""
_BYTES = {"double": 8, "single": 4, "int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "int32": 4,
          "uint32": 4, "int64": 8, "uint64": 8, "logical": 1, "char": 4}  # fmt: skip


def read_matlab(
    path: str,
    limit: int,
    texts: Collection[str],
    say: Say,
    names: Sequence[str] | None = None,
) -> None:
    """Say what numeric arrays there are and, of those in ``names``, the entries.

    Raises:
        Bomb: they take more than ``limit`` bytes.
        Refused: too many members.
        MemoryError: the file unpacks to far more than it claims.
    """
    from scipy.io import loadmat, whosmat

    used = used_memory()
    limit_memory(used + WORK + _AT_ONCE)
    known = whosmat(path)
    claimed = sum(math.prod(shape) * _BYTES.get(kind, 8) for _, shape, kind in known)
    refuse_bomb(claimed, limit)
    # The size of what structures and cells hold is not known before.
    nested = any(kind not in _BYTES for _, _, kind in known)
    limit_memory(used + WORK + 3 * (limit if nested else claimed))
    content = loadmat(path, chars_as_strings=False)
    pairs = (pair for name, *_ in known for pair in _leaves(name, content.get(name), 0))
    found: dict[str, np.ndarray] = {}
    for name, array in pairs:
        found[name] = array
        if len(found) > _MOST_MEMBERS:
            raise Refused("it has too many members; refused as unsafe.")
    kept = {name: found[name] for name in found if names is None or name in names}
    refuse_bomb(sum(array.nbytes for array in kept.values()), limit)
    columns = [
        {"name": n, "dims": [""] * a.ndim, "attrs": {}, "dtype": a.dtype.str, "shape": a.shape}
        for n, a in kept.items()
    ]
    say({"attrs": {}, "columns": columns})
    for place, array in enumerate(kept.values() if names is not None else ()):
        send(say, place, [(0, n) for n in array.shape], array)
    say({"labels": {}})


def _leaves(name: str, value: Any, depth: int) -> Iterator[tuple[str, np.ndarray]]:
    """Numeric arrays as MATLAB names them: ``a.b``, ``a(2).b``, ``a{2}``."""
    from scipy.io.matlab import MatlabFunction, MatlabOpaque
    from scipy.sparse import issparse

    if issparse(value) and math.prod(value.shape) < 10_000_000:
        value = value.toarray()
    skipped = isinstance(value, MatlabFunction | MatlabOpaque) or not isinstance(value, np.ndarray)
    if skipped or depth > 32:
        return
    entries = enumerate(value.ravel(order="F"), 1)
    if value.dtype.names:
        for i, entry in entries:
            owner = name if value.size == 1 else f"{name}({i})"
            for field in value.dtype.names:
                yield from _leaves(f"{owner}.{field}", entry[field], depth + 1)
    elif value.dtype == object:
        for i, entry in entries:
            yield from _leaves(f"{name}{{{i}}}", entry, depth + 1)
    elif value.dtype.kind in "fiub" and value.size:
        yield name, value
