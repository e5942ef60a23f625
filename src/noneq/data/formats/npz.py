"""npz: several named arrays in one zip file, always read without pickle."""

import re
import stat
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from noneq.data.conditions import coded
from noneq.data.formats.assembly import assemble
from noneq.data.formats.npy import read_array
from noneq.data.layouts import Raw, parse_record, record_of, record_text
from noneq.data.readings.labels import are_compact_dates, elapsed, time_unit
from noneq.data.readings.options import Reading
from noneq.data.readings.understanding import Part, Understanding
from noneq.data.safety import check_file, refuse_bomb, refuse_name
from noneq.data.snapshots import Snapshots
from noneq.data.trajectories import Trajectories
from noneq.errors import DataFileError, InvalidInput


_RECORD = "noneq"
_VALUES = ("values", "x", "X", "data")
_TIMES = ("times", "time", "t")
_NUMBER = r"\d+(?:\.\d+)?(?:[eE][-+]?\d+)?"
# A hyphen joins words; a minus stands after = or : only.
_TIMED_NAME = re.compile(rf"([A-Za-zµ]*)(?:[ _-]*({_NUMBER})|\s*[=:]\s*([-+]?{_NUMBER}))")
_DATED_NAME = re.compile(r"(?:[A-Za-z]+[ _=:-])?(\d{4}-\d{2}-\d{2}|(?:19|20)\d{6})")
_CLOCKS = ("", "t", "time", "tau", "frame", "step", "snapshot", "stage", "generation", "gen")
_PATHS = ("traj", "trajectory", "path", "run", "replica", "particle", "track", "walker", "member")


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


def read_npz(path: Path, reading: Reading, limit: int) -> Raw:
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
    named = reading.time if reading.time != "none" else None
    if named is None and reading.trajectory is None:
        paths = _paths(path, dict(arrays))
        frames = paths or _timed_arrays(path, arrays)
        if frames is not None:
            return frames
    return _values_and_times(path, arrays, reading)


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
        array = read_array(path, member.filename, stream, member.file_size)
        # zipfile compares the CRC when the end is read.
        stream.read(1)
    return array


def _paths(path: Path, arrays: dict[str, np.ndarray]) -> Raw | None:
    """Arrays ``traj_0``, ``traj_1`` …, each a path ``(T, *event)``, beside ``times``."""
    clock = next((name for name in _TIMES if name in arrays), None)
    times = None if clock is None else arrays.pop(clock)
    found = {name: _TIMED_NAME.fullmatch(name) for name in arrays}
    if len(found) < 1 or any(m is None or m[1].lower() not in _PATHS for m in found.values()):
        return None
    order = sorted(arrays, key=lambda name: float(found[name][2] or found[name][3]))  # pyright: ignore[reportOptionalSubscript]
    lengths = {len(arrays[name]) for name in order}
    if min(arrays[name].ndim for name in order) == 0:
        raise InvalidInput(f"{path}: a path needs an axis of times; got a single number.")
    longest = max(lengths)
    steps = np.arange(longest, dtype=float) if times is None else times
    if steps.shape != (longest,) or (times is not None and len(lengths) > 1):
        raise InvalidInput(
            f"{path}: the paths have {sorted(lengths)} frames, times has shape {steps.shape}; expected "
            "paths of one length with one vector of times."
        )
    event = {arrays[name].shape[1:] for name in order}
    if len(event) > 1:
        raise InvalidInput(f"{path}: the paths differ in event shape: {sorted(event)}.")
    values = np.full((len(order), longest, *event.pop()), np.nan)
    mask = np.zeros(values.shape[:2], bool)
    for row, name in enumerate(order):
        values[row, : len(arrays[name])] = arrays[name]
        mask[row, : len(arrays[name])] = True
    values[~mask] = 0.0
    axis = Part(clock or "frame number", "time", "" if clock else "frame")
    parts = (axis, Part(f"{order[0]} … {order[-1]}", "coordinate", "", "one path each"))
    said = Understanding("trajectories" if len(order) > 1 else "one trajectory", parts)
    record = {"time_unit": "" if clock else "frame"}
    whole = None if mask.all() else mask
    return Raw(values, np.asarray(steps, float), None, whole, None, record, said)


def _timed_arrays(path: Path, arrays: dict[str, np.ndarray]) -> Raw | None:
    """One array per snapshot, named ``day_2``, ``t=0.5`` or by a date; None if it is not so."""
    times, unit, note = _times_of(list(arrays))
    if times is None:
        return None
    if np.unique(times).size < len(arrays):
        raise InvalidInput(f"two arrays have the same time in their names: {', '.join(arrays)}.")
    order = np.argsort(times)
    names = [list(arrays)[i] for i in order]
    frames = [arrays[name] for name in names]
    shapes = sorted({frame.shape[1:] for frame in frames})
    if len(shapes) > 1 or min(frame.ndim for frame in frames) == 0:
        raise InvalidInput(f"the snapshots differ in event shape: {shapes}; all must be equal.")
    index = np.repeat(np.arange(len(frames)), [len(frame) for frame in frames])
    parts = (
        Part("array names", "time", unit, note),
        Part(f"{names[0]} … {names[-1]}", "coordinate", "", "one snapshot each"),
    )
    said = Understanding("snapshots", parts, (), ("values with times in place of names",))
    return Raw(
        np.concatenate(frames), times[order], index, record={"time_unit": unit}, understood=said
    )


def _times_of(names: list[str]) -> tuple[np.ndarray | None, str, str]:
    """Times in names, their unit and a remark; None if the names carry none."""
    dates = [_DATED_NAME.fullmatch(name) for name in names]
    if all(dates):
        cells = [match[1] for match in dates if match]
        compact = np.array([float(cell) if cell.isdigit() else np.nan for cell in cells])
        if not np.isfinite(compact).any() or are_compact_dates(compact):
            times, unit, first = elapsed(cells)
            return times, unit, f"since {first}"
    matches = [_TIMED_NAME.fullmatch(name) for name in names]
    prefixes = {match and match[1] for match in matches}
    if None in prefixes or len(prefixes) > 1 or "arr" in prefixes:
        return None, "", ""
    prefix = prefixes.pop() or ""
    unit = time_unit(prefix) if len(prefix) > 1 or prefix in ("s", "h", "d") else None
    known = unit or prefix.lower() in (*_CLOCKS, *(f"{c}s" for c in _CLOCKS)) or prefix in _VALUES
    if not known:
        return None, "", ""
    times = np.array([float(match[2] or match[3]) for match in matches if match])
    plain = prefix if unit else ""
    return times, plain, f"numbers after {prefix!r}" if prefix else "the names are numbers"


def _values_and_times(path: Path, arrays: dict[str, np.ndarray], reading: Reading) -> Raw:
    listing = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())

    def take(name: str | None) -> np.ndarray | None:
        if name is not None and name not in arrays:
            raise InvalidInput(f"{path} has no array {name!r}; it holds {listing}.")
        return None if name is None else arrays.pop(name)

    def known(*names: str) -> str | None:
        return next((name for name in names if name in arrays), None)

    columns = [take(name) for name in reading.condition or filter(None, [known("condition")])]
    condition, categories = coded([c for c in columns if c is not None]) if columns else (None, ())
    labels = {"condition_names": list(reading.condition), "categories": categories}
    trajectory = take(reading.trajectory or known("trajectory"))
    times = take((reading.time if reading.time != "none" else None) or known(*_TIMES))
    mask = take(known("mask"))
    name = known(*_VALUES) or (next(iter(arrays)) if len(arrays) == 1 else None)
    values = take(name)
    if values is None or values.ndim == 0:
        raise InvalidInput(
            f"{path} holds {listing}; expected 'values' with 'times', or one array per snapshot "
            "named by its time, as day_2 or t=0.5."
        )
    if any(array is not None and array.dtype.kind == "M" for array in (values, trajectory)):
        raise InvalidInput(f"{path}: {name} holds dates; only times may be dates.")
    record: dict[str, Any] = {} if condition is None else labels
    if times is not None and times.dtype.kind == "M":
        days = (times - times.min()) / np.timedelta64(1, "D")
        record, times = record | {"time_unit": "day"}, days.astype(np.float64)
    if times is None:
        return assemble(values, None, trajectory, condition, record, reading)
    n, length = len(values), times.size
    if times.ndim == 1 and values.ndim > 1 and trajectory is None:
        if values.shape[1] == length and (values.ndim > 2 or n != length):
            return Raw(values, times, None, mask, condition, record)
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
    return assemble(values, times, trajectory, condition, record, reading)
