"""Marginals: unpaired samples at each of several times."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import numpy as np

from noneq._typing import Key
from noneq.data.base import AbstractEnsemble, Scaling, first_components
from noneq.data.checks import (
    as_domain,
    as_floats,
    as_index,
    as_labels,
    as_times,
    check_fraction,
    held_out,
    host_array,
    nearest,
    permutation,
    refuse_nonfinite,
    refuse_outside,
)
from noneq.data.conditions import Categories, conditions
from noneq.data.scales.transforms import as_transform
from noneq.domains import AbstractDomain
from noneq.errors import InvalidInput
from noneq.kinds import checked


class Snapshots(AbstractEnsemble):
    """Unpaired samples of p(x, t) at each of several times (marginals only).

    Stored flat, so that counts may differ between times.

    Args:
        values: ``(N, *event_shape)``; vectors ``(dim,)``, fields ``(channels, *grid)``.
        times: the T distinct times, strictly increasing, unit ``time_unit``.
        time_index: ``(N,)`` integers, which time each sample belongs to.
        condition: ``(N, k)`` numbers or texts that go with each sample, or None. Whole numbers and
            texts are categories, floats are quantities.
        names, units: one label per coordinate (channel for fields).
        time_unit: unit of the times.
        domain: where the states live.
        condition_names: of the columns of the condition, if they have any.
        categories: for each of these columns the names of its categories 0, 1, …, ``()`` for
            numbers; found from texts.
        transform: for each coordinate the scale on which a model sees it (``"log"``, ``"log1p"``,
            ``"sqrt"``, ``"asinh"``, ``"logit"``), ``""`` for its own; see `noneq.data.scales.transforms`.
        scaling: how a model's scale is measured: by mean and standard deviation (``"std"``), or by
            median and interquartile range (``"robust"``), which outliers do not move.
        drawn_from: the run whose model drew these samples; empty for data.

    Raises:
        InvalidInput: empty or non-finite values, a time without samples, unsorted or
            duplicate times, labels or conditions of the wrong length, states outside the domain.
        WrongType: values or times that are no real numbers.
    """

    values: np.ndarray
    times: np.ndarray
    time_index: np.ndarray
    condition: np.ndarray | None
    names: tuple[str, ...] = eqx.field(static=True)
    units: tuple[str, ...] = eqx.field(static=True)
    time_unit: str = eqx.field(static=True)
    domain: AbstractDomain
    condition_names: tuple[str, ...] = eqx.field(static=True)
    categories: Categories = eqx.field(static=True)
    transform: tuple[str, ...] = eqx.field(static=True)
    scaling: Scaling = eqx.field(static=True)
    drawn_from: str = eqx.field(static=True)

    def __init__(
        self,
        values: Any,
        times: Any = (0.0,),
        time_index: Any = None,
        *,
        condition: Any = None,
        names: Sequence[str] | None = None,
        units: Sequence[str] | None = None,
        time_unit: str = "",
        domain: AbstractDomain | None = None,
        condition_names: Sequence[str] | None = None,
        categories: Sequence[Sequence[str]] | None = None,
        transform: Sequence[str] | None = None,
        scaling: Scaling = "std",
        drawn_from: str = "",
    ):
        self.values = as_floats(values, "values")
        if self.values.ndim == 0 or self.values.size == 0:
            raise InvalidInput(
                f"values has shape {self.values.shape}; expected (n, *event_shape), n > 0."
            )
        if self.values.ndim == 1:
            self.values = self.values[:, None]
        refuse_nonfinite(self.values, "drop those samples (command line: --drop-missing).")
        n = self.values.shape[0]
        self.times = as_times(times)
        if time_index is None and self.times.size > 1:
            raise InvalidInput(
                f"{self.times.size} times for {n} samples but no time_index; give time_index, the "
                "place of each sample's time, or use Snapshots.from_frames(arrays, times)."
            )
        self.time_index = _time_index(time_index, n, self.times)
        self.condition, self.condition_names, self.categories = conditions(
            condition, n, condition_names, categories
        )
        self.names = as_labels(names, self.event_shape, "names", "x")
        self.units = as_labels(units, self.event_shape, "units", "")
        self.time_unit = str(time_unit)
        self.domain = as_domain(domain, self.event_shape)
        refuse_outside(self.values, self.domain)
        self.transform = as_transform(transform, self.values, self.names, self.domain)
        self.scaling, self.drawn_from = scaling, str(drawn_from)

    @classmethod
    @checked
    def from_frames(cls, frames: Sequence[Any], times: Any, **labels: Any) -> "Snapshots":
        """Build from one array ``(n_t, *event_shape)`` per time."""
        arrays = [as_floats(frame, f"frame {i}") for i, frame in enumerate(frames)]
        times = as_times(times)
        if len(arrays) != times.size:
            raise InvalidInput(
                f"{len(arrays)} frames for {times.size} times; give one time per frame."
            )
        if min(a.ndim for a in arrays) == 0:
            raise InvalidInput("a frame is a single number; expected arrays (n_t, *event_shape).")
        if len({a.shape[1:] for a in arrays}) != 1:
            shapes = sorted({a.shape[1:] for a in arrays})
            raise InvalidInput(f"frames differ in event shape: {shapes}; all must be equal.")
        index = np.repeat(np.arange(len(arrays)), [len(a) for a in arrays])
        return cls(np.concatenate(arrays), times, index, **labels)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one state."""
        return self.values.shape[1:]

    @property
    def counts(self) -> np.ndarray:
        """Samples at each time, shape (T,)."""
        return np.bincount(self.time_index, minlength=self.times.size)

    @property
    def sample_times(self) -> np.ndarray:
        """Physical time of each sample, shape (N,)."""
        return self.times[self.time_index]

    def by_axes(self) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
        return ("sample",), self.values, self.sample_times

    @checked
    def at(self, time: float) -> np.ndarray:
        """Samples at one of the times, ``(n_t, *event_shape)``.

        Raises:
            InvalidInput: no snapshot within 1e-6 of the span from that time.
        """
        return self.values[self.time_index == nearest(self.times, time)]

    @checked
    def take(self, index: np.ndarray) -> "Snapshots":
        """The samples with these positions; times left empty are dropped."""
        index = as_index(index, self.n, "take")
        kept, new_index = np.unique(self.time_index[index], return_inverse=True)
        return Snapshots(
            self.values[index],
            self.times[kept],
            new_index,
            condition=None if self.condition is None else self.condition[index],
            **self.labels(),
        )

    @checked
    def select(self, components: int) -> "Snapshots":
        """The first ``components`` coordinates (channels for fields)."""
        values, labels = first_components(self.values, self.labels(), 1, components)
        return Snapshots(values, self.times, self.time_index, condition=self.condition, **labels)

    @checked
    def split(self, fraction: float, *, key: Key) -> tuple["Snapshots", "Snapshots"]:
        """Random split inside every time: (``fraction`` of the samples, the rest).

        Raises:
            InvalidInput: fraction outside (0, 1), or a time too small to be in both parts.
        """
        check_fraction(fraction)
        order = permutation(key, self.n)
        rank = np.empty(self.n, int)
        for i in range(self.times.size):
            members = order[self.time_index[order] == i]
            rank[members] = np.arange(members.size)
        first = rank < np.maximum(1, np.round(fraction * self.counts))[self.time_index]
        if (np.bincount(self.time_index[~first], minlength=self.times.size) == 0).any():
            raise InvalidInput("split: a time has too few samples for both parts; change fraction.")
        return self.take(np.flatnonzero(first)), self.take(np.flatnonzero(~first))

    @checked
    def hold_out(self, times: Sequence[float] | np.ndarray) -> tuple["Snapshots", "Snapshots"]:
        """(all other times, these times): for leave-one-time-out tests.

        Raises:
            InvalidInput: an unknown time, or none left to train on.
        """
        out = held_out(self.times, times)[self.time_index]
        return self.take(np.flatnonzero(~out)), self.take(np.flatnonzero(out))

    def snapshots(self) -> "Snapshots":
        """Itself: both kinds of data answer this."""
        return self


def _time_index(time_index: Any, n: int, times: np.ndarray) -> np.ndarray:
    """(n,) positions in times; every time has a sample."""
    index = np.zeros(n, np.int32) if time_index is None else host_array(time_index, "time_index")
    if index.shape != (n,) or index.dtype.kind not in "iu":
        raise InvalidInput(
            f"time_index has shape {index.shape} and dtype {index.dtype}; "
            f"expected integers of shape ({n},)."
        )
    if index.min() < 0 or index.max() >= times.size:
        raise InvalidInput(
            f"time_index runs from {index.min()} to {index.max()}; there are {times.size} times."
        )
    counts = np.bincount(index, minlength=times.size)
    if (counts == 0).any():
        raise InvalidInput(f"no sample at time {times[counts == 0][0]:g}; leave that time out.")
    return index.astype(np.int32)
