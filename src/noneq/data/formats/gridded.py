"""Variables with named dimensions, as netCDF and zarr hold them: which axis is what."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from noneq.data.conditions import Categories, coded
from noneq.data.formats.assembly import assemble
from noneq.data.formats.axes import PATHS, Axes, axes_of, few
from noneq.data.formats.cf import clock, time_name, unit_of, within_range
from noneq.data.formats.variables import chosen, has_texts
from noneq.data.layouts import Raw, kind_of
from noneq.data.readings.options import Reading
from noneq.data.readings.understanding import Part, Understanding
from noneq.errors import InvalidInput


if TYPE_CHECKING:
    import xarray as xr


_TIMES = ("time", "times", "t")


def from_dataset(dataset: "xr.Dataset", reading: Reading) -> Raw:
    """States from the variables of a data set: fields, vectors, or one variable a coordinate.

    Raises:
        InvalidInput: several variables or axes that leave the choice open, or cells of a field
            without a value at any time.
    """
    name = _clock_name(dataset, reading)
    times, unit, remark = (None, "", "") if name is None else _times(dataset, name)
    axis = None if name is None else _axis(dataset, name)
    taken = {name, *PATHS, *reading.condition}
    # Also where times are pooled, what does not depend on time is no state.
    usual = _clock_name(dataset, replace(reading, time=None)) if reading.time == "none" else name
    over = () if usual is None else _axis(dataset, usual)
    names = chosen(dataset, reading, {*taken, usual}, (*PATHS, *(axis or ())), over)
    values = _stacked(dataset, names)
    condition, categories = _columns(dataset, reading)
    axes = axes_of(dataset, values, axis, reading)
    # Variables lie along the first axis, channels follow it.
    lead = [
        d for d in (axes.path, axes.sample, *(axis or ())) if d is not None and d in values.dims
    ]
    lead = list(dict.fromkeys(lead))
    array = values.transpose(*lead, "variable", *axes.channels, *axes.grid).to_numpy()
    labels, units = _names(dataset, names, axes.channels)
    shape = array.shape[len(lead) :]
    count = int(np.prod(shape[: 1 + len(axes.channels)]))
    array = array.reshape(*array.shape[: len(lead)], count, *shape[1 + len(axes.channels) :])
    array, labels, units, notes = _without_land(array, len(lead), labels, units, axes, reading)
    as_stored = axes.unclear and len(axes.grid) > 1 and len(names) == 1 and not axes.channels
    if as_stored:
        array, labels, units = array[(slice(None),) * len(lead) + (0,)], None, None
    record: dict[str, Any] = {"time_unit": unit, "names": labels, "units": units}
    record = {k: v for k, v in record.items() if v is not None}
    if condition is not None:
        record |= {"condition_names": list(reading.condition), "categories": categories}
    raw = _arranged(dataset, array, lead, axes, axis, times, condition, record, reading)
    said = _understood(dataset, raw, names, axes, (name, unit, remark), notes, reading)
    settled = ("columns",) if names == [*reading.columns] else ()
    return replace(raw, understood=said, settled=settled)


def _clock_name(dataset: "xr.Dataset", reading: Reading) -> str | None:
    """The variable, or the dimension without one, that is the time."""
    if reading.time == "none":
        return None
    known = {*map(str, dataset.variables), *map(str, dataset.dims)}
    if reading.time is not None:
        if reading.time not in known:
            found = ", ".join(map(str, dataset.variables))
            raise InvalidInput(f"no variable {reading.time!r}; there are {found}.")
        return reading.time
    name = time_name(dataset) or next((d for d in _TIMES if d in dataset.dims), None)
    alone = name is not None and name in dataset.variables and dataset[name].ndim == 0
    return None if alone else name


def _times(dataset: "xr.Dataset", name: str) -> tuple[np.ndarray, str, str]:
    if name in dataset.variables:
        return clock(dataset[name])
    return np.arange(dataset.sizes[name], dtype=float), "frame", "places along it, counted from 0"


def _axis(dataset: "xr.Dataset", name: str) -> tuple[str, ...]:
    return tuple(map(str, dataset[name].dims)) if name in dataset.variables else (name,)


def _stacked(dataset: "xr.Dataset", names: Sequence[str]) -> "xr.DataArray":
    """The variables along a new axis; all have the same dimensions."""
    import xarray as xr

    arrays = [within_range(dataset[name]) for name in names]
    first = arrays[0]
    for name, array in zip(names, arrays, strict=True):
        if set(array.dims) != set(first.dims):
            raise InvalidInput(
                f"{name} has dimensions {few(array.dims)}, {names[0]} has {few(first.dims)}; choose "
                "variables of one shape with --columns A,B."
            )
    plain = [array.transpose(*first.dims).variable for array in arrays]
    return xr.DataArray(xr.Variable.concat(plain, "variable"))


def _names(
    dataset: "xr.Dataset", names: Sequence[str], channels: Sequence[str]
) -> tuple[list[str] | None, list[str]]:
    """Names and units of the channels; None where nothing names them."""
    units = [unit_of(dataset[name]) for name in names]
    if len(names) == len(channels) == 1 and "unit" in dataset.coords:
        # A unit of each channel, as `to_xarray` writes it.
        own = dataset["unit"]
        if own.dims == (channels[0],):
            words = [str(cell) for cell in own.to_numpy()]
            return _places(dataset, channels[0]), words
    size = int(np.prod([dataset.sizes[d] for d in channels]))
    every = [unit for unit in units for _ in range(size)]
    if not channels:
        return [*names], every
    if all(d not in dataset.coords for d in channels) and len(channels) == len(names) == 1:
        return None, every
    places = [_places(dataset, d) for d in channels]
    words = [" ".join(parts) for parts in itertools.product(*places)]
    if len(names) == 1:
        return words, every
    return [f"{name} {word}" for name in names for word in words], every


def _places(dataset: "xr.Dataset", dim: str) -> list[str]:
    if dim not in dataset.coords:
        return [f"{dim} {i}" for i in range(dataset.sizes[dim])]
    cells = dataset[dim].to_numpy()
    if has_texts(dataset, dim):
        return [c.decode() if isinstance(c, bytes) else str(c) for c in cells.tolist()]
    return [f"{dim}={cell:g}" for cell in cells.tolist()]


def _without_land(
    array: np.ndarray,
    lead: int,
    labels: list[str] | None,
    units: list[str],
    axes: Axes,
    reading: Reading,
) -> tuple[np.ndarray, list[str] | None, list[str], list[str]]:
    """Cells that never have a value are filled or left out as asked, else refused."""
    if array.dtype.kind != "f" or not (axes.grid or reading.grid) or lead == 0:
        return array, labels, units, []
    never = np.isnan(array).all(axis=tuple(range(lead)))
    lost, size = int(never.sum()), never.size
    if not lost or lost == size:
        return array, labels, units, []
    if reading.fill is not None:
        array = np.where(never, array.dtype.type(reading.fill), array)
        return (
            array,
            labels,
            units,
            [f"{lost} of {size} cells never have a value: {reading.fill:g}"],
        )
    if axes.grid:
        raise InvalidInput(
            f"{lost} of {size} cells never have a value (land, or a mask?); --read fill=0 fills them, "
            "--read grid=none leaves them out (a state is then a vector of the other cells)."
        )
    kept = np.flatnonzero(~never)
    picked = None if labels is None else [labels[i] for i in kept]
    note = f"{lost} of {size} cells never have a value and are left out"
    return array[..., kept], picked, [units[i] for i in kept], [note]


def _arranged(
    dataset: "xr.Dataset",
    array: np.ndarray,
    lead: list[str],
    axes: Axes,
    axis: tuple[str, ...] | None,
    times: np.ndarray | None,
    condition: np.ndarray | None,
    record: dict[str, Any],
    reading: Reading,
) -> Raw:
    """Leading axes as trajectories, or as rows with a time and a label."""
    if axis is None or times is None:
        return assemble(
            array.reshape(-1, *array.shape[len(lead) :]), None, None, condition, record, reading
        )
    if len(axis) != 1:
        return _by_rows(array, lead, axis, times, condition, record, reading)
    if axes.path is not None and axes.path != axis[0]:
        return Raw(array, times, None, None, condition, record)
    if axes.sample is not None and axes.sample != axis[0]:
        time = np.tile(times, array.shape[0])
        rows = array.reshape(-1, *array.shape[2:])
        return assemble(rows, time, None, condition, record, replace(reading, kind="snapshots"))
    named = reading.trajectory if reading.trajectory in dataset.variables else None
    label = named or next((n for n in PATHS if n in dataset.variables), None)
    labels = None if label is None else dataset[label]
    if labels is not None and labels.dims != axis:
        labels = None
    return assemble(
        array, times, None if labels is None else labels.to_numpy(), condition, record, reading
    )


def _by_rows(
    array: np.ndarray,
    lead: list[str],
    axis: tuple[str, ...],
    times: np.ndarray,
    condition: np.ndarray | None,
    record: dict[str, Any],
    reading: Reading,
) -> Raw:
    """A time of its own for each state: ``time(trajectory, obs)``, padded with missing ones."""
    order = [axis.index(d) for d in lead]
    clock_ = times.transpose(order).ravel()
    path = next((d for d in axis if d == reading.trajectory or d.lower() in PATHS), axis[0])
    labels = np.indices(array.shape[:2])[lead.index(path)].ravel()
    kept = np.isfinite(clock_)
    rows = array.reshape(-1, *array.shape[2:])[kept]
    every = None if condition is None else condition[labels[kept]]
    return assemble(rows, clock_[kept], labels[kept], every, record, reading)


def _columns(dataset: "xr.Dataset", reading: Reading) -> tuple[np.ndarray | None, Categories]:
    names = reading.condition or [n for n in ("condition",) if n in dataset]
    for name in names:
        if name not in dataset.variables:
            found = ", ".join(map(str, dataset.variables))
            raise InvalidInput(f"no variable {name!r} for a condition; there are {found}.")
    columns = [dataset[name].to_numpy() for name in names]
    return coded(columns) if columns else (None, ())


def _understood(
    dataset: "xr.Dataset",
    raw: Raw,
    names: Sequence[str],
    axes: Axes,
    time: tuple[str | None, str, str],
    notes: Sequence[str],
    reading: Reading,
) -> Understanding:
    name, unit, remark = time
    parts = [] if name is None else [Part(name, "time", unit, remark)]
    parts += [Part(d, "trajectory", "", "an axis") for d in (axes.path,) if d is not None]
    parts += [Part(str(n), "condition") for n in reading.condition]
    labels, units = raw.record.get("names"), raw.record.get("units")
    if labels is None:
        parts.append(Part(names[0], "coordinate", unit_of(dataset[names[0]])))
    else:
        parts += [Part(n, "coordinate", u) for n, u in zip(labels, units or (), strict=True)]
    parts += [Part(d, "grid", *_extent(dataset, d)) for d in axes.grid]
    others = [str(n) for n in dataset.data_vars if n not in (*names, name, *reading.condition)]
    parts += [Part(n, "left out", unit_of(dataset[n]), "another variable") for n in others]
    otherwise = ["--read time=none pools all times"] if name is not None else []
    if others:
        otherwise.append("--columns A,B takes these variables")
    if len(axes.grid) > 1:
        otherwise.append(f"--read grid={axes.grid[-1]} makes the other axes channels")
    return Understanding(kind_of(raw), tuple(parts), tuple(notes), tuple(otherwise))


def _extent(dataset: "xr.Dataset", dim: str) -> tuple[str, str]:
    size = dataset.sizes[dim]
    if dim not in dataset.coords:
        return "", f"{size} points"
    places = dataset[dim].to_numpy()
    return unit_of(dataset[dim]), f"{size} points from {places[0]:g} to {places[-1]:g}"
