"""What CF attributes of netCDF and zarr say of missing entries."""

import warnings
from typing import TYPE_CHECKING

import numpy as np


if TYPE_CHECKING:
    import xarray as xr


def within_range(values: "xr.DataArray") -> "xr.DataArray":
    """The array with entries outside ``valid_range``, ``valid_min`` and ``valid_max`` as missing.

    ``_FillValue``, ``missing_value``, ``scale_factor`` and ``add_offset`` have been applied by
    xarray. The bounds are those of the packed numbers where the array was packed (CF 1.11, 2.5.1).
    """
    attrs, packing = values.attrs, values.encoding
    low, high = attrs.get("valid_range", (attrs.get("valid_min"), attrs.get("valid_max")))
    scale, offset = packing.get("scale_factor", 1.0), packing.get("add_offset", 0.0)
    outside = np.zeros(values.shape, bool)
    numbers = values.to_numpy()
    if low is not None:
        outside |= numbers < float(low) * scale + offset
    if high is not None:
        outside |= numbers > float(high) * scale + offset
    if not outside.any():
        return values
    warnings.warn(
        f"{values.name}: {int(outside.sum())} entries outside its valid range are taken as missing.",
        stacklevel=2,
    )
    return values.where(~outside)
