"""What snapshots and trajectories have in common."""

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import equinox as eqx
import numpy as np

from noneq.display import Card, Section, coordinates_text, counted, number, times_text
from noneq.domains import AbstractDomain, Box, Free, Region
from noneq.errors import InvalidInput
from noneq.kinds import AbstractChecked


if TYPE_CHECKING:
    import xarray as xr


_SHOWN_STATES = 100_000
"""States that a notebook's table of means and spreads is measured on."""


class AbstractEnsemble(AbstractChecked):
    """Samples of a law that changes over time, with labels that travel with them.

    Arrays live on the host (NumPy): times in float64, values in float32 or float64.
    """

    values: eqx.AbstractVar[np.ndarray]
    times: eqx.AbstractVar[np.ndarray]
    condition: eqx.AbstractVar[np.ndarray | None]
    names: eqx.AbstractVar[tuple[str, ...]]
    units: eqx.AbstractVar[tuple[str, ...]]
    time_unit: eqx.AbstractVar[str]
    domain: eqx.AbstractVar[AbstractDomain]

    @property
    @abstractmethod
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one state."""

    @property
    def n(self) -> int:
        """Number of samples (over all times) or of trajectories."""
        return self.values.shape[0]

    def labels(self) -> dict[str, Any]:
        """What travels with the data: names, units, time_unit, domain."""
        return {
            "names": self.names,
            "units": self.units,
            "time_unit": self.time_unit,
            "domain": self.domain,
        }

    @property
    @abstractmethod
    def counts(self) -> np.ndarray:
        """Observed states at each time, shape (T,)."""

    @abstractmethod
    def by_axes(self) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
        """Names of the axes before the state's, values (NaN where unobserved) and times over the
        last of these axes."""

    def __repr__(self) -> str:
        """Counts, times and coordinates."""
        # A filtered tree holds no arrays to tell of.
        whole = isinstance(self.values, np.ndarray) and isinstance(self.times, np.ndarray)
        return card_of(self).text() if whole else eqx.tree_pformat(self)

    def _repr_html_(self) -> str:
        """The same with tables that fold out, for notebooks."""
        return card_of(self, whole=True).html()

    def to_xarray(self) -> "xr.Dataset":
        """As a data set: ``values`` with dims (sample | trajectory, time) and state axes."""
        import xarray as xr

        rank = len(self.event_shape)
        event = ("state",) if rank == 1 else ("channel", *(f"axis{i}" for i in range(1, rank)))
        lead, values, times = self.by_axes()
        units = {"units": ", ".join(dict.fromkeys(self.units))} if any(self.units) else {}
        time_unit = {"unit": self.time_unit} if self.time_unit else {}
        variables: dict[str, Any] = {"values": ((*lead, *event), values, units)}
        if self.condition is not None:
            variables["condition"] = ((lead[0], "condition_number"), self.condition)
        coordinates = {"time": (lead[-1], times, time_unit), event[0]: list(self.names)}
        return xr.Dataset(variables, coordinates)


def card_of(data: AbstractEnsemble, *, whole: bool = False) -> Card:
    """What an ensemble says of itself; the tables take a pass over the data, if ``whole``."""
    shape, paths = data.event_shape, data.values.ndim - len(data.event_shape) == 2
    samples = counted(data.n, "path" if paths else "sample")
    title = f"{type(data).__name__}: {samples}, {times_text(data.times.tolist(), data.time_unit)}"
    facts = [("coordinates", coordinates_text(data.names, data.units))]
    if len(shape) > 1:
        facts.append(("state", " × ".join(map(str, shape))))
    if not isinstance(data.domain, Free):
        facts.append(("domain", " ".join(repr(data.domain).split())))
    if data.condition is not None:
        facts.append(("condition", counted(data.condition.shape[1], "number") + " each"))
    if paths and (seen := data.counts.sum() / (data.n * data.times.size)) < 1:
        facts.append(("missing", f"{1 - seen:.1%} of the states"))
    return Card(title, facts, [_coordinates(data), _times(data)] if whole else ())


def _coordinates(data: AbstractEnsemble) -> Section:
    """Mean, spread and range of every coordinate, of many states of some."""
    states = data.by_axes()[1].reshape(-1, *data.event_shape)
    every = -(-len(states) // _SHOWN_STATES)
    some = np.moveaxis(states[::every].astype(np.float64), 1, 0).reshape(len(data.names), -1)
    rows = [
        [name, unit, *(number(float(statistic(column))) for statistic in _STATISTICS)]
        for name, unit, column in zip(data.names, data.units, some, strict=True)
    ]
    part = f", of one state in {every}" if every > 1 else ""
    return Section(f"Coordinates{part}", ("name", "unit", "mean", "std", "least", "most"), rows)


_STATISTICS = (np.nanmean, np.nanstd, np.nanmin, np.nanmax)


def _times(data: AbstractEnsemble) -> Section:
    rows = [[f"{t:g}", f"{n:,}"] for t, n in zip(data.times, data.counts, strict=True)]
    return Section("Times", (f"time {data.time_unit}".rstrip(), "states"), rows)


def first_components(
    values: np.ndarray, labels: dict[str, Any], axis: int, components: int
) -> tuple[np.ndarray, dict[str, Any]]:
    """Values and labels of the first coordinates, which lie along ``axis``."""
    count = values.shape[axis]
    if not 1 <= components <= count:
        raise InvalidInput(f"components = {components}; this data has 1..{count}.")
    values = np.take(values, np.arange(components), axis=axis)
    labels = labels | {name: labels[name][:components] for name in ("names", "units")}
    domain = labels["domain"]
    if isinstance(domain, Region) and components < count:
        # The first coordinates of a shape's points fill no shape that is known.
        labels["domain"] = Box(domain.low, domain.high)
    corners = {
        name: value[:components]
        for name, value in vars(labels["domain"]).items()
        if isinstance(value, tuple)
    }
    if corners:
        labels["domain"] = type(labels["domain"])(**(vars(labels["domain"]) | corners))
    return values, labels
