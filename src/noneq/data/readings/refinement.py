"""A reading applied to what a file holds: which coordinates and times, what is missing, where it lives."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from noneq.data.layouts import (
    OPTIONAL,
    Raw,
    as_raw,
    domain_record,
    ensemble,
    labels_of,
    selected,
    verified,
)
from noneq.data.readings.options import Reading
from noneq.data.snapshots import Snapshots
from noneq.data.trajectories import Trajectories
from noneq.domains import AbstractDomain, Torus
from noneq.errors import InvalidInput


def build(raw: Raw, reading: Reading, missing: str) -> Snapshots | Trajectories:
    """The ensemble that a file holds, read as asked; own files are checked against their checksum.

    Raises:
        DataFileError: an own file whose content changed.
        InvalidInput: missing entries while ``missing="error"``, or nothing left without them.
    """
    data = verified(raw) if "sha256" in raw.record else None
    start = raw if data is None else as_raw(data)
    wanted = refine(start, reading)
    if data is None or wanted is not start:
        data = ensemble(wanted, missing)
    if reading.kind == "trajectories" and isinstance(data, Snapshots):
        return _one_path(data)
    return data.snapshots() if reading.kind == "snapshots" else data


def refine(raw: Raw, reading: Reading) -> Raw:
    """What the reading asks for, of data of any format.

    Raises:
        InvalidInput: a coordinate that is not there, or no time left.
    """
    raw = _pooled(raw) if reading.time == "none" else raw
    raw = _missing(raw, reading.missing)
    raw = selected(_coordinates(raw, reading), reading.components)
    raw = _shifted(raw, reading)
    raw = _times(raw, reading)
    return _labels(raw, reading)


def _pooled(raw: Raw) -> Raw:
    """All observed states of all times as one snapshot."""
    values, condition = raw.values, raw.condition
    if raw.time_index is None:
        mask = np.ones(values.shape[:2], bool) if raw.mask is None else raw.mask
        condition = None if condition is None else condition[np.nonzero(mask)[0]]
        values = values[mask]
    elif raw.times.size == 1:
        return raw
    index = np.zeros(len(values), np.int32)
    return replace(
        raw, values=values, times=np.zeros(1), time_index=index, mask=None, condition=condition
    )


def _missing(raw: Raw, codes: tuple[float, ...]) -> Raw:
    if not codes:
        return raw
    values = np.array(raw.values, np.float64)
    for code in codes:
        # A code of a file in single precision is its float32 neighbour.
        values[(values == code) | (values == np.float32(code))] = np.nan
    return replace(raw, values=values)


def _coordinates(raw: Raw, reading: Reading) -> Raw:
    labels, axis = labels_of(raw), 1 if raw.time_index is not None else 2
    names = labels["names"]
    wanted = [*reading.columns] or [name for name in names if name not in reading.drop]
    if wanted == list(names):
        return raw
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise InvalidInput(
            f"there is no coordinate {unknown[0]!r}; there are {', '.join(names[:12])}."
        )
    if not wanted:
        raise InvalidInput("every coordinate is left out; keep at least one.")
    places = [names.index(name) for name in wanted]
    values = raw.values[..., None] if raw.values.ndim == axis else raw.values
    record: dict[str, Any] = {
        "names": wanted,
        "units": [labels["units"][place] for place in places],
        "time_unit": labels["time_unit"],
        **{name: labels[name] for name in OPTIONAL},
        "transform": [labels["transform"][place] for place in places]
        if labels["transform"]
        else (),
    }
    return replace(raw, values=np.take(values, places, axis=axis), record=record)


def _shifted(raw: Raw, reading: Reading) -> Raw:
    """Coordinates, and ``time``, minus their origin, in float64."""
    if not reading.origin:
        return raw
    names, axis = labels_of(raw)["names"], 1 if raw.time_index is not None else 2
    values = np.array(raw.values[..., None] if raw.values.ndim == axis else raw.values, np.float64)
    for name, origin in reading.origin:
        if name == "time" and name not in names:
            raw = _later(raw, origin)
            continue
        if name not in names:
            raise InvalidInput(
                f"origin: there is no coordinate {name!r}; there are {', '.join(names[:12])}."
            )
        np.moveaxis(values, axis, 0)[names.index(name)] -= origin
    return replace(raw, values=values)


def _later(raw: Raw, origin: float) -> Raw:
    """Times from another origin; a unit that names its own says so."""
    unit = labels_of(raw)["time_unit"]
    unit = f"{unit} + {origin:.17g}" if " since " in unit else unit
    return replace(raw, times=raw.times - origin, record=raw.record | {"time_unit": unit})


def _times(raw: Raw, reading: Reading) -> Raw:
    keep = np.ones(raw.times.size, bool)
    if reading.window is not None:
        first, last = reading.window
        keep = (raw.times >= first) & (raw.times <= last)
        if not keep.any():
            raise InvalidInput(
                f"window {first:g}:{last:g} holds no time; the data run from {raw.times[0]:g} to "
                f"{raw.times[-1]:g}."
            )
    chosen = np.flatnonzero(keep)[:: reading.every]
    if chosen.size == raw.times.size:
        return raw
    if raw.time_index is None:
        mask = None if raw.mask is None else raw.mask[:, chosen]
        return replace(raw, values=raw.values[:, chosen], times=raw.times[chosen], mask=mask)
    rows = np.isin(raw.time_index, chosen)
    place = np.searchsorted(chosen, raw.time_index[rows]).astype(np.int32)
    condition = None if raw.condition is None else raw.condition[rows]
    return replace(
        raw,
        values=raw.values[rows],
        times=raw.times[chosen],
        time_index=place,
        condition=condition,
    )


def _labels(raw: Raw, reading: Reading) -> Raw:
    asked = reading.units, reading.domain, reading.transform, reading.scaling
    if asked == ((), None, (), None):
        return raw
    labels, units = labels_of(raw), dict(reading.units)
    parts = () if raw.understood is None else raw.understood.parts
    known = {*labels["names"], *(part.name for part in parts), "time"}
    unknown = [name for name in units if name not in known]
    if unknown:
        raise InvalidInput(
            f"units: there is no coordinate {unknown[0]!r}; there are {', '.join(labels['names'][:12])} "
            "and time."
        )
    clock = [units[p.name] for p in parts if p.role == "time" and p.name in units]
    domain = labels["domain"] if reading.domain is None else _placed(reading.domain, raw.values)
    own = [
        units.get(name, unit) for name, unit in zip(labels["names"], labels["units"], strict=True)
    ]
    _refuse_other_angles(domain, labels["names"], own)
    record: dict[str, Any] = {
        "names": list(labels["names"]),
        "units": own,
        "time_unit": units.get("time", next(iter(clock), labels["time_unit"])),
        "domain": domain_record(domain),
        **{name: labels[name] for name in OPTIONAL},
        "transform": _transform(reading, labels),
        "scaling": reading.scaling or labels["scaling"],
    }
    return replace(raw, values=wrapped(domain, raw.values), record=record)


def _transform(reading: Reading, labels: dict[str, Any]) -> tuple[str, ...]:
    """The transform of each coordinate: that of all, that of its name, or what it has already."""
    names, wanted = labels["names"], dict(reading.transform)
    unknown = [name for name in wanted if name not in (*names, "")]
    if unknown:
        raise InvalidInput(
            f"transform: there is no coordinate {unknown[0]!r}; there are {', '.join(names[:12])}."
        )
    own = labels["transform"] or ("",) * len(names)
    return tuple(
        wanted.get(name, wanted.get("", old)) for name, old in zip(names, own, strict=True)
    )


def _refuse_other_angles(
    domain: AbstractDomain, names: Sequence[str], units: Sequence[str | None]
) -> None:
    """Refuse degrees on a torus of 2π, and radians on one of 360."""
    if not isinstance(domain, Torus):
        return
    periods = np.broadcast_to(np.asarray(domain.period, float), len(names))
    for name, unit, period in zip(names, units, periods, strict=True):
        turn = _TURNS.get(unit or "")
        other = next((t for t in (2 * np.pi, 360.0) if np.isclose(t, period)), None)
        if turn is not None and other is not None and not np.isclose(turn, other):
            right = "360" if turn == 360 else "2pi"
            raise InvalidInput(
                f"{name} is in {unit} and the period is {period:g}: say --domain torus:{right}, or "
                f"--units {name}=… if the unit is wrong."
            )


_TURNS = {
    **dict.fromkeys(("deg", "degree", "degrees", "°"), 360.0),
    **dict.fromkeys(("rad", "radian", "radians"), 2 * np.pi),
}


def _placed(domain: AbstractDomain, values: np.ndarray) -> AbstractDomain:
    """A torus about zero where the data have negative angles, as most files write them."""
    if isinstance(domain, Torus) and domain.low == 0.0 and np.nanmin(values) < 0:
        half = np.asarray(domain.period) / 2
        return Torus(domain.period, low=float(-half) if half.ndim == 0 else tuple(-half))
    return domain


def wrapped(domain: AbstractDomain, values: np.ndarray) -> np.ndarray:
    """Unwrapped angles and wrapped ones are the same data."""
    if not isinstance(domain, Torus):
        return values
    period, low = np.asarray(domain.period, float), np.asarray(domain.low, float)
    inside = low + np.mod(np.asarray(values, float) - low, period)
    # Rounding may bring a value up to the upper end, which is the lower one.
    return np.where(inside >= low + period, low, inside)


def _one_path(data: Snapshots) -> Trajectories:
    if (data.counts > 1).any():
        time = data.times[data.counts > 1][0]
        raise InvalidInput(
            f"several samples at time {time:g} and nothing says which belong together; "
            "name the column of trajectory labels (command line: --trajectory-column)."
        )
    order = np.argsort(data.time_index)
    return Trajectories(data.values[order][None], data.times, **data.labels())
