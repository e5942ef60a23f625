"""Paths whose coordinates are whole numbers on few levels: states of a chain."""

import numpy as np

from noneq.data.ensembles import Trajectories
from noneq.domains import Discrete, Free


_MOST, _EACH = 64, 20
"""States at most, and records of each on average at least."""


def as_states(data: Trajectories) -> tuple[Trajectories, tuple[str, ...]]:
    """The data as one coordinate on a `Discrete` domain if they look like states, and what was done.

    Args:
        data: of one or several coordinates, which together are one state. Data on a periodic or bounded
            domain, with fractions, or with too many different states, stay as they are.

    Returns:
        The data, and a sentence if they were not told to be discrete.
    """
    told = isinstance(data.domain, Discrete)
    few = data.values.ndim == 3 and isinstance(data.domain, Discrete | Free)
    if not few or (told and data.event_shape == (1,)):
        return data, ()
    rows = data.values[data.observed]
    if not told and not np.array_equal(rows, np.round(rows)):
        return data, ()
    names, number = np.unique(rows, axis=0, return_inverse=True)
    if len(names) < 2 or (not told and (len(names) > _MOST or len(rows) < _EACH * len(names))):
        return data, ()
    values = np.zeros((*data.observed.shape, 1), np.float32)
    values[data.observed, 0] = (
        names[number.reshape(-1), 0] if names.shape[1] == 1 else number.ravel()
    )
    levels = tuple(names[:, 0].tolist()) if names.shape[1] == 1 else len(names)
    what = ", ".join(data.names)
    states = Trajectories(
        values,
        data.times,
        mask=data.mask,
        domain=Discrete(levels),
        names=[what],
        time_unit=data.time_unit,
    )
    if told:
        return states, ()
    note = f"{what}: whole numbers, taken for {len(names)} states; for positions name a --method."
    return states, (note,)
