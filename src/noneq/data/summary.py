"""The small record of the training data that a model is built from and saved with."""

import itertools
import math
from dataclasses import replace

import numpy as np

from noneq.data.bands import time_band
from noneq.data.base import Scaling
from noneq.data.conditions import Categories
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.data.lazy.ensemble import LazyEnsemble
from noneq.data.lazy.measures import Measured, measured
from noneq.data.scales.normalisation import enclosing, normalisation, settled
from noneq.domains import AbstractDomain, is_periodic, periods_of
from noneq.errors import InvalidInput
from noneq.kinds import AbstractChecked, checked, shown


_REACH = 1e37
"""Models compute in float32, which ends at 3e38 and begins at 1e-38."""


class Summary(AbstractChecked):
    """What a method needs to know of its data before it builds a network.

    Args:
        event_shape: shape of one state.
        times: the distinct times of the training data.
        shift, scale: normalisation y = (x − shift)/scale, measured in float64: one entry per
            coordinate for vectors and per channel for fields; centre and half-width of the
            box for bounded domains; circular mean and the spread around it for periodic
            coordinates; 0 and 1 for discrete ones.
        std: standard deviation of all normalised values.
        time_band: frequency (per unit time) below which 95 % of the change of p(x, t) above
            sampling noise lies; 0 for one time.
        counts: samples at each time.
        condition_levels: for each column of the condition the categories that occur, and ``()``
            for a column of quantities; empty if there is no condition.
        condition_shift, condition_scale: mean and standard deviation of each column.
        condition_low, condition_high: its least and largest value; empty in runs of 0.1.0.
        origin: what is subtracted in float64 before models compute in float32, per coordinate
            (channel); empty where no coordinate lies far from zero, and in runs of 0.1.0.
        names, units, time_unit, domain, condition_names, categories, transform, scaling, drawn_from:
            as in the data; shift and scale are those of T(x) where there is a transform.
        kind: ``"snapshots"`` or ``"trajectories"``.
        periods: of every number of the normalised state, 0 where it is not periodic; empty if
            none is, and in runs of 0.1.0, whose networks took angles for numbers on a line.
    """

    event_shape: tuple[int, ...]
    times: tuple[float, ...]
    shift: tuple[float, ...]
    scale: tuple[float, ...]
    std: float
    time_band: float
    counts: tuple[int, ...]
    condition_levels: tuple[tuple[int, ...], ...]
    condition_shift: tuple[float, ...]
    condition_scale: tuple[float, ...]
    names: tuple[str, ...]
    units: tuple[str, ...]
    time_unit: str
    domain: AbstractDomain
    kind: str
    condition_low: tuple[float, ...] = ()
    condition_high: tuple[float, ...] = ()
    periods: tuple[float, ...] = ()
    condition_names: tuple[str, ...] = ()
    categories: tuple[tuple[str, ...], ...] = ()
    origin: tuple[float, ...] = ()
    transform: tuple[str, ...] = ()
    scaling: Scaling = "std"
    drawn_from: str = ""

    def __check_init__(self) -> None:
        channels = self.event_shape[0] if self.event_shape else 0
        rules = {
            "event_shape": len(self.event_shape) > 0 and min(self.event_shape) > 0,
            "times": len(self.times) > 0
            and all(map(math.isfinite, self.times))
            and all(a < b for a, b in itertools.pairwise(self.times)),
            "counts": len(self.counts) == len(self.times),
            "shift": len(self.shift) == channels and all(map(math.isfinite, self.shift)),
            "scale": len(self.scale) == channels and all(0 < s < math.inf for s in self.scale),
            "std": 0 < self.std < math.inf,
            "time_band": 0 <= self.time_band < math.inf,
            "condition_shift": len(self.condition_shift) == self.condition_dim,
            "condition_scale": len(self.condition_scale) == self.condition_dim,
            "origin": len(self.origin) in (0, channels) and all(map(math.isfinite, self.origin)),
            "names": len(self.names) == channels,
            "units": len(self.units) == channels,
            "kind": self.kind in ("snapshots", "trajectories"),
        }
        for name, good in rules.items():
            if not good:
                raise InvalidInput(
                    f"Summary: {name} = {shown(getattr(self, name))} fits no data of states of "
                    f"shape {self.event_shape}; take `summarise(data)`."
                )

    @property
    def dim(self) -> int:
        """Number of numbers in one state."""
        return int(np.prod(self.event_shape))

    @property
    def condition_dim(self) -> int:
        """Numbers in one condition, 0 if there is none."""
        return len(self.condition_levels)

    @property
    def span(self) -> float:
        """Last minus first time."""
        return self.times[-1] - self.times[0]


@checked
def summarise(data: Snapshots | Trajectories | LazyEnsemble) -> Summary:
    """Measure the `Summary` of a training set; of a `LazyEnsemble` in two passes over its chunks.

    Raises:
        InvalidInput: fewer than two samples, values or times that float32 cannot hold, or values of
            a bounded or periodic domain that it cannot tell apart.
    """
    if isinstance(data, LazyEnsemble):
        return summary_of(data, measured(data))
    snapshots = data.snapshots()
    _refuse_few(snapshots.n)
    check_float32(snapshots)
    shift, scale, std, origin = normalisation(snapshots)
    return Summary(
        event_shape=snapshots.event_shape,
        times=tuple(snapshots.times.tolist()),
        shift=tuple(shift.tolist()),
        scale=tuple(scale.tolist()),
        std=std,
        time_band=time_band(snapshots),
        counts=tuple(snapshots.counts.tolist()),
        **_conditions(data.condition, data.categories),
        kind="trajectories" if isinstance(data, Trajectories) else "snapshots",
        periods=_periods(snapshots.domain, snapshots.event_shape, scale),
        origin=origin,
        **data.labels(),
    )


def summary_of(data: LazyEnsemble, found: Measured) -> Summary:
    """The summary of data that were measured in parts.

    Raises:
        InvalidInput: as `summarise`.
    """
    _refuse_few(int(found.counts.sum()))
    _check_float32(max(np.abs(found.low).max(), np.abs(found.high).max()), found.times)
    shift, scale, std, origin = settled(found.location, data.transform, data.domain)
    return Summary(
        event_shape=data.event_shape,
        times=tuple(found.times.tolist()),
        shift=tuple(shift.tolist()),
        scale=tuple(scale.tolist()),
        std=std,
        time_band=found.time_band,
        counts=tuple(found.counts.tolist()),
        **found.conditions,
        kind=data.kind,
        periods=_periods(data.domain, data.event_shape, scale),
        origin=origin,
        **data.labels(),
    )


def _refuse_few(count: int) -> None:
    if count < 2:
        raise InvalidInput(
            f"{count} sample is too little to learn from; give at least 2 (thousands are usual)."
        )


def _conditions(condition: np.ndarray | None, categories: Categories) -> dict[str, tuple]:
    """Levels, mean, spread and range of every column."""
    columns = [] if condition is None else list(condition.T)
    whole = condition is not None and condition.dtype.kind == "i"
    labels = [whole or bool(categories and categories[i]) for i in range(len(columns))]
    spreads = [float(column.std()) for column in columns]
    return {
        "condition_levels": tuple(
            tuple(np.unique(column).astype(int).tolist()) if label else ()
            for column, label in zip(columns, labels, strict=True)
        ),
        "condition_shift": tuple(float(column.mean()) for column in columns),
        "condition_scale": tuple(spread if spread > 0 else 1.0 for spread in spreads),
        "condition_low": tuple(float(column.min()) for column in columns),
        "condition_high": tuple(float(column.max()) for column in columns),
    }


def check_float32(data: Snapshots | Trajectories) -> None:
    """Refuse what models, which compute in float32, cannot hold or tell apart.

    Raises:
        InvalidInput: values beyond its range, or times (such as dates) closer than its rounding.
    """
    _check_float32(float(np.abs(data.values).max()), data.times)


def _check_float32(largest: float, times: np.ndarray) -> None:
    if not (largest == 0 or 1 / _REACH < largest < _REACH):
        raise InvalidInput(
            f"the largest value is {largest:.2g}; models compute in float32. Choose another unit, "
            "so that values are between 1e-37 and 1e37."
        )
    latest, steps = np.abs(times).max(), np.diff(times)
    if steps.size and steps.min() < 4 * np.spacing(np.float32(latest)):
        raise InvalidInput(
            f"times near {latest:g} lie only {steps.min():.2g} apart; models compute in float32, "
            f"which cannot tell them apart. Subtract the first time (command line: --read "
            f"origin=time:{times[0]:.10g})."
        )


def _periods(
    domain: AbstractDomain, event_shape: tuple[int, ...], scale: np.ndarray
) -> tuple[float, ...]:
    """Periods of the normalised numbers of a state; empty if there are none."""
    if not is_periodic(domain):
        return ()
    inner = (1,) * (len(event_shape) - 1)
    periods = periods_of(domain, event_shape) / scale.reshape(-1, *inner)
    return tuple(periods.ravel().tolist())


def placed(summary: Summary, domain: AbstractDomain) -> Summary:
    """The summary that data on free space would have on a bounded domain."""
    shift, scale = enclosing(domain, len(summary.shift))
    std = float(np.sqrt(np.mean((summary.std * np.asarray(summary.scale) / scale) ** 2)))
    return replace(
        summary, domain=domain, shift=tuple(shift.tolist()), scale=tuple(scale.tolist()), std=std
    )
