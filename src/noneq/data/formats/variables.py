"""Which variables of a netCDF file or zarr folder are the states, and what a dimension's name says."""

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

from noneq.data.readings.options import Reading
from noneq.errors import InvalidInput


if TYPE_CHECKING:
    import xarray as xr


_SPATIAL = {
    "lat", "latitude", "lon", "long", "longitude", "x", "y", "z", "xc", "yc", "zc", "nx", "ny", "nz",
    "i", "j", "k", "ni", "nj", "nk", "row", "rows", "col", "cols", "column", "level", "levels", "lev",
    "plev", "pressure", "pressure_level", "model_level", "height", "depth", "altitude", "alt",
    "rlat", "rlon", "easting", "northing", "south_north", "west_east", "bottom_top", "r", "radius",
    "eta_rho", "xi_rho", "s_rho", "width",
}  # fmt: skip
_CHANNELS = {
    "channel", "channels", "variable", "var", "component", "components", "species", "band", "bands",
    "feature", "features", "state", "coordinate", "coordinates", "dim", "vector", "gene", "genes",
    "place", "space", "spatial", "mode", "modes",
}  # fmt: skip
_UNITS = {"degrees_north", "degrees_east", "degree_north", "degree_east", "degreen", "degreee"}


def has_texts(dataset: "xr.Dataset", dim: str) -> bool:
    """Whether the places along a dimension are named by texts."""
    return dim in dataset.coords and dataset[dim].dtype.kind not in "fiubM"


def is_channel(dim: str) -> bool:
    """Whether a dimension's name is that of components of a state."""
    return dim.lower() in _CHANNELS


def is_spatial(dataset: "xr.Dataset", dim: str) -> bool:
    """Whether a dimension is an axis of space, by its name or by CF attributes of its places."""
    if dim.lower() in _SPATIAL:
        return True
    if dim not in dataset.coords or has_texts(dataset, dim):
        return False
    attrs = dataset[dim].attrs
    named = str(attrs.get("standard_name", ""))
    return (
        attrs.get("axis") in ("X", "Y", "Z")
        or str(attrs.get("units", "")).lower() in _UNITS
        or named in ("latitude", "longitude", "altitude", "height", "depth", "air_pressure")
        or named.startswith("projection_")
    )


def chosen(
    dataset: "xr.Dataset",
    reading: Reading,
    taken: Collection[str | None],
    lead: Collection[str],
    axis: Collection[str],
) -> list[str]:
    """Names of the variables that hold the states.

    Args:
        dataset: the file.
        reading: its ``variable``, or ``columns`` that are names of variables, decide.
        taken: variables that have another role.
        lead: dimensions of times and paths; variables along these alone are one coordinate each.
        axis: those of the times; where some variables have them, the others are no states.

    Raises:
        InvalidInput: no variable, an unknown one, or several that leave the choice open.
    """
    numeric = _numeric(dataset, {*taken, *reading.drop})
    asked = [reading.variable] if reading.variable else [*reading.columns]
    if reading.variable or (asked and {*asked} <= {*map(str, dataset.variables)}):
        for name in asked:
            if name not in dataset.variables or dataset[name].dtype.kind not in "fiub":
                raise InvalidInput(
                    f"there is no variable {name!r} of numbers; there are {', '.join(numeric)}."
                )
        return asked
    moving = [n for n in numeric if {*axis} <= {*map(str, dataset[n].dims)}]
    numeric = moving or numeric
    if "values" in numeric:
        return ["values"]
    if len(numeric) == 1:
        return numeric
    if not numeric:
        raise InvalidInput("expected one array called values; numeric arrays found: none.")
    plain = {d.lower() for d in lead}
    scalars = [n for n in numeric if all(str(d).lower() in plain for d in dataset[n].dims)]
    if len(scalars) == len(numeric) and len({dataset[n].dims for n in scalars}) == 1:
        return scalars
    first, *_ = [n for n in numeric if n not in scalars] or numeric
    alike = [n for n in numeric if dataset[n].dims == dataset[first].dims]
    raise InvalidInput(
        f"expected one array called values; numeric arrays found: {', '.join(numeric)}. Choose with "
        f"--columns {','.join(alike[:3])}."
    )


def _numeric(dataset: "xr.Dataset", taken: Collection[str | None]) -> list[str]:
    """Variables of numbers with an axis; bounds of cells are none."""
    bounds = {str(v.attrs["bounds"]) for v in dataset.variables.values() if "bounds" in v.attrs}
    return [
        str(name)
        for name, variable in dataset.data_vars.items()
        if variable.dtype.kind in "fiub"
        and variable.ndim
        and name not in taken
        and name not in bounds
        and not str(name).lower().endswith(("_bnds", "_bounds"))
        and np.size(variable)
    ]
