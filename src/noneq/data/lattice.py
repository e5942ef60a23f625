"""Discrete data: values on a lattice have no density until noise fills the gaps."""

import numpy as np

from noneq.data.ensembles import Snapshots, Trajectories


_MOST_LEVELS = 256


def lattice_step(data: Snapshots | Trajectories) -> float | None:
    """Spacing of the lattice on which all values lie; None for continuous data.

    Data count as discrete if at most 256 distinct values occur, all whole multiples of one
    spacing away from the smallest, and they repeat at least fourfold on average.
    """
    values = data.values[data.observed] if isinstance(data, Trajectories) else data.values
    # Continuous numbers hardly repeat: a part decides most cases.
    some = values.reshape(-1)[: 64 * _MOST_LEVELS]
    if np.unique(some).size > _MOST_LEVELS:
        return None
    levels = np.unique(values).astype(np.float64)
    if not 2 <= levels.size <= min(_MOST_LEVELS, values.size // 4):
        return None
    step = float(np.diff(levels).min())
    places = (levels - levels[0]) / step
    return step if np.abs(places - np.round(places)).max() < 1e-3 else None
