"""The two kinds of data: marginals (`Snapshots`) and joint laws (`Trajectories`)."""

from typing import Any

from noneq.data.snapshots import Snapshots as Snapshots
from noneq.data.trajectories import Trajectories as Trajectories


def as_snapshots(data: Any) -> Snapshots:
    """Marginals of any data; a plain array ``(n, *event_shape)`` is a single snapshot."""
    return data.snapshots() if isinstance(data, Snapshots | Trajectories) else Snapshots(data)
