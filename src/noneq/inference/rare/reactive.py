"""Reactive paths in recorded trajectories: how often, how long, and where they run."""

from dataclasses import dataclass

import numpy as np

from noneq.data.trajectories import Trajectories
from noneq.errors import InvalidInput
from noneq.estimate import Estimate, sample_mean
from noneq.inference.rare.membership import members, set_of
from noneq.inference.rare.sets import SetOf
from noneq.needs import observable


_BLOCKS = 20


@dataclass(frozen=True, eq=False)
class ReactivePaths:
    """Pieces of trajectories from the last frame in A to the first one in B.

    Attributes:
        paths: states of each, ``(frames, *event_shape)``, both ends included.
        times: of their frames, from 0.
        duration: mean, and its error over the pieces.
        flux: transitions A → B per unit of time.
        rate, back_rate: k_AB, per unit of the time in which A was visited last, and k_BA.
        last_in_start: share of that time.
    """

    paths: tuple[np.ndarray, ...]
    times: tuple[np.ndarray, ...]
    duration: Estimate
    flux: Estimate
    rate: Estimate
    back_rate: Estimate
    last_in_start: Estimate

    def __str__(self) -> str:
        return (
            f"ReactivePaths({len(self.paths)}; k_AB {self.rate}, k_BA {self.back_rate}, "
            f"duration {self.duration})"
        )


@observable("trajectories", more=("start", "target"), number=False)
def reactive_paths(trajectories: Trajectories, start: SetOf, target: SetOf) -> ReactivePaths:
    """The transitions from one set to another in trajectories, and their statistics.

    **Equation**: k_AB = N_AB/T_A, N_AB the number of times that B is reached with A visited last,
    T_A the time during which A was visited last. Errors are those of a ratio of sums over
    trajectories (over twenty stretches of a single one).

    Args:
        trajectories: recorded, simulated, or `sample_paths` of a model, so often that no visit of a
            set is missed. What is not observed counts as outside.
        start, target: text ``"x < -0.9"``, or a function of one state that is positive inside.

    Raises:
        InvalidInput: sets that overlap, or without a transition.

    Source: E and Vanden-Eijnden 2006.
    """
    values = np.asarray(trajectories.values)
    flat = values.reshape(-1, *values.shape[2:])
    a, b = (set_of(one, trajectories.names, values.shape[2:]) for one in (start, target))
    seen = np.ones(values.shape[:2], bool) if trajectories.mask is None else trajectories.observed
    in_a, in_b = (members(one, flat).reshape(values.shape[:2]) & seen for one in (a, b))
    if (in_a & in_b).any():
        raise InvalidInput(
            f"the sets {a.label!r} and {b.label!r} overlap; make one of them smaller."
        )
    times = np.asarray(trajectories.times, np.float64)
    last = _last(np.where(in_a, 1, np.where(in_b, 2, 0)))
    spans = np.append(np.diff(times), 0.0)
    sums = np.stack([((last == k) * spans) for k in (1, 2)], -1)
    jumps = np.zeros_like(sums)
    before = last[:, :-1]
    jumps[:, 1:, 0] = (before == 1) & in_b[:, 1:]
    jumps[:, 1:, 1] = (before == 2) & in_a[:, 1:]
    if not jumps[..., 0].any():
        raise InvalidInput(
            f"reactive_paths: no path goes from {a.label!r} to {b.label!r} in {len(values)} trajectories "
            f"of {times[-1] - times[0]:.3g}; record longer, or estimate the rate from a committor."
        )
    stay, counts = (_by_block(part) for part in (sums, jumps))
    paths, clocks = [], []
    for row, end in np.argwhere(jumps[..., 0] > 0):
        begin = np.flatnonzero(in_a[row, :end])[-1]
        paths.append(values[row, begin : end + 1])
        clocks.append(times[begin : end + 1] - times[begin])
    spent = np.array([clock[-1] for clock in clocks])
    return ReactivePaths(
        tuple(paths),
        tuple(clocks),
        _mean(spent),
        _ratio(counts[:, 0], stay.sum(1)),
        _ratio(counts[:, 0], stay[:, 0]),
        _ratio(counts[:, 1], stay[:, 1]),
        _ratio(stay[:, 0], stay.sum(1)),
    )


def _last(label: np.ndarray) -> np.ndarray:
    """The last label other than 0 up to each frame, 0 before the first."""
    place = np.where(label > 0, np.arange(label.shape[1]), 0)
    return np.take_along_axis(label, np.maximum.accumulate(place, axis=1), axis=1)


def _by_block(parts: np.ndarray) -> np.ndarray:
    """Sums over independent stretches: trajectories, or parts of a single one."""
    if len(parts) > 1:
        return parts.sum(1)
    return np.stack([part.sum(0) for part in np.array_split(parts[0], _BLOCKS)])


def _mean(values: np.ndarray) -> Estimate:
    """Mean over pieces; that of a single one has no error."""
    if len(values) > 1:
        return sample_mean(values)
    return Estimate(values[0], np.asarray(np.inf), np.asarray(1))


def _ratio(above: np.ndarray, below: np.ndarray) -> Estimate:
    """ΣN/ΣT with the error of a ratio."""
    total, n = below.sum(), np.asarray(len(above))
    if total == 0:
        return Estimate(np.asarray(np.nan), np.asarray(np.inf), n)
    value = np.asarray(above.sum() / total)
    scatter = np.sqrt(((above - value * below) ** 2).sum() * n / (n - 1)) / total
    return Estimate(value, np.asarray(scatter if scatter > 0 else np.inf), n)
