"""Sequences of discrete states as paths of indicator vectors, which a network can read."""

from typing import Any

import numpy as np

from noneq.data.ensembles import Trajectories
from noneq.errors import InvalidInput
from noneq.thermo.estimators.records import labelled


_MOST_STATES = 512
_NAMED = 6


def indicators(states: Any, what: str, window: int = 2, lag: int = 1) -> Trajectories:
    """One coordinate a state, 1 where the sequence is in it; shorter sequences are masked.

    Args:
        states: as `noneq.thermo.plug_in_rate`, without events.
        what: the caller, for messages.
        window, lag: of the caller's windows. Those of two frames are looked through for moves whose
            reverse was never seen: no finite divergence accounts for them.

    Raises:
        InvalidInput: no whole numbers, one state or more than 512, or such a move.
    """
    paths, step = labelled(states, what)
    longest = max((len(path) for path in paths), default=0)
    table = np.full((len(paths), longest), -1)
    for row, path in zip(table, paths, strict=True):
        row[: len(path)] = path
    seen = table >= 0
    levels, index = np.unique(table, return_inverse=True)
    if levels.size and levels[0] < 0:
        levels, index = levels[1:], index.reshape(table.shape) - 1
    index = index.reshape(table.shape)
    if not 2 <= levels.size <= _MOST_STATES:
        raise InvalidInput(
            f"{what}: {levels.size} different state(s); expected 2 to {_MOST_STATES}."
        )
    if not seen.any(0).all():
        raise InvalidInput(
            f"{what}: no sequence was observed at frame {int(np.argmin(seen.any(0)))}; give the parts "
            "before and after it as sequences of their own."
        )
    if window == 2:
        _check_reverses(index, seen, levels, lag, what)
    values = np.eye(levels.size, dtype=np.float32)[np.maximum(index, 0)]
    return Trajectories(values, np.arange(longest) * step, mask=None if seen.all() else seen)


def _check_reverses(
    index: np.ndarray, seen: np.ndarray, levels: np.ndarray, lag: int, what: str
) -> None:
    """Refuse moves without a reverse.

    Raises:
        InvalidInput: naming some of them.
    """
    both = seen[:, lag:] & seen[:, :-lag]
    counts = np.zeros((levels.size, levels.size), int)
    np.add.at(counts, (index[:, :-lag][both], index[:, lag:][both]), 1)
    rows, columns = np.nonzero((counts > 0) & (counts.T == 0))
    if rows.size:
        some = [f"{levels[i]}→{levels[j]}" for i, j in zip(rows, columns, strict=True)][:_NAMED]
        raise InvalidInput(
            f"{what}: the reverse of {', '.join(some)}{' …' * (rows.size > _NAMED)} was never seen, "
            "so that the divergence has no finite value; method 'plug_in' gives a lower bound."
        )
