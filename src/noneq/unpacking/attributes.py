"""Attributes of HDF5 and netCDF that say how to read numbers; no other is looked at."""

from typing import Any

import numpy as np

from noneq.unpacking.pieces import refuse_long


_READ = (
    "noneq", "units", "coordinates", "scale_factor", "add_offset", "_FillValue", "missing_value",
    "_Unsigned", "valid_min", "valid_max", "valid_range", "axis", "standard_name", "calendar",
    "bounds", "MATLAB_class", "MATLAB_empty", "encoding-type", "column-order", "_index", "shape",
    "encoding-version", "categories", "h5sparse_format", "h5sparse_shape",
)  # fmt: skip


def attributes(attrs: Any) -> dict[str, Any]:
    """Texts as they are, lists of texts as lists, numbers as a pair of dtype and values."""
    found: dict[str, Any] = {}
    for name in _READ:
        if name not in attrs:
            continue
        value = attrs[name]
        if isinstance(value, str | bytes):
            found[name] = text(value)
            refuse_long(f"attribute {name!r}", len(found[name]))
            continue
        numbers = np.asarray(value)
        if numbers.dtype.kind in "OSU":
            refuse_long(f"attribute {name!r}", sum(len(entry) for entry in numbers.ravel()))
            if name == "column-order":
                found[name] = ["texts", [text(entry) for entry in numbers.ravel()]]
        elif numbers.dtype.kind in "fiub":
            refuse_long(f"attribute {name!r}", numbers.nbytes)
            found[name] = [numbers.dtype.str, numbers.tolist()]
    return found


def text(entry: Any) -> str:
    """Text of HDF5 and netCDF, whatever its type."""
    return entry.decode(errors="replace") if isinstance(entry, bytes) else str(entry)
