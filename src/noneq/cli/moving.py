"""Velocities that come with a file: who learns from them, said in one line."""

from collections.abc import Mapping, Sequence
from typing import Any

from noneq.cli.output import say
from noneq.data.readings.velocities import velocity_names
from noneq.data.snapshots import Snapshots
from noneq.data.trajectories import Trajectories
from noneq.learning.method import AbstractMethod
from noneq.methods.bridges.references.velocities import learns_velocities


def reads_velocities(
    recipes: Sequence[AbstractMethod], inputs: Mapping[str, Any], layout: dict[str, Any]
) -> dict[str, Any]:
    """The options of reading: a file of cells is asked for velocities where a method learns from them."""
    said = any(word.partition("=")[0].strip() == "velocities" for word in layout["read"])
    if said or "velocities" in inputs or not any(map(learns_velocities, recipes)):
        return layout
    return layout | {"read": [*layout["read"], "velocities=auto"]}


def say_velocities(
    recipes: Sequence[AbstractMethod],
    inputs: Mapping[str, Any],
    data: Snapshots | Trajectories,
    *,
    quiet: bool,
) -> None:
    """One line on the columns ``velocity_x`` … of the data, if there are any.

    Raises:
        InvalidInput: velocities of some of the coordinates only, for a method that learns from them.
    """
    who = [type(recipe).__name__ for recipe in recipes if learns_velocities(recipe)]
    others = [recipe for recipe in recipes if not learns_velocities(recipe)]
    if quiet or "velocities" in inputs or not any(n.startswith("velocity_") for n in data.names):
        return
    if who:
        names = ", ".join(velocity_names(data.names)[:6])
        say(f"{names}: velocities, from which {', '.join(who)} learns its reference.")
    elif any(type(recipe).between_times for recipe in others):
        say(
            "columns velocity_… are coordinates here; CurlyFM learns from them, --columns leaves them out."
        )
