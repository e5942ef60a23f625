"""What snapshots and trajectories have in common."""

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

import equinox as eqx
import numpy as np

from noneq._face import late
from noneq.data.conditions import listed
from noneq.display import Card, Section, coordinates_text, counted, number, times_text
from noneq.domains import AbstractDomain, Box, Free, Region
from noneq.errors import InvalidInput
from noneq.kinds import AbstractChecked


if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


Scaling: TypeAlias = Literal["std", "robust"]
"""How the scale of a coordinate is measured."""
_Kind = TypeVar("_Kind", bound="AbstractEnsemble")

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
    condition_names: eqx.AbstractVar[tuple[str, ...]]
    categories: eqx.AbstractVar[tuple[tuple[str, ...], ...]]
    transform: eqx.AbstractVar[tuple[str, ...]]
    scaling: eqx.AbstractVar[Scaling]
    drawn_from: eqx.AbstractVar[str]

    @property
    @abstractmethod
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one state."""

    @property
    def n(self) -> int:
        """Number of samples (over all times) or of trajectories."""
        return self.values.shape[0]

    def labels(self) -> dict[str, Any]:
        """What travels with the data: names, units, domain, what conditions are called, scales."""
        return {
            "names": self.names,
            "units": self.units,
            "time_unit": self.time_unit,
            "domain": self.domain,
            "condition_names": self.condition_names,
            "categories": self.categories,
            "transform": self.transform,
            "scaling": self.scaling,
            "drawn_from": self.drawn_from,
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
        """As a data set: ``values`` with dims (sample | trajectory, time) and state axes.

        Conditions with named categories are there twice: as numbers and, by their own name, as texts.
        """
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
        for i, own in enumerate(self.categories):
            if own and self.condition is not None:
                name = self.condition_names[i] if self.condition_names else f"condition_{i}"
                texts = np.asarray(own)[self.condition[:, i].astype(int)]
                coordinates[name] = (lead[0], texts)
        if units:
            coordinates["unit"] = (event[0], list(self.units))
        return xr.Dataset(variables, coordinates, {"made_by": "noneq"})

    def to_pandas(self) -> "pd.DataFrame":
        """A row for each state: ``time``, ``trajectory``, ``condition:0`` … and the coordinates.

        Units are in ``frame.attrs["units"]`` by name. A domain does not travel along.

        Raises:
            InvalidInput: fields, or names that clash with these.
        """
        return late("noneq.data.exchange", "to_pandas")(self)

    def to_anndata(self) -> Any:
        """A cell for each state: coordinates in ``X``, all else in ``obs``; needs ``noneq[cells]``.

        Raises:
            InvalidInput: anndata is not installed, or what `to_pandas` refuses.
        """
        return late("noneq.data.exchange", "to_anndata")(self)

    @classmethod
    def from_pandas(cls: type[_Kind], frame: "pd.DataFrame", **options: Any) -> _Kind:
        """The rows of a table, by the rules for files.

        Args:
            frame: one row for each state; columns are known by their names, ``"x (um)"`` brings its
                unit. Named levels of the index count as columns. Dates become the time since the first.
            options: those of `noneq.data.read`: ``time_column``, ``trajectory_column``,
                ``condition_columns``, ``columns``, ``components``, ``missing``, ``domain``, ``units``,
                ``reading``.

        Raises:
            WrongType: no data frame.
            InvalidInput: an unknown option, or what `noneq.data.read` refuses.
        """
        return late("noneq.data.exchange", "from_pandas")(cls, frame, options)

    @classmethod
    def from_xarray(
        cls: type[_Kind], dataset: "xr.Dataset | xr.DataArray", **options: Any
    ) -> _Kind:
        """A data set with a time, by the rules for netCDF; what `to_xarray` made comes back.

        Args:
            dataset: with one array over ``time``, and over ``trajectory`` for paths.
            options: those of `noneq.data.read`.

        Raises:
            WrongType: none of xarray.
            InvalidInput: an unknown option, or what `noneq.data.read` refuses.
        """
        return late("noneq.data.exchange", "from_xarray")(cls, dataset, options)

    @classmethod
    def from_anndata(
        cls: type[_Kind],
        cells: Any,
        *,
        use: str | None = None,
        time: str | None = None,
        **options: Any,
    ) -> _Kind:
        """Cells as states.

        Args:
            cells: AnnData.
            use: key of ``obsm`` or ``layers`` with the coordinates, or ``"X"``; None takes the only
                array of ``obsm``, or ``X`` if there is none.
            time: column of ``obs`` with the times, numbers or texts such as ``day 3``; None takes
                one that is called as a time is, ``"none"`` pools all.
            options: those of `noneq.data.read`; ``condition_columns`` are columns of ``obs``.

        Raises:
            WrongType: no AnnData.
            InvalidInput: several arrays in ``obsm`` and none is named; or what `from_pandas` refuses.
        """
        return late("noneq.data.exchange", "from_anndata")(cls, cells, use, time, options)


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
        facts.append(("condition", condition_text(data)))
    if paths and (seen := data.counts.sum() / (data.n * data.times.size)) < 1:
        facts.append(("missing", f"{1 - seen:.1%} of the states"))
    return Card(title, facts, [_coordinates(data), _times(data)] if whole else ())


def condition_text(data: Any) -> str:
    """The columns of a condition by name, with their categories where these have names."""
    width = data.condition.shape[1]
    names = data.condition_names or [""] * width
    texts = [
        " ".join(filter(None, [name, f"({listed(own)})" if own else ""]))
        for name, own in zip(names, data.categories or ((),) * width, strict=True)
    ]
    return ", ".join(texts) if all(texts) else counted(width, "number") + " each"


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
    cut = ("names", "units", "transform")
    labels = labels | {name: labels[name][:components] for name in cut if name in labels}
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
