"""Arrays whose names say which path or which time they are: ``traj_0``, ``day_2``, ``t=0.5``."""

import re
from pathlib import Path

import numpy as np

from noneq.data.layouts import Raw
from noneq.data.readings.labels import are_compact_dates, elapsed, time_unit
from noneq.data.readings.understanding import Part, Understanding
from noneq.errors import InvalidInput


VALUES = ("values", "x", "X", "data", "value")
TIMES = ("time", "times", "t")
"""Names of arrays of states and of times."""
_NUMBER = r"\d+(?:\.\d+)?(?:[eE][-+]?\d+)?"
# A hyphen joins words; a minus stands after = or : only.
_TIMED_NAME = re.compile(rf"([A-Za-zµ]*)(?:[ _-]*({_NUMBER})|\s*[=:]\s*([-+]?{_NUMBER}))")
_DATED_NAME = re.compile(r"(?:[A-Za-z]+[ _=:-])?(\d{4}-\d{2}-\d{2}|(?:19|20)\d{6})")
_CLOCKS = ("", "t", "time", "tau", "frame", "step", "snapshot", "stage", "generation", "gen")
_PATHS = ("traj", "trajectory", "path", "run", "replica", "particle", "track", "walker", "member")


def numbered_paths(path: Path, arrays: dict[str, np.ndarray]) -> Raw | None:
    """Arrays ``traj_0``, ``traj_1`` …, each a path ``(T, *event)``, beside ``times``."""
    clock = next((name for name in TIMES if name in arrays), None)
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


def timed_arrays(path: Path, arrays: dict[str, np.ndarray]) -> Raw | None:
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
    known = unit or prefix.lower() in (*_CLOCKS, *(f"{c}s" for c in _CLOCKS)) or prefix in VALUES
    if not known:
        return None, "", ""
    times = np.array([float(match[2] or match[3]) for match in matches if match])
    plain = prefix if unit else ""
    return times, plain, f"numbers after {prefix!r}" if prefix else "the names are numbers"
