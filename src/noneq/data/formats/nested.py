"""HDF5 and MATLAB files: which arrays of a tree are wanted, and ragged paths in cells and structures."""

import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from noneq.data.formats.columns import from_table
from noneq.data.formats.frames import TIMES
from noneq.data.formats.named import ROLES, column
from noneq.data.layouts import Raw
from noneq.data.readings.options import Reading
from noneq.data.readings.roles import Column
from noneq.errors import InvalidInput


_NUMBERED = re.compile(r"(.*?)[({](\d+)[)}]\.?(.*)")
_SEPARATOR = re.compile(r"[/.]")


def wanted(
    path: Path, shapes: Mapping[str, tuple[int, ...]], reading: Reading
) -> tuple[dict[str, str], str | None]:
    """Arrays to read, with a short name for each, and the one that holds the values.

    ``reading.variable`` is the path of an array or of a group, or an array's own name where only
    one has it. Beside an array its times, labels and conditions are read too, from its own
    group or from those above.

    Raises:
        InvalidInput: no such array, or arrays in several groups with nothing to tell which.
    """
    asked = (reading.variable or "").strip("/.")
    if asked:
        exact = [n for n in shapes if n == asked] or [n for n in shapes if _last(n) == asked]
        if len(exact) == 1:
            return _beside(exact[0], shapes, reading)
        inside = {n: n[len(asked) :] for n in shapes if re.match(rf"{re.escape(asked)}[/.({{]", n)}
        if not inside:
            raise InvalidInput(
                f"{path} has no array or group {reading.variable!r}, or several; it holds "
                f"{_list(shapes)}."
            )
        names = {name: short.lstrip("/.") for name, short in inside.items()}
        if any(_NUMBERED.match(short) for short in names.values()):
            names = {name: f"{_last(asked)}{inside[name]}" for name in inside}
        return names, None
    owners = {_owner(n) for n in shapes if not _is_role(n, reading)}
    if len(owners) > 1:
        free = [n for n in shapes if not _is_role(n, reading)]
        first = max(free, key=lambda name: math.prod(shapes[name]))
        raise InvalidInput(
            f"{path} holds arrays in several groups: {_list(shapes)}; name one, or a group, such as "
            f"{path.name}:/{first} (or --read variable={first})."
        )
    owner = owners.pop() if owners else ""
    names = {name: name for name in shapes if _NUMBERED.match(name)}
    names |= {n: _last(n) for n in shapes if n not in names and owner.startswith(_owner(n))}
    return names, None


def ragged(arrays: dict[str, np.ndarray], reading: Reading) -> Raw | None:
    """Paths in the cells of an array or in an array of structures; None where there are none.

    Each cell is one path, its rows are times; of a structure each field is a coordinate, or the
    time. A vector of times beside them holds for all.

    Raises:
        InvalidInput: fields of different lengths, or paths whose rows may be coordinates.
    """
    paths: dict[int, dict[str, np.ndarray]] = {}
    for name, array in arrays.items():
        match = _NUMBERED.fullmatch(name)
        if match:
            field = _last(match[3]) if match[3] else _last(match[1])
            paths.setdefault(int(match[2]), {})[field or "x"] = array
    if not paths:
        return None
    others = [n for n, a in arrays.items() if not _NUMBERED.fullmatch(n) and a.ndim > 1]
    if others:
        raise InvalidInput(
            f"there are paths in cells, and {_list(others)} beside them; choose with --read variable=NAME."
        )
    fields = list(next(iter(paths.values())))
    for number, path in paths.items():
        if list(path) != fields:
            raise InvalidInput(
                f"path {number} has {', '.join(path)}, path 1 has {', '.join(fields)}; all need the same."
            )
    upright = {f: _upright(f, [path[f] for path in paths.values()], reading) for f in fields}
    counts = [len(array) for array in upright[fields[0]]]
    for field, pieces in upright.items():
        for number, (piece, count) in enumerate(zip(pieces, counts, strict=True), 1):
            if len(piece) != count:
                raise InvalidInput(
                    f"path {number}: {field} has {len(piece)} entries, {fields[0]} has {count}; they "
                    "must be equal."
                )
    columns = [Column("trajectory", "", np.repeat(np.array([*paths], float), counts))]
    columns += [c for field, pieces in upright.items() for c in _split(field, pieces, reading)]
    if not any(c.name.lower() in (*TIMES, "frame", reading.time) for c in columns):
        columns.insert(1, _clock(arrays, counts))
    return from_table(columns, {}, reading)


def _upright(name: str, pieces: list[np.ndarray], reading: Reading) -> list[np.ndarray]:
    """Pieces with their times along the first axis."""
    if any(piece.ndim < 2 for piece in pieces):
        pieces = [piece.reshape(len(piece), -1) if piece.ndim else piece[None] for piece in pieces]
    rows, widths = {len(piece) for piece in pieces}, {piece.shape[1] for piece in pieces}
    if len(widths) > 1 and len(rows) > 1:
        raise InvalidInput(
            f"{name}: the paths have {sorted(widths)} coordinates; all need the same."
        )
    turned = len(widths) > 1
    if len(widths) == len(rows) == 1 and min(widths) > min(rows):
        turned = len(reading.columns) == min(rows)
        if not turned:
            raise InvalidInput(
                f"{name}: paths of shape {pieces[0].shape} have {min(rows)} times of {min(widths)} "
                f"coordinates, or the reverse; name the coordinates (--columns A,B) or transpose."
            )
    return [piece.T if turned else piece for piece in pieces]


def _split(name: str, pieces: list[np.ndarray], reading: Reading) -> list[Column]:
    whole = np.concatenate(pieces)
    if whole.shape[1] == 1:
        return [column(name, whole[:, 0])]
    given = reading.columns if len(reading.columns) == whole.shape[1] else ()
    names = given or [f"{name}{i}" for i in range(whole.shape[1])]
    return [column(n, whole[:, i]) for i, n in enumerate(names)]


def _clock(arrays: dict[str, np.ndarray], counts: list[int]) -> Column:
    """Times that hold for all paths, else the number of the row."""
    shared = next((arrays[name] for name in TIMES if name in arrays), None)
    if shared is not None and {*counts} == {shared.size}:
        return Column("time", "", np.tile(shared.ravel().astype(float), len(counts)))
    return Column(
        "frame", "frame", np.concatenate([np.arange(count, dtype=float) for count in counts])
    )


def _beside(
    name: str, shapes: Mapping[str, tuple[int, ...]], reading: Reading
) -> tuple[dict[str, str], str]:
    owner, found = _owner(name), {name: _last(name)}
    for other in sorted(shapes, key=len, reverse=True):
        short = _last(other)
        if (
            _is_role(other, reading)
            and owner.startswith(_owner(other))
            and short not in found.values()
        ):
            found[other] = short
    return found, _last(name)


def _is_role(name: str, reading: Reading) -> bool:
    return _last(name) in {*ROLES, reading.time, reading.trajectory, *reading.condition}


def _last(name: str) -> str:
    return _SEPARATOR.split(name)[-1]


def _owner(name: str) -> str:
    numbered = _NUMBERED.match(name)
    if numbered is not None:
        # Cells belong to their array, a structure's fields to the array of structures.
        name = f"{numbered[1]}/x" if numbered[3] else numbered[1]
    return name[: -len(_last(name))].rstrip("/.")


def _list(shapes: Mapping[str, tuple[int, ...]] | Iterable[str]) -> str:
    names = list(shapes)
    shown = [f"{n} {shapes[n]}" if isinstance(shapes, Mapping) else n for n in names[:12]]
    return ", ".join(shown) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
