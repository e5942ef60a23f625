"""Where an h5ad file keeps states and velocities: ``X``, layers and embeddings, dense or sparse."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from noneq.data.formats.sparse import filled
from noneq.data.formats.unpacked import Listed
from noneq.data.readings.options import Reading
from noneq.data.safety import refuse_bomb
from noneq.errors import InvalidInput


def source_of(
    path: Path, groups: Mapping[str, Any], found: Mapping[str, Listed], reading: Reading
) -> str:
    """Where the states are: what the reading names, ``X`` if genes are chosen or nothing else is."""
    known = [
        n for n in found if re.fullmatch(r"X|(?:obsm|layers)/[^/]+", n) and _is_matrix(found[n])
    ]
    known += [n for n in groups if re.fullmatch(r"X|layers/[^/]+", n) and _is_sparse(groups[n])]
    # Velocities are no states unless they are asked for by name.
    states = [n for n in known if not re.fullmatch(r"(?:obsm|layers)/velocity.*", n)] or known
    asked = (reading.variable or "").strip("/")
    match = [n for n in known if n == asked] or [n for n in known if n.rpartition("/")[2] == asked]
    if asked and not match:
        raise InvalidInput(f"{path} has no {asked!r}; there are {', '.join(known)}.")
    if match:
        return match[0]
    if "X" in states and (len(states) == 1 or reading.columns):
        return "X"
    if len(states) == 1:
        return states[0]
    best = next((n for n in states if n == "obsm/X_pca"), next(iter(states), "X"))
    raise InvalidInput(
        f"{path} holds {', '.join(known) or 'no matrix'}: which are the states? Say --read "
        f"variable={best} (or --columns GENE,GENE for some genes)."
    )


def _is_matrix(found: Listed) -> bool:
    return len(found.shape) == 2 and found.dtype is not None


def _is_sparse(attrs: Mapping[str, Any]) -> bool:
    return _encoding(attrs) in ("csr_matrix", "csc_matrix")


def _encoding(attrs: Mapping[str, Any]) -> str:
    old = attrs.get("h5sparse_format")
    return f"{old}_matrix" if old else str(attrs.get("encoding-type", ""))


def members(found: Mapping[str, Listed], name: str) -> list[str]:
    """The arrays of one entry, which may be a group."""
    return [n for n in found if n == name or n.startswith(f"{name}/")]


def velocities_of(
    path: Path,
    groups: Mapping[str, Any],
    found: Mapping[str, Listed],
    source: str,
    reading: Reading,
) -> str | None:
    """Where the velocities of the states are, if they are asked for."""
    asked = (reading.velocities or "").strip("/")
    if not asked or asked == "none":
        return None
    there = [n for n in found if re.fullmatch(r"(?:obsm|layers)/[^/]+", n) and _is_matrix(found[n])]
    there += [n for n in groups if re.fullmatch(r"layers/[^/]+", n) and _is_sparse(groups[n])]
    if asked == "auto":
        basis = source.rpartition("/")[2].removeprefix("X_")
        usual = f"obsm/velocity_{basis}" if source.startswith("obsm/") else "layers/velocity"
        return usual if usual in there and usual != source else None
    match = [n for n in there if asked in (n, n.rpartition("/")[2])]
    if not match:
        raise InvalidInput(
            f"{path} has no velocities {asked!r}; there are {', '.join(there) or 'no layers'}."
        )
    return match[0]


def places_of(
    path: Path,
    groups: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    source: str,
    genes: Sequence[str] | None,
    reading: Reading,
) -> tuple[np.ndarray, list[str]]:
    """Columns of the matrix that are asked for, and their names."""
    width = shape_of(groups, arrays, source)[1]
    if genes is None or len(genes) != width:
        genes = [f"{source.rpartition('/')[2].removeprefix('X_')}{i}" for i in range(width)]
    doubles = len({*genes}) < width
    if doubles:
        raise InvalidInput(f"{path}: two variables have the same name; make them unique first.")
    places = {name: i for i, name in enumerate(genes)}
    unknown = [name for name in reading.columns if name not in places]
    if unknown:
        raise InvalidInput(
            f"{path}: there is no variable {unknown[0]!r} in {source}; there are "
            f"{', '.join(genes[:12])}{' …' if width > 12 else ''}."
        )
    names = [*reading.columns] or [name for name in genes if name not in reading.drop]
    names = names[: reading.components]
    return np.array([places[name] for name in names]), names


def picked(
    path: Path,
    groups: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    source: str,
    like: tuple[int, int] | None,
    places: np.ndarray,
    limit: int,
) -> np.ndarray:
    """Cells by the chosen columns of a matrix; velocities must be of the shape of the states."""
    shape = shape_of(groups, arrays, source)
    if like not in (None, shape):
        raise InvalidInput(
            f"{path}: the velocities {source} have shape {shape}, the states {like}; expected a "
            "velocity for every state (--read velocities=none leaves them out)."
        )
    if source in arrays:
        return arrays[source][:, places]
    refuse_bomb(path, 8 * shape[0] * len(places), limit)
    return filled(path, arrays, source, _encoding(groups[source]), shape, places)


def shape_of(
    groups: Mapping[str, Any], arrays: Mapping[str, np.ndarray], source: str
) -> tuple[int, int]:
    """Of a matrix, dense or, as its attributes say, sparse."""
    if source in arrays:
        rows, width = arrays[source].shape
        return rows, width
    rows, width = groups[source].get("shape", groups[source].get("h5sparse_shape", (None, (0, 0))))[
        1
    ]
    return int(rows), int(width)
