"""Sparse matrices in the arrays of a file."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from noneq.errors import DataFileError


_PARTS = ("data", "indices", "indptr")


def filled(
    path: Path,
    arrays: Mapping[str, np.ndarray],
    source: str,
    encoding: str,
    shape: tuple[int, int],
    kept: np.ndarray,
) -> np.ndarray:
    """The wanted columns of a sparse matrix, zeros filled in.

    Args:
        path: the file, for messages.
        arrays: those below ``source``: data, indices and indptr.
        source: name of the matrix.
        encoding: ``csr_matrix`` or ``csc_matrix``.
        shape: of the whole matrix.
        kept: places of the wanted columns.

    Raises:
        DataFileError: indices that do not fit the shape.
    """
    data, inner, starts = (arrays[f"{source}/{part}"] for part in _PARTS)
    outer = 0 if encoding == "csr_matrix" else 1
    counts = np.diff(starts.astype(np.int64))
    right = (
        len(starts) == shape[outer] + 1
        and starts[0] == 0
        and (counts >= 0).all()
        and starts[-1] == len(data) == len(inner)
        and (not len(inner) or 0 <= inner.min() <= inner.max() < shape[1 - outer])
    )
    if not right:
        raise DataFileError(
            f"{path}: the sparse matrix {source!r} is damaged; restore it from a copy."
        )
    along = np.repeat(np.arange(shape[outer]), counts)
    rows, columns = (along, inner) if outer == 0 else (inner, along)
    place = np.full(shape[1], -1)
    place[kept] = np.arange(len(kept))
    wanted = place[columns] >= 0
    filled = np.zeros((shape[0], len(kept)), data.dtype if data.dtype.kind == "f" else np.float64)
    filled[rows[wanted], place[columns[wanted]]] = data[wanted]
    return filled
