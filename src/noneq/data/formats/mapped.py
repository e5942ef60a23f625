"""Arrays larger than memory: copied chunk by chunk into a plain file, and read from there."""

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from noneq.errors import InvalidInput, WriteFailed, WrongType
from noneq.kinds import checked


_BYTES = 2**26
"""Held at once, unless one chunk is larger."""


@checked
def mapped(values: Any, path: str | Path) -> np.ndarray:
    """Copy an array that lies in chunks to a file ``.npy`` and open it mapped into memory.

    `Trajectories` takes the result as it is, and the estimators of `noneq.thermo` read what they
    need piece by piece: with ``values`` of zarr or HDF5 the record may be larger than the memory.

    Args:
        values: with ``shape``, ``dtype`` and slices along the first axis, such as an array of zarr or
            a dataset of h5py. If it has ``chunks``, whole ones are read.
        path: of the new file, ending in ``.npy``.

    Returns:
        A read-only `numpy.memmap` of float32 (float64 stays float64).

    Raises:
        WrongType: something else, or numbers that are not real.
        InvalidInput: a file that exists, or another ending.
        WriteFailed: the disk refused.
    """
    path = Path(path)
    shape, kind = getattr(values, "shape", None), getattr(values, "dtype", None)
    if not isinstance(shape, tuple) or not shape or kind is None or not all(shape):
        raise WrongType(
            f"mapped: {type(values).__name__} is no array with values; give one of zarr or h5py."
        )
    if np.dtype(kind).kind not in "fiub":
        raise WrongType(f"mapped: numbers of the kind {kind}; expected real ones.")
    if path.suffix != ".npy" or path.exists():
        raise InvalidInput(
            f"mapped: {path} {'exists' if path.exists() else 'does not end in .npy'}; name a new "
            "file NAME.npy. One that is there opens with numpy.load(path, mmap_mode='r')."
        )
    dtype = np.float64 if np.dtype(kind) == np.float64 else np.float32
    chunk = (getattr(values, "chunks", None) or (1,))[0]
    row = int(np.prod(shape[1:])) * np.dtype(kind).itemsize
    rows = max(1, _BYTES // max(row * chunk, 1)) * chunk
    try:
        number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(number)
    except OSError as error:
        raise WriteFailed(f"cannot write {path}: {error.strerror or error}.") from error
    try:
        for first in range(0, shape[0], rows):
            # Opened anew for each part, so that what is written does not count as memory in use.
            mode = "r+" if first else "w+"
            file = np.lib.format.open_memmap(name, mode, dtype, shape)
            file[first : first + rows] = values[first : first + rows]
            file.flush()
            del file
        os.replace(name, path)
    except OSError as error:
        raise WriteFailed(f"cannot write {path}: {error.strerror or error}.") from error
    finally:
        Path(name).unlink(missing_ok=True)
    return np.load(path, mmap_mode="r")
