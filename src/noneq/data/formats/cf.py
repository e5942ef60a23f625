"""What CF attributes of netCDF and zarr say of missing entries and of times."""

import re
import warnings
from typing import TYPE_CHECKING

import numpy as np

from noneq.data.readings.labels import are_compact_dates, elapsed, is_date
from noneq.errors import InvalidInput


if TYPE_CHECKING:
    import xarray as xr


_SINCE = re.compile(r"(\w+)\s+since\s+\S.*", re.IGNORECASE)
_USUAL = ("", "standard", "gregorian", "proleptic_gregorian")
_NAMES = ("time", "times", "t", "date", "datetime")


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


def unit_of(variable: "xr.DataArray") -> str:
    """The unit that a variable states, or ""."""
    return str(variable.attrs.get("units", variable.attrs.get("unit", ""))).strip()


def time_name(dataset: "xr.Dataset") -> str | None:
    """The variable of the times: by its name, its axis T, or a unit such as ``days since …``."""
    # T is a temperature, t the time.
    names = {n.lower() if len(n) > 1 else n: n for n in map(str, dataset.variables)}
    known = next((names[name] for name in _NAMES if name in names), None)
    if known is not None:
        return known
    for name in map(str, dataset.variables):
        variable = dataset[name]
        attrs = variable.attrs
        if attrs.get("axis") == "T" or attrs.get("standard_name") == "time":
            return name
        if variable.dtype.kind == "M" or (
            variable.ndim == 1 and _SINCE.fullmatch(unit_of(variable))
        ):
            return name
    return None


def clock(time: "xr.DataArray") -> tuple[np.ndarray, str, str]:
    """Times as numbers, their unit, and a remark.

    Times since a date keep their numbers and the whole unit (``days since 2000-01-01``), so that
    two files with different dates are not taken for the same clock. Any calendar is right so: a
    count of days needs none. An unusual one is part of the unit. Dates in text, or as 20240131,
    become the time since the first of them.

    Raises:
        InvalidInput: texts that are no dates.
    """
    unit, values = unit_of(time), time.to_numpy()
    calendar = str(time.attrs.get("calendar", "")).lower()
    if values.dtype.kind == "M":
        first = values.min()
        return (values - first) / np.timedelta64(1, "D"), "day", f"since {first}"
    if values.dtype.kind in "OUST":
        cells = [c.decode() if isinstance(c, bytes) else str(c) for c in values.ravel().tolist()]
        if not all(map(is_date, cells)):
            wrong = next(cell for cell in cells if not is_date(cell))
            raise InvalidInput(
                f"{time.name} should be the time and holds {wrong[:40]!r}; expected numbers or dates "
                "(YYYY-MM-DD)."
            )
        times, unit, first = elapsed(cells)
        return times.reshape(values.shape), unit, f"since {first}"
    numbers = values.astype(np.float64)
    # The integer that stands for no date, where the file names no fill value.
    numbers[numbers == np.iinfo(np.int64).min] = np.nan
    if "%Y%m%d" in unit or (not unit and are_compact_dates(numbers)):
        days, unit, first = elapsed([f"{number:.0f}" for number in np.floor(numbers).ravel()])
        return days.reshape(values.shape) + numbers % 1, unit, f"since {first}"
    since = _SINCE.fullmatch(unit)
    if since is None:
        return numbers, unit, ""
    remark = "months count alike" if since[1].lower().startswith("month") else ""
    if calendar not in _USUAL:
        return numbers, f"{unit} ({calendar})", f"calendar {calendar}"
    return numbers, unit, remark
