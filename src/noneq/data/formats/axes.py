"""What the dimensions of netCDF and zarr are: times, paths, samples, channels or the axes of a field."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from noneq.data.formats.variables import has_texts, is_channel, is_spatial
from noneq.data.readings.ambiguity import may_be_time
from noneq.data.readings.options import Reading
from noneq.errors import InvalidInput


if TYPE_CHECKING:
    import xarray as xr


PATHS = ("trajectory", "traj", "realization", "member", "ensemble", "particle", "number")
"""Names of dimensions of paths."""
_SAMPLES = ("sample", "samples", "draw")


@dataclass(frozen=True)
class Axes:
    """What the dimensions of the values are.

    Args:
        path, sample: dimensions of trajectories, and of unpaired samples at each time; or None.
        channels, grid: dimensions of one state.
        unclear: whether one of these may be the axis of paths.
    """

    path: str | None
    sample: str | None
    channels: tuple[str, ...]
    grid: tuple[str, ...]
    unclear: bool


def axes_of(
    dataset: "xr.Dataset", values: "xr.DataArray", axis: tuple[str, ...] | None, reading: Reading
) -> Axes:
    """Sort the dimensions of the values, whose times lie along ``axis``.

    Raises:
        InvalidInput: times along another axis, or a dimension that may be paths or a state.
    """
    dims = [str(d) for d in values.dims if d != "variable"]
    if axis is not None and not {*axis} <= {*dims}:
        raise InvalidInput(
            f"the time has dimensions {few(axis)}, the values {few(dims)}; expected a time axis that "
            "both share (or say --read time=none)."
        )
    left = [d for d in dims if d not in (axis or ())]
    path = reading.trajectory if reading.trajectory in dims else None
    if reading.trajectory is None and axis is not None:
        path = next((d for d in left if d.lower() in PATHS), None)
    left = [d for d in left if d != path]
    sample = next((d for d in left if d.lower() in _SAMPLES), None) if path is None else None
    left = [d for d in left if d != sample]
    alone = bool(left) and is_spatial(dataset, left[0]) and left[0] in dataset.coords
    if axis is None and sample is None and left and not alone:
        # Without times the first axis is that of the samples, unless it is one of space.
        sample, left = left[0], left[1:]
        if reading.time is None and _may_be_clock(dataset, sample):
            raise InvalidInput(
                f"the places along {sample} grow as times do: say --time-column {sample}, or --read "
                "time=none if they number samples."
            )
    unknown = [d for d in reading.grid if d not in left and d != "none"]
    if unknown:
        raise InvalidInput(
            f"grid: there is no dimension {unknown[0]!r} of a state; there are {few(left) or 'none'}."
        )
    if reading.grid:
        grid = tuple(d for d in reading.grid if d != "none")
        return Axes(path, sample, tuple(d for d in left if d not in grid), grid, False)
    channels = [d for d in left if has_texts(dataset, d) or is_channel(d)]
    grid = [d for d in left if d not in channels]
    clear = all(is_spatial(dataset, d) or d in dataset.coords for d in grid)
    if len(left) == 1 and not (is_spatial(dataset, left[0]) and left[0] in dataset.coords):
        channels, grid = left, []
        clear = channels[0] in dataset.coords or is_channel(left[0]) or is_spatial(dataset, left[0])
    if not clear and path is None and sample is None and reading.kind is None:
        raise InvalidInput(
            f"the values have dimensions {few(dims)}; name the axis of the paths (command line: "
            "--trajectory-column DIM), the axes of a field (--read grid=A,B), or say "
            "kind='trajectories' for a single path."
        )
    return Axes(path, sample, tuple(channels), tuple(grid), not clear)


def _may_be_clock(dataset: "xr.Dataset", dim: str) -> bool:
    """Whether the places along a dimension are times by its name, or grow and number nothing."""
    if dim not in dataset.coords or has_texts(dataset, dim):
        return False
    places = dataset[dim].to_numpy().astype(np.float64)
    grows = places.size > 1 and bool((np.diff(places) > 0).all())
    numbers = np.array_equal(places - places[:1], np.arange(places.size))
    return grows and (dim == "T" or may_be_time(dim) or not numbers)


def few(dims: Iterable[Any]) -> str:
    """Names of dimensions in a row."""
    return ", ".join(str(d) for d in dims if d != "variable")
