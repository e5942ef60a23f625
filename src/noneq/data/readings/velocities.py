"""Coordinates that are velocities of the others: columns ``velocity_x`` beside ``x``."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from noneq.data.layouts import as_raw, ensemble
from noneq.data.readings.options import Reading
from noneq.data.readings.refinement import refine
from noneq.data.snapshots import Snapshots
from noneq.data.trajectories import Trajectories
from noneq.domains import Free
from noneq.errors import InvalidInput


PREFIX = "velocity_"
_Data = TypeVar("_Data", bound=Snapshots | Trajectories)


def velocity_names(names: Sequence[str]) -> tuple[str, ...]:
    """Those of the names that are velocities of others, in the order of these; none if there are none.

    Raises:
        InvalidInput: velocities of some of the coordinates only.
    """
    states = [name for name in names if not name.startswith(PREFIX)]
    wanted = [f"{PREFIX}{name}" for name in states]
    found = [name for name in names if name.startswith(PREFIX)]
    if not found or not states:
        return ()
    odd = [name for name in wanted if name not in found]
    odd = odd or [name for name in found if name not in wanted]
    if odd:
        raise InvalidInput(
            f"velocities {', '.join(found[:6])} beside coordinates {', '.join(states[:6])}: "
            f"{odd[0]} has no counterpart; give velocity_NAME for each coordinate NAME, or choose "
            "the states alone (columns=, command line: --columns)."
        )
    return tuple(wanted)


def apart(data: _Data) -> tuple[_Data, _Data | None]:
    """States and their velocities, where the data hold both; else the data and None.

    Raises:
        InvalidInput: velocities of some of the coordinates only.
    """
    if len(data.event_shape) != 1 or not (found := velocity_names(data.names)):
        return data, None
    states = [name.removeprefix(PREFIX) for name in found]
    return picked(data, states), replace(picked(data, found), domain=Free())


def picked(data: _Data, names: Sequence[str]) -> _Data:
    """The data with these coordinates alone, on the domain as far as it is free."""
    return ensemble(refine(as_raw(data), Reading(columns=tuple(names))), "error")  # pyright: ignore
