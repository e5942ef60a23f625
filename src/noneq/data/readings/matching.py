"""Two files of one kind: coordinates are matched by their names, by place only where there are none."""

import re
import warnings
from collections.abc import Sequence
from dataclasses import replace

from noneq.data.layouts import as_raw, ensemble
from noneq.data.readings.options import Reading
from noneq.data.readings.refinement import refine
from noneq.data.snapshots import Snapshots
from noneq.data.trajectories import Trajectories
from noneq.errors import InvalidInput


_NAMELESS = re.compile(r"x\d+")


def matched(
    data: Snapshots | Trajectories, names: Sequence[str], units: Sequence[str]
) -> Snapshots | Trajectories:
    """The data with the coordinates of those names, in their order.

    Data without names (``x0``, ``x1`` …) are taken by place, with a warning where the other side
    has names.

    Args:
        names, units: of the data that are there already, such as a run's `Summary`.

    Raises:
        InvalidInput: a coordinate that is not there, or one in another unit.
    """
    own = data.names
    nameless = [all(_NAMELESS.fullmatch(name) for name in side) for side in (own, names)]
    if any(nameless):
        if len(own) == len(names) and list(own) != list(names):
            warnings.warn(
                f"coordinates are taken by place: {', '.join(own[:6])} for {', '.join(names[:6])}.",
                stacklevel=2,
            )
        return data
    missing = [name for name in names if name not in own]
    if missing:
        raise InvalidInput(
            f"the data have no coordinate {missing[0]!r}, which the run was fitted to; they have "
            f"{', '.join(own[:12])}. Rename the column, or fit again."
        )
    for name, unit in zip(names, units, strict=True):
        found = data.units[own.index(name)]
        if found and unit and found != unit:
            raise InvalidInput(
                f"{name} is in {found}, the run was fitted in {unit}; convert it (or correct the unit: "
                f"--units {name}={unit})."
            )
    if list(own) == list(names):
        return data
    picked = ensemble(refine(as_raw(data), Reading(columns=tuple(names))), "error")
    return replace(picked, domain=data.domain)
