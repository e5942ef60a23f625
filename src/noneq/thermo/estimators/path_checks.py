"""What an estimator of irreversibility must refuse or warn of before it reads any path."""

import warnings

import numpy as np

from noneq._typing import Numbers
from noneq.data.ensembles import Trajectories
from noneq.domains import periods_of
from noneq.errors import InvalidInput


_ROWS = 4096
_SMOOTH = 3.4
"""Ratio of mean squares over two frames and one: 2 for noise, 4 for smooth motion."""
_COARSE = 1.0
_MOST_STATES = 512


def check_still(trajectories: Trajectories, what: str) -> None:
    """Refuse coordinates that never move.

    Raises:
        InvalidInput: naming them.
    """
    values = trajectories.values.reshape(*trajectories.values.shape[:2], -1)
    seen = trajectories.observed
    still = []
    for i in range(values.shape[-1]):
        first = values[..., i][seen][0] if trajectories.mask is not None else values[0, 0, i]
        some = values[:, :: max(1, values.shape[1] // _ROWS), i]
        moved = (some != first) & seen[:, :: max(1, values.shape[1] // _ROWS)]
        if not moved.any() and not ((values[..., i] != first) & seen).any():
            still.append(_name(trajectories, i))
    if still:
        raise InvalidInput(
            f"{what}: the coordinate(s) {', '.join(still)} never move; leave them out (command line: "
            "--columns)."
        )


def check_diffusive(trajectories: Trajectories, lag: int, what: str) -> None:
    """Refuse coordinates that move without noise, and warn of frames that are too far apart.

    Raises:
        InvalidInput: naming the smooth coordinates.

    Warns:
        UserWarning: the interval is longer than the fastest relaxation time, with the ratio.
    """
    start, one, two = _moves(trajectories, lag)
    if len(start) < 30:
        return
    periods = periods_of(trajectories.domain, trajectories.event_shape).reshape(-1)
    square = (one**2).mean(0)
    ratio = (two**2).mean(0) / np.where(square > 0, square, 1.0)
    smooth = np.flatnonzero(ratio > _SMOOTH)
    if smooth.size:
        names = ", ".join(_name(trajectories, int(i)) for i in smooth)
        raise InvalidInput(
            f"{what}: {names} move(s) without noise from frame to frame (mean squares over two frames "
            f"and one have the ratio {ratio[smooth[0]]:.2f}; noise gives 2, smooth motion 4). Such a "
            "coordinate has no entropy production of its own as an even variable: leave it out, or "
            "record at longer intervals (lag=)."
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        kept = 1 - square / (2 * start.var(0))
    free = np.flatnonzero(periods == 0)
    if free.size and (least := float(kept[free].min())) < np.exp(-_COARSE):
        times = np.inf if least <= 0 else -np.log(least)
        text = "many" if not np.isfinite(times) else f"{times:.1f}"
        warnings.warn(
            f"{what}: the interval is {text} times the relaxation time of the fastest coordinate, so that "
            "much of the irreversibility happens unseen between two frames; record faster.",
            UserWarning,
            stacklevel=3,
        )


def one_hot(states: Numbers, what: str) -> Trajectories:
    """Integer states ``(n, T)`` as trajectories of indicator vectors; the unit of time is a step.

    Raises:
        InvalidInput: no integers, another shape, or one state only.
    """
    array = np.asarray(states)
    array = array[None] if array.ndim == 1 else array
    whole = np.issubdtype(array.dtype, np.integer) or (
        array.size > 0 and np.isfinite(array).all() and (array == np.round(array)).all()
    )
    if array.ndim != 2 or not whole:
        raise InvalidInput(
            f"{what}: states of shape {array.shape} and kind {array.dtype}; expected integers (n, T), "
            "or Trajectories for continuous coordinates."
        )
    levels, index = np.unique(array, return_inverse=True)
    if not 2 <= levels.size <= _MOST_STATES:
        raise InvalidInput(
            f"{what}: {levels.size} different state(s); expected 2 to {_MOST_STATES}."
        )
    table = np.eye(levels.size, dtype=np.float32)
    times = np.arange(array.shape[1], dtype=np.float64)
    return Trajectories(table[index.reshape(array.shape)], times)


def _moves(trajectories: Trajectories, lag: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Some states, and their displacements over one lag and two, float64 ``(rows, dim)``."""
    values = trajectories.values
    n, frames = values.shape[:2]
    room = frames - 2 * lag
    if room < 1:
        empty = np.zeros((0, values[0, 0].size))
        return empty, empty, empty
    rng = np.random.default_rng(0)
    path, frame = rng.integers(n, size=_ROWS), rng.integers(room, size=_ROWS)
    seen = trajectories.observed
    complete = seen[path, frame] & seen[path, frame + lag] & seen[path, frame + 2 * lag]
    path, frame = path[complete], frame[complete]
    at = lambda k: values[path, frame + k * lag].reshape(len(path), -1).astype(np.float64)
    a, b, c = at(0), at(1), at(2)
    periods = periods_of(trajectories.domain, trajectories.event_shape).reshape(-1)
    cell = np.where(periods > 0, periods, 1.0)
    short = lambda move: move - (periods > 0) * cell * np.round(move / cell)
    return a, short(b - a), short(b - a) + short(c - b)


def _name(trajectories: Trajectories, index: int) -> str:
    names = trajectories.names
    return names[index] if index < len(names) else f"number {index}"
