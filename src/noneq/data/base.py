"""What snapshots and trajectories have in common."""

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import equinox as eqx
import numpy as np

from noneq.domains import AbstractDomain, Box, Region
from noneq.errors import InvalidInput
from noneq.kinds import AbstractChecked


if TYPE_CHECKING:
    import xarray as xr


Scaling: TypeAlias = Literal["std", "robust"]
"""How the scale of a coordinate is measured."""


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

    @abstractmethod
    def by_axes(self) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
        """Names of the axes before the state's, values (NaN where unobserved) and times over the
        last of these axes."""

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
        return xr.Dataset(variables, coordinates)


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
