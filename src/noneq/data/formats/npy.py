"""npy: one bare array, without a checksum; and the arrays of npz."""

import io
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from noneq.data.formats.assembly import assemble
from noneq.data.formats.reader import AbstractReader
from noneq.data.layouts import Raw, kind_of
from noneq.data.readings.options import Reading
from noneq.data.readings.understanding import Part, Understanding
from noneq.data.safety import check_file, refuse_bomb
from noneq.errors import DataFileError, InvalidInput


_BLOCK = 1 << 20
_LONGEST_HEADER = 10_000
_HEADERS = {
    (1, 0): (2, np.lib.format.read_array_header_1_0),
    (2, 0): (4, np.lib.format.read_array_header_2_0),
}


class NpyReader(AbstractReader):
    """One snapshot: samples along the first axis, a state along the others."""

    def read(self, path: Path, reading: Reading, limit: int) -> Raw:
        """One snapshot: samples along the first axis, a state along the others.

        Raises:
            InvalidInput: a single number, or an option that needs times.
        """
        check_file(path, (b"\x93NUMPY",))
        size = path.stat().st_size
        refuse_bomb(path, size, limit)
        with path.open("rb") as stream:
            values = read_array(path, path.name, stream, size)
        if values.ndim == 0:
            raise InvalidInput(f"{path} holds one number; expected an array of samples.")
        if reading.time not in (None, "none") or reading.trajectory or reading.condition:
            raise InvalidInput(
                f"{path} holds one array without names; write it with its times: "
                "np.savez(file, values=…, times=…)."
            )
        warnings.warn(
            f"{path.name}: npy has no checksum, so damage passes unseen; prefer npz.", stacklevel=2
        )
        raw = assemble(values, None, None, None, {}, reading)
        part = Part("array", "coordinate", "", f"shape {values.shape}, samples first")
        said = Understanding(
            kind_of(raw), (part,), (), ("np.savez(file, values=…, times=…) adds times",)
        )
        return Raw(raw.values, raw.times, raw.time_index, record={}, understood=said)


def read_array(path: Path, name: str, stream: Any, size: int) -> np.ndarray:
    """The array in a stream of ``size`` bytes; never through pickle.

    Raises:
        DataFileError: objects, fields or texts in place of numbers, or another size than it claims.
    """
    shape, fortran, dtype = _header(path, name, stream)
    claimed = dtype.itemsize * math.prod(int(k) for k in shape)
    held = size - stream.tell()
    if claimed != held:
        raise DataFileError(
            f"{path}: array {name!r} claims shape {shape}, {claimed} bytes, but "
            f"holds {held}; the file is damaged."
        )
    content = np.empty(claimed, np.uint8)
    for start in range(0, claimed, _BLOCK):
        block = stream.read(min(_BLOCK, claimed - start))
        content[start : start + _BLOCK] = np.frombuffer(block, np.uint8)
    return content.view(dtype).reshape(shape, order="F" if fortran else "C")


def _header(path: Path, name: str, stream: Any) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether Fortran's order, and dtype."""
    version = np.lib.format.read_magic(stream)
    if version not in _HEADERS:
        raise DataFileError(f"{path}: array {name!r} has npy version {version}.")
    length, reader = _HEADERS[version]
    start = stream.read(length)
    size = int.from_bytes(start, "little")
    if size > _LONGEST_HEADER:
        raise DataFileError(f"{path}: array {name!r} has a header of {size} bytes; it is damaged.")
    shape, fortran, dtype = reader(io.BytesIO(start + stream.read(size)))
    if dtype.kind not in "fiubcMU":
        raise DataFileError(f"{path}: array {name!r} {_why_not(dtype)}")
    return shape, fortran, dtype


def _why_not(dtype: np.dtype) -> str:
    if dtype.names:
        fields = ", ".join(dtype.names)
        return f"is structured (fields {fields}); write one array per field."
    if dtype.kind == "S":
        return f"holds bytes ({dtype}); write texts (astype(str)) or numbers."
    if dtype.kind == "m":
        return "holds durations (timedelta64); write them as numbers of one unit."
    return f"has dtype {dtype}; object arrays can run code and are never read. Write numbers."
