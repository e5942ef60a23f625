"""Arrays by name, as npz, HDF5 and MATLAB files hold them: values and times, columns, or frames."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from noneq.data.conditions import coded
from noneq.data.formats.assembly import assemble
from noneq.data.formats.columns import from_table
from noneq.data.formats.frames import TIMES, VALUES, numbered_paths, timed_arrays
from noneq.data.layouts import Raw, plainly
from noneq.data.readings.labels import elapsed, is_date
from noneq.data.readings.options import Reading
from noneq.data.readings.roles import Column
from noneq.data.readings.understanding import Part
from noneq.errors import InvalidInput


ROLES = (*TIMES, "trajectory", "condition", "mask")
"""Names of arrays that stand beside the values."""


def from_arrays(
    path: Path, arrays: dict[str, np.ndarray], reading: Reading, either: bool = False
) -> Raw:
    """One array per snapshot or path, vectors of one length as columns, or values with times.

    Args:
        path: the file, for messages.
        arrays: what it holds.
        reading: how it is to be read; its ``variable`` names the array of values.
        either: whether a matrix may have its times along the first axis as well as the last, as
            matrices of MATLAB have; it is asked then.

    Raises:
        InvalidInput: arrays that fit none of these, or more than one.
    """
    if not arrays:
        raise InvalidInput(f"{path} holds no array; write values and times.")
    plain = reading.time in (None, "none") and reading.trajectory is None
    if _may_be_either(arrays, reading):
        shown = ",".join(list(arrays)[:3])
        raise InvalidInput(
            f"{path} holds vectors of one length, {shown}: are they coordinates (say --columns {shown}) "
            "or snapshots at the times in their names (--kind snapshots)?"
        )
    if plain and reading.variable is None and not _are_named(arrays, reading):
        frames = numbered_paths(path, dict(arrays)) or timed_arrays(path, arrays)
        if frames is not None:
            return frames
    if reading.variable is None and _are_columns(arrays, reading):
        return from_table([column(name, array) for name, array in arrays.items()], {}, reading)
    return _values_and_times(path, dict(arrays), reading, either)


def column(name: str, array: np.ndarray) -> Column:
    """A vector as the column of a table; dates as their texts."""
    if array.dtype.kind == "M":
        return Column(name, "", np.datetime_as_string(array).astype(object), dates=True)
    return Column(name, "", array.astype(np.float64))


def _may_be_either(arrays: dict[str, np.ndarray], reading: Reading) -> bool:
    """Whether vectors called x1, x2 … may be coordinates, or snapshots of one."""
    numbered = all(re.fullmatch(r"[A-Za-z]\d+", name) for name in arrays)
    open_ = reading.kind is None and not reading.columns and reading.variable is None
    return numbered and open_ and _are_columns(arrays, reading)


def _are_named(arrays: dict[str, np.ndarray], reading: Reading) -> bool:
    """Whether the reading asks for vectors by their names."""
    return bool(reading.columns) and {*reading.columns} <= {*arrays}


def _are_columns(arrays: dict[str, np.ndarray], reading: Reading) -> bool:
    """Whether all arrays are vectors of one length, of which several may be coordinates."""
    roles = {*ROLES, reading.time, reading.trajectory, *reading.condition}
    free = [name for name in arrays if name not in roles]
    if any(name in arrays for name in ("values", "value", "data", "X")):
        return False
    shapes = {array.shape for array in arrays.values()}
    alike = len(shapes) == 1 and len(shapes.pop()) == 1
    return alike and len(free) > 1 and all(a.dtype.kind in "fiubM" for a in arrays.values())


def _values_and_times(
    path: Path, arrays: dict[str, np.ndarray], reading: Reading, either: bool
) -> Raw:
    listing = ", ".join(f"{name} {array.shape}" for name, array in list(arrays.items())[:12])

    def take(name: str | None) -> np.ndarray | None:
        if name is not None and name not in arrays:
            raise InvalidInput(f"{path} has no array {name!r}; it holds {listing}.")
        return None if name is None else arrays.pop(name)

    def known(*names: str) -> str | None:
        return next((name for name in names if name in arrays), None)

    values = take(reading.variable)
    columns = [take(name) for name in reading.condition or filter(None, [known("condition")])]
    condition, categories = coded([c for c in columns if c is not None]) if columns else (None, ())
    trajectory = take(reading.trajectory or known("trajectory"))
    clock = (reading.time if reading.time != "none" else None) or known(*TIMES)
    times = take(clock)
    mask = take(known("mask"))
    name = reading.variable
    if values is None:
        several = [n for n, array in arrays.items() if array.size > 1]
        name = known(*VALUES) or (several[0] if len(several) == 1 else None)
        name = next(iter(arrays)) if name is None and len(arrays) == 1 else name
        values = take(name)
    if name is None or values is None or values.ndim == 0:
        raise InvalidInput(
            f"{path} holds {listing}; expected 'values' with 'times', or one array per snapshot "
            "named by its time, as day_2 or t=0.5 (or choose one: --read variable=NAME)."
        )
    if any(array is not None and array.dtype.kind == "M" for array in (values, trajectory)):
        raise InvalidInput(f"{path}: {name} holds dates; only times may be dates.")
    labels = {"condition_names": list(reading.condition), "categories": categories}
    record: dict[str, Any] = {} if condition is None else labels
    if times is not None and times.dtype.kind in "USO":
        cells = [str(cell) for cell in times.ravel()]
        wrong = next((cell for cell in cells if not is_date(cell)), None)
        if wrong is not None:
            raise InvalidInput(
                f"{path}: {clock} holds {wrong!r}; write numbers or dates (YYYY-MM-DD)."
            )
        times, unit, _ = elapsed(cells)
        record = record | {"time_unit": unit}
    elif times is not None and times.dtype.kind == "M":
        days = (times - times.min()) / np.timedelta64(1, "D")
        record, times = record | {"time_unit": "day"}, days.astype(np.float64)
    raw = _joined(path, name, values, times, trajectory, mask, condition, record, reading, either)
    raw = _said(raw, name, values.shape, clock if times is not None else None, arrays)
    said, beside = raw.understood, reading.condition or ("condition",) * (condition is not None)
    assert said is not None
    parts = (*said.parts, *(Part(c, "condition") for c in beside))
    return replace(raw, understood=replace(said, parts=parts))


def _joined(
    path: Path,
    name: str,
    values: np.ndarray,
    times: np.ndarray | None,
    trajectory: np.ndarray | None,
    mask: np.ndarray | None,
    condition: np.ndarray | None,
    record: dict[str, Any],
    reading: Reading,
    either: bool,
) -> Raw:
    """Values with their times, whichever axis these lie along."""
    if times is None:
        return assemble(values, None, trajectory, condition, record, reading)
    times = np.atleast_1d(times)
    n, length = len(values), times.size
    if length == 1 and n > 1 and trajectory is None and reading.kind != "trajectories":
        index = np.zeros(n, np.int32)
        return Raw(_at_one_time(values), times, index, None, condition, record)
    if times.ndim == 1 and values.ndim > 1 and trajectory is None:
        if values.shape[1] == length and (values.ndim > 2 or n != length):
            if either and values.ndim == 2 and n > 1 and reading.kind is None:
                return _matrix(path, name, values, times, mask, condition, record, reading)
            if n == length and reading.kind != "trajectories":
                raise InvalidInput(
                    f"{path}: {name} {values.shape} with {length} times: does the first axis or the "
                    "second count them? Say --kind trajectories for (trajectory, time, state), else "
                    "transpose it to that order."
                )
            return Raw(values, times, None, mask, condition, record)
        if n == length and values.ndim > 2 and np.unique(times).size == length:
            return _times_first(path, name, values, times, condition, record, reading)
    if times.shape != (n,):
        raise InvalidInput(
            f"{path} holds {name} {values.shape} and times {times.shape}; expected values "
            "(n, T, *event) with times (T,), or values (n, *event) with one time per sample."
        )
    return assemble(values, times, trajectory, condition, record, reading)


def _at_one_time(values: np.ndarray) -> np.ndarray:
    """States at one time, without the axis of this time if there is one.

    ``(n, 1, 8, 8)`` are images of one channel, ``(n, 1, 8, 3)`` are particles in space.
    """
    image = values.ndim == 4 and values.shape[-1] > 3
    is_axis = values.ndim > 2 and values.shape[1] == 1 and not image
    return values[:, 0] if is_axis else values


def _times_first(
    path: Path,
    name: str,
    values: np.ndarray,
    times: np.ndarray,
    condition: np.ndarray | None,
    record: dict[str, Any],
    reading: Reading,
) -> Raw:
    """``(time, sample, state)``: whether the samples belong together only the user knows."""
    turned = np.moveaxis(values, 0, 1)
    if reading.kind == "trajectories":
        return Raw(turned, times, None, None, condition, record)
    if reading.kind == "snapshots":
        rows = values.reshape(-1, *values.shape[2:])
        time = np.repeat(times, values.shape[1])
        every = None if condition is None else np.tile(condition, (times.size, 1))
        return assemble(rows, time, None, every, record, reading)
    raise InvalidInput(
        f"{path}: {name} {values.shape} with {times.size} times could be (time, sample, state): say "
        "--kind trajectories if places along the second axis belong together, else --kind snapshots "
        "(or transpose it to (trajectory, time, state))."
    )


def _matrix(
    path: Path,
    name: str,
    values: np.ndarray,
    times: np.ndarray,
    mask: np.ndarray | None,
    condition: np.ndarray | None,
    record: dict[str, Any],
    reading: Reading,
) -> Raw:
    """A matrix with times along its rows: several paths, or one path of several coordinates."""
    count = len(values)
    if len(reading.columns) == count:
        record = record | {"names": [*reading.columns]}
        return Raw(values.T[None], times, None, None, condition, record, settled=("columns",))
    words = ",".join("ABC"[:count]) + ("…" if count > 3 else "")
    raise InvalidInput(
        f"{path}: {name} {values.shape} with {times.size} times could be {count} paths of one coordinate "
        f"(say --kind trajectories) or one path of {count} coordinates (name them: --columns {words})."
    )


def _said(
    raw: Raw, name: str, shape: tuple[int, ...], clock: str | None, left: dict[str, np.ndarray]
) -> Raw:
    """The raw data with the names of the arrays that were taken, and of those left out."""
    said = plainly(raw)
    parts = [replace(p, name=clock) if p.role == "time" and clock else p for p in said.parts]
    parts += [Part(n, "left out", "", f"another array, {a.shape}") for n, a in left.items()]
    notes = (f"values: array {name!r} of shape {shape}",)
    return replace(raw, understood=replace(said, parts=tuple(parts), notes=notes))
