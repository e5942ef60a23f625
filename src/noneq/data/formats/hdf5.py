"""HDF5 files with a path inside, and MATLAB's files, both opened by a process of its own."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from noneq.data.formats.named import from_arrays
from noneq.data.formats.nested import ragged, wanted
from noneq.data.formats.reader import AbstractReader
from noneq.data.formats.unpacked import Form, Listed, listing, unpacked
from noneq.data.layouts import Raw
from noneq.data.readings.options import Reading
from noneq.data.safety import check_file
from noneq.errors import DataFileError, InvalidInput


_MAGIC = b"\x89HDF\r\n\x1a\n"


class Hdf5Reader(AbstractReader):
    """The arrays of a group: values and times, or columns of one length."""

    def read(self, path: Path, reading: Reading, limit: int) -> Raw:
        """Arrays of numbers by their path; links are left out."""
        check_file(path, (_MAGIC,))
        return _read(path, "tree", reading, limit, {})


class MatlabReader(AbstractReader):
    """Variables, fields of structures and cells of a MATLAB file."""

    def read(self, path: Path, reading: Reading, limit: int) -> Raw:
        """Version 5 to 7 by SciPy, 7.3 as HDF5, whose axes are reversed."""
        check_file(path)
        with path.open("rb") as stream:
            head = stream.read(128)
        if head.startswith(b"MATLAB 5.0"):
            return _read(path, "matlab", reading, limit, {})
        if head.startswith((b"MATLAB 7.3", _MAGIC)):
            return _read(path, "tree", reading, limit, {"matlab": True})
        raise DataFileError(
            f"{path} is no MATLAB file of version 5 to 7.3 (it starts with {head[:8]!r}); write it "
            "again with save('file.mat', '-v7')."
        )


def _read(path: Path, form: Form, reading: Reading, limit: int, more: dict[str, Any]) -> Raw:
    _, found = listing(path, form, limit, **more)
    is_matlab = form == "matlab" or "matlab" in more
    turn = "matlab" in more
    shapes = {n: f.shape[::-1] if turn else f.shape for n, f in found.items() if _is_wanted(f)}
    if not shapes:
        raise InvalidInput(f"{path} holds no array of numbers; write values and times.")
    names, variable = wanted(path, shapes, reading)
    _, columns = unpacked(path, form, limit, names=[*names], **more)
    arrays = {
        names[name]: _squeezed(column.values.T if turn else column.values, is_matlab)
        for name, column in columns
    }
    reading = replace(reading, variable=variable)
    cells = ragged(arrays, reading) if variable is None else None
    if cells is not None:
        return cells
    if any(array.dtype.kind in "c" for array in arrays.values()):
        raise InvalidInput(f"{path} holds complex numbers; write real and imaginary parts.")
    kept = {n: a for n, a in arrays.items() if a.ndim or n == variable} or arrays
    return from_arrays(path, kept, reading, either=is_matlab)


def _is_wanted(found: Listed) -> bool:
    return (
        found.dtype is not None
        and found.dtype.kind in "fiub"
        and found.attrs.get("MATLAB_class") not in ("char", "function_handle")
    )


def _squeezed(array: np.ndarray, is_matlab: bool) -> np.ndarray:
    """Vectors without the second axis that MATLAB gives them, single numbers without axes."""
    if is_matlab and array.ndim == 2 and 1 in array.shape:
        return array.reshape(() if array.size == 1 else -1)
    return array
