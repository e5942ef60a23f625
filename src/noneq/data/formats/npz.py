"""npz: several named arrays in one zip file, always read without pickle."""

import io
import math
import re
import stat
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from noneq.data.formats.columns import assemble
from noneq.data.layouts import Layout, Raw, parse_record, record_of, record_text
from noneq.data.safety import check_file, refuse_bomb, refuse_name
from noneq.data.snapshots import Snapshots
from noneq.data.trajectories import Trajectories
from noneq.errors import DataFileError, InvalidInput


_RECORD = "noneq"
_BLOCK = 1 << 20
_LONGEST_HEADER = 10_000
_HEADERS = {
    (1, 0): (2, np.lib.format.read_array_header_1_0),
    (2, 0): (4, np.lib.format.read_array_header_2_0),
}
_VALUES = ("values", "x", "X", "data")
_TIMES = ("times", "time", "t")
_TIMED_NAME = re.compile(r"(.*?)[ _=:]*([-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)")
_CLOCKS = re.compile(r"(second|sec|s|ms|us|ns|ps|fs|minute|min|hour|hr|h|day|d|week|month|year)s?")


def write_npz(data: Snapshots | Trajectories, path: Path) -> None:
    """Uncompressed, without time stamps: equal data give equal bytes."""
    # The record comes first: a damaged directory entry can hide the entries after it.
    text = record_text(record_of(data)).encode()
    arrays = {_RECORD: np.frombuffer(text, np.uint8), "values": data.values, "times": data.times}
    if isinstance(data, Snapshots):
        arrays["time_index"] = data.time_index
    elif data.mask is not None:
        arrays["mask"] = data.mask
    if data.condition is not None:
        arrays["condition"] = data.condition
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy")
            with archive.open(member, "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, np.ascontiguousarray(array), allow_pickle=False)


def read_npz(path: Path, layout: Layout, limit: int) -> Raw:
    """Our own arrays, one array per snapshot, or values with times."""
    check_file(path, (b"PK",))
    arrays = read_arrays(path, limit)
    if _RECORD in arrays:
        return Raw(
            arrays["values"],
            arrays["times"],
            arrays.get("time_index"),
            arrays.get("mask"),
            arrays.get("condition"),
            parse_record(path, arrays[_RECORD].tobytes()),
        )
    if not arrays:
        raise InvalidInput(f"{path} holds no array; write values and times.")
    frames = _timed_arrays(arrays)
    if frames is not None and layout.time is None:
        return frames
    return _values_and_times(path, arrays, layout)


def read_arrays(path: Path, limit: int) -> dict[str, np.ndarray]:
    """All arrays of an npz file, by name.

    Args:
        path: the file.
        limit: bytes that they may take together; the directory is summed before anything is
            unpacked, and a member that goes on beyond its own entry is refused.

    Raises:
        DataFileError: damaged, unsafe, or arrays of other things than numbers.
    """
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        for member in members:
            refuse_name(path, member.filename)
            if stat.S_ISLNK(member.external_attr >> 16):
                raise DataFileError(f"{path} holds a link {member.filename!r}; refused as unsafe.")
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise DataFileError(
                    f"{path}: {member.filename!r} is compressed by method {member.compress_type}; "
                    "write it with np.savez or np.savez_compressed."
                )
            if member.compress_size > member.file_size + member.file_size // 100 + 1000:
                raise DataFileError(
                    f"{path}: {member.filename!r} claims {member.file_size} bytes in "
                    f"{member.compress_size} compressed ones; refused as unsafe."
                )
        refuse_bomb(path, sum(m.file_size for m in members), limit)
        return {m.filename.removesuffix(".npy"): _array(path, m, archive) for m in members}


def _array(path: Path, member: zipfile.ZipInfo, archive: zipfile.ZipFile) -> np.ndarray:
    with archive.open(member) as stream:
        shape, fortran, dtype = _header(path, member.filename, stream)
        claimed = dtype.itemsize * math.prod(int(k) for k in shape)
        held = member.file_size - stream.tell()
        if claimed != held:
            raise DataFileError(
                f"{path}: array {member.filename!r} claims shape {shape}, {claimed} bytes, but "
                f"holds {held}; the file is damaged."
            )
        content = np.empty(claimed, np.uint8)
        for start in range(0, claimed, _BLOCK):
            block = stream.read(min(_BLOCK, claimed - start))
            content[start : start + _BLOCK] = np.frombuffer(block, np.uint8)
        # zipfile compares the CRC when the end is read.
        stream.read(1)
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
    if dtype.kind not in "fiubc":
        raise DataFileError(
            f"{path}: array {name!r} has dtype {dtype}; only numbers are read, "
            "because object arrays can run code. Write numbers."
        )
    return shape, fortran, dtype


def _timed_arrays(arrays: dict[str, np.ndarray]) -> Raw | None:
    """One array per snapshot, named ``day_2``, ``t=0.5``, ``x_1.25``; None if it is not so."""
    matches = {name: _TIMED_NAME.fullmatch(name) for name in arrays}
    prefixes = {match and match[1] for match in matches.values()}
    if None in prefixes or len(prefixes) > 1 or prefixes == {"arr"}:
        return None
    timed = {float(match[2]): arrays[name] for name, match in matches.items() if match}
    if len(timed) < len(arrays):
        raise InvalidInput(f"two arrays have the same time in their names: {', '.join(arrays)}.")
    times = np.array(sorted(timed))
    frames = [timed[t] for t in times]
    shapes = sorted({frame.shape[1:] for frame in frames})
    if len(shapes) > 1 or min(frame.ndim for frame in frames) == 0:
        raise InvalidInput(f"the snapshots differ in event shape: {shapes}; all must be equal.")
    prefix = prefixes.pop() or ""
    unit = prefix if _CLOCKS.fullmatch(prefix.lower()) else ""
    index = np.repeat(np.arange(len(frames)), [len(frame) for frame in frames])
    return Raw(np.concatenate(frames), times, index, record={"time_unit": unit})


def _values_and_times(path: Path, arrays: dict[str, np.ndarray], layout: Layout) -> Raw:
    listing = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())

    def take(name: str | None) -> np.ndarray | None:
        if name is not None and name not in arrays:
            raise InvalidInput(f"{path} has no array {name!r}; it holds {listing}.")
        return None if name is None else arrays.pop(name)

    def known(*names: str) -> str | None:
        return next((name for name in names if name in arrays), None)

    columns = [take(name) for name in layout.condition or filter(None, [known("condition")])]
    condition = np.column_stack([c for c in columns if c is not None]) if columns else None
    trajectory = take(layout.trajectory or known("trajectory"))
    times = take(layout.time or known(*_TIMES))
    mask = take(known("mask"))
    name = known(*_VALUES) or (next(iter(arrays)) if len(arrays) == 1 else None)
    values = take(name)
    if values is None or values.ndim == 0:
        raise InvalidInput(
            f"{path} holds {listing}; expected 'values' with 'times', or one array per snapshot "
            "named by its time, as day_2 or t=0.5."
        )
    if times is None:
        return assemble(values, None, trajectory, condition, {}, layout)
    n, length = len(values), times.size
    if times.ndim == 1 and values.ndim > 1 and trajectory is None:
        if values.shape[1] == length and (values.ndim > 2 or n != length):
            return Raw(values, times, None, mask, condition)
        if n == length and values.ndim > 2 and np.unique(times).size == length:
            raise InvalidInput(
                f"{path}: {name} {values.shape} with {length} times could be (time, sample, "
                "state); transpose it to (trajectory, time, state), or write one array per time."
            )
    if times.shape != (n,):
        raise InvalidInput(
            f"{path} holds {listing}; expected values (n, T, *event) with times (T,), or values "
            "(n, *event) with one time per sample."
        )
    return assemble(values, times, trajectory, condition, {}, layout)
