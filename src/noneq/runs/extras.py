"""What data know of their states beside the states: velocities, and clones."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from noneq.data.readings.lineages import is_lineage, lineage_of, without
from noneq.data.readings.velocities import PREFIX, apart
from noneq.data.snapshots import Snapshots
from noneq.data.trajectories import Trajectories


@dataclass(frozen=True)
class Extra:
    """Of the states of a data set, in their order.

    Args:
        velocities: of the states, or None.
        lineage: the number of the clone of each, −1 for none; or None.
    """

    velocities: Snapshots | Trajectories | None = None
    lineage: np.ndarray | None = None

    def at(self, data: Any, shown: Any) -> dict[str, Any]:
        """That of the states at some times of the data, by the names under which metrics take it."""
        found: dict[str, Any] = {}
        own = data.snapshots()
        rows = np.isin(own.sample_times, shown.times)
        if self.velocities is not None:
            found["velocities"] = self.velocities.snapshots().values[rows]
        if self.lineage is not None:
            found["lineage"] = self.lineage[rows]
        return found


def set_apart(
    data: Snapshots | Trajectories,
    names: Sequence[str],
    condition_names: Sequence[str],
    lineage: str | None = None,
) -> tuple[Snapshots | Trajectories, Extra]:
    """The data without velocities and clones that a model does not see, and these.

    Args:
        names, condition_names: of what the model sees.
        lineage: the column of clones, if its name does not say so.

    Raises:
        InvalidInput: velocities of some of the coordinates only.
    """
    velocities, clones = None, None
    if not any(name.startswith(PREFIX) for name in names):
        data, velocities = apart(data)
    hidden = [name for name in data.condition_names if name not in condition_names]
    labels = [name for name in hidden if name == lineage or is_lineage(name)]
    if labels:
        clones = lineage_of(data.snapshots(), labels[0])[1]
        for name in labels:
            data = without(data, name)
    return data, Extra(velocities, clones)
