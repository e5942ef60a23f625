"""Velocities of samples, as they are given or as trajectories show them."""

from typing import Any

import numpy as np

from noneq.data.ensembles import Snapshots, Trajectories
from noneq.data.readings.velocities import PREFIX, apart
from noneq.errors import InvalidInput
from noneq.frames.normaliser import Normaliser
from noneq.methods.bridges.base import AbstractBridge, HasLesson


def learns_velocities(method: Any) -> bool:
    """Whether a method learns a reference from velocities."""
    return isinstance(vars(method).get("bridge"), HasLesson)


def states_and_velocities(method: Any, data: Any, velocities: Any) -> tuple[Any, Any]:
    """What a method takes from data that hold coordinates ``velocity_x`` … beside ``x`` ….

    Without ``velocities`` given, a method that learns from them takes them from there, and the rest
    are its states; for any other method all are coordinates.
    """
    if velocities is None and learns_velocities(method):
        return apart(data) if isinstance(data, Snapshots | Trajectories) else (data, None)
    return data, velocities


def velocity_rows(
    data: Any, velocities: Any, normaliser: Normaliser, name: str, bridge: AbstractBridge
) -> dict[str, np.ndarray] | None:
    """Rows ``x``, ``time``, ``velocity``; None for a bridge that learns nothing from velocities.

    ``before`` and ``after`` are the intervals to the neighbouring times of the data, 0 at the ends.

    Trajectories give (x_{k+1} − x_k)/(t_{k+1} − t_k) at (x_k, t_k), whose mean is the drift over
    one step.

    Raises:
        InvalidInput: velocities that are missing, not wanted, or do not go with the samples.
    """
    if not isinstance(bridge, HasLesson):
        if velocities is not None:
            raise InvalidInput(
                f"{name}: {type(bridge).__name__} learns nothing from velocities; take "
                "bridge=LearntReference(), or CurlyFM."
            )
        return None
    shift = np.asarray(normaliser.shift.value, np.float64)
    if velocities is None:
        x, times, found = _steps(data, name)
    else:
        snapshots = data.snapshots() if isinstance(data, Snapshots | Trajectories) else data
        x, times = snapshots.values, snapshots.sample_times
        found = _given(velocities, snapshots, name)
    flat = lambda part: part.reshape(len(part), -1).astype(np.float64)
    if not np.isfinite(found).all():
        raise InvalidInput(f"{name}: velocities hold NaN or infinity; drop those samples.")
    knots = np.asarray(data.times if isinstance(data, Snapshots | Trajectories) else times)
    gaps = np.concatenate([[0.0], np.diff(np.unique(knots)), [0.0]])
    place = np.searchsorted(np.unique(knots), times)
    return {
        "before": gaps[place].astype(np.float32),
        "after": gaps[place + 1].astype(np.float32),
        "x": (flat(x) - shift).astype(np.float32),
        "time": times.astype(np.float32),
        "velocity": flat(found).astype(np.float32),
    }


def _given(velocities: Any, data: Snapshots, name: str) -> np.ndarray:
    """Velocities of the samples in their order."""
    if not isinstance(velocities, Snapshots | Trajectories):
        found = np.asarray(velocities)
    else:
        own = velocities.snapshots()
        if own.counts.tolist() != data.counts.tolist() or not np.allclose(own.times, data.times):
            raise InvalidInput(
                f"{name}: velocities are of {own.counts.tolist()} samples at the times "
                f"{own.times.tolist()}; expected those of the data, {data.counts.tolist()} at "
                f"{data.times.tolist()}."
            )
        wanted = [f"{PREFIX}{each}" for each in data.names]
        named = set(wanted) <= set(own.names)
        values = own.values[:, [own.names.index(w) for w in wanted]] if named else own.values
        # Samples of both may come in any order of times; within a time their order counts.
        found = np.empty_like(values)
        found[np.argsort(data.time_index, kind="stable")] = values[
            np.argsort(own.time_index, kind="stable")
        ]
    if found.shape != data.values.shape:
        raise InvalidInput(
            f"{name}: velocities have shape {found.shape}; expected {data.values.shape}, one for "
            "each sample in its order."
        )
    return found


def _steps(data: Any, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """States, times and increments per time of paired data."""
    if not isinstance(data, Trajectories):
        raise InvalidInput(
            f"{name}: the reference is learnt from velocities; give fit(data, velocities=array) "
            "(command line: --with velocities=FILE), coordinates velocity_NAME beside each NAME, or "
            "trajectories."
        )
    values, times = np.asarray(data.values, np.float64), np.asarray(data.times, np.float64)
    gaps = np.diff(times).reshape(1, -1, *[1] * (values.ndim - 2))
    both = data.observed[:, 1:] & data.observed[:, :-1]
    if not both.any():
        raise InvalidInput(f"{name}: no path is seen at two successive times; give velocities=.")
    rate = (values[:, 1:] - values[:, :-1]) / gaps
    clock = np.broadcast_to(times[:-1], both.shape)
    return values[:, :-1][both], clock[both], rate[both]
