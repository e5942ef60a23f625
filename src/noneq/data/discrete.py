"""Data on finitely many levels, and data of a single time: what some methods need."""

from typing import Any

import numpy as np

from noneq.data.ensembles import Snapshots, as_snapshots
from noneq.domains import Discrete
from noneq.errors import InvalidInput


_MOST_LEVELS = 256


def discretised(data: Any, name: str, *, levels: int = 2) -> Snapshots:
    """Data on a `Discrete` domain of at most so many levels, found from the values if need be.

    Args:
        data: states of any finite set of values, e.g. 0 and 1, or −1 and 1.
        name: of the method, for messages.
        levels: most levels that the method takes; 2 for binary units.

    Raises:
        InvalidInput: more levels, with the line that would binarise them; or a single one.
    """
    flat = as_snapshots(data)
    if isinstance(flat.domain, Discrete):
        values = flat.domain.values
    else:
        values = np.unique(flat.values)
    if values.size > levels:
        low, high = float(flat.values.min()), float(flat.values.max())
        few = values.size <= min(_MOST_LEVELS, flat.values.size // 4)
        units = f"CategoricalUnits({values.size})" if few else "GaussianUnits()"
        words = "--set visible=" + units.split("(", maxsplit=1)[0]
        words += f" --set visible.levels={values.size}" if few else ""
        hint = "Either round them to fewer values first"
        if levels == 2:
            hint = f"Either binarise them first: values = (values > {(low + high) / 2:g}) * 1.0"
        hint += (
            f", or take units that know them: visible=nq.models.{units} ({words}), where a method "
            "has that field."
        )
        found = "many" if values.size > _MOST_LEVELS else str(values.size)
        raise InvalidInput(
            f"{name}: the data take {found} values between {low:g} and {high:g}; its visible units "
            f"know {levels}. {hint}"
        )
    if values.size < 2:
        raise InvalidInput(
            f"{name}: all values are {values[0]:g}; there is nothing to learn. Give data with at "
            "least two values, or say domain=Discrete(2) if one of them happens not to occur."
        )
    numbered = np.array_equal(values, np.arange(values.size))
    domain = Discrete(values.size if numbered else tuple(values.tolist()))
    strange = np.setdiff1d(flat.values, np.asarray(values, flat.values.dtype))
    if strange.size:
        raise InvalidInput(
            f"{name}: the data hold {strange[0]:g}, which is no level of {flat.domain}; correct the "
            "domain or the values."
        )
    labels: dict[str, Any] = flat.labels() | {"domain": domain}
    return Snapshots(flat.values, flat.times, flat.time_index, condition=flat.condition, **labels)


def of_one_time(data: Any, name: str) -> Snapshots:
    """Snapshots of a single time, for methods whose law has no clock.

    Raises:
        InvalidInput: several times, or conditions.
    """
    flat = as_snapshots(data)
    if flat.times.size > 1:
        raise InvalidInput(
            f"{name} learns one law without physical time; the data have {flat.times.size} times "
            f"from {flat.times[0]:g} to {flat.times[-1]:g}. Give one of them "
            "(data.snapshots().at(t), or a file of that time alone), or a plain array of all "
            "states if the law is stationary."
        )
    if flat.condition is not None:
        raise InvalidInput(f"{name} takes no conditions; leave the condition column out.")
    return flat
