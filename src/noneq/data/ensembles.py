"""The two kinds of data: marginals (`Snapshots`) and joint laws (`Trajectories`).

Arrays live on the host (NumPy): times in float64, values in float32 or float64.
"""

import warnings
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import numpy as np

from noneq._typing import Key
from noneq.domains import AbstractDomain, Free
from noneq.errors import InvalidInput, WrongType


def as_floats(values: Any, name: str) -> np.ndarray:
    """Host array of float32 or float64 from anything array-like.

    Integers and booleans become float32, float16 is promoted to float32 with a warning.

    Raises:
        WrongType: strings, objects, complex numbers, typed random keys.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise WrongType(
            f"{name} has dtype {array.dtype}; expected real numbers. Convert it to float first."
        )
    if array.dtype in (np.float32, np.float64):
        return array
    if array.dtype.kind == "f":
        if array.dtype.itemsize > 8:
            return array.astype(np.float64)
        warnings.warn(f"{name}: {array.dtype} promoted to float32.", stacklevel=3)
    elif array.size and array.dtype.itemsize > 2 and np.abs(array).max() > 2**24:
        return array.astype(np.float64)
    return array.astype(np.float32)


def _times(times: Any) -> np.ndarray:
    array = np.atleast_1d(as_floats(times, "times")).astype(np.float64)
    if array.ndim != 1 or array.size == 0:
        raise InvalidInput(f"times has shape {array.shape}; expected a non-empty vector (T,).")
    if not np.isfinite(array).all():
        raise InvalidInput("times holds NaN or infinity; every time must be a finite number.")
    if (np.diff(array) <= 0).any():
        i = int(np.argmax(np.diff(array) <= 0))
        raise InvalidInput(
            f"times must increase strictly, but times[{i}] = {array[i]:g} is followed by "
            f"{array[i + 1]:g}; sort the frames and merge duplicates."
        )
    return array


def _labels(labels: Sequence[str] | None, event_shape: tuple[int, ...], what: str, prefix: str):
    """One label per leading event coordinate (components, channels)."""
    count = event_shape[0] if event_shape else 1
    if labels is None:
        return tuple(f"{prefix}{i}" for i in range(count)) if prefix else ("",) * count
    if isinstance(labels, str) or len(labels) != count:
        raise InvalidInput(f"{what} has {len(labels)} entries; expected {count}, one per coordinate.")
    return tuple(str(label) for label in labels)


def _condition(condition: Any, n: int) -> np.ndarray | None:
    if condition is None:
        return None
    array = as_floats(condition, "condition")
    array = array[:, None] if array.ndim == 1 else array
    if array.ndim != 2 or array.shape[0] != n:
        raise InvalidInput(f"condition has shape {array.shape}; expected ({n}, k), a row per sample.")
    if not np.isfinite(array).all():
        raise InvalidInput("condition holds NaN or infinity; drop those samples first.")
    return array


def _refuse_nonfinite(values: np.ndarray, cure: str) -> None:
    if not np.isfinite(values).all():
        nan, inf = int(np.isnan(values).sum()), int(np.isinf(values).sum())
        raise InvalidInput(f"values hold {nan} NaN and {inf} infinite entries; {cure}")


class Snapshots(eqx.Module):
    """Unpaired samples of p(x, t) at each of several times (marginals only).

    Stored flat, so that counts may differ between times.

    Args:
        values: ``(N, *event_shape)``; vectors ``(dim,)``, fields ``(channels, *grid)``.
        times: the T distinct times, strictly increasing, unit ``time_unit``.
        time_index: ``(N,)`` integers, which time each sample belongs to.
        condition: ``(N, k)`` numbers that go with each sample, or None.
        names, units: one label per coordinate (channel for fields).
        time_unit: unit of the times.
        domain: where the states live.

    Raises:
        InvalidInput: empty or non-finite values, a time without samples, unsorted or
            duplicate times, labels or conditions of the wrong length.
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
    ):
        self.values = as_floats(values, "values")
        if self.values.ndim == 0 or self.values.size == 0:
            raise InvalidInput(f"values has shape {self.values.shape}; expected (n, *event_shape), n > 0.")
        if self.values.ndim == 1:
            self.values = self.values[:, None]
        _refuse_nonfinite(self.values, "drop those samples (command line: --drop-missing).")
        self.times = _times(times)
        n = self.values.shape[0]
        index = np.zeros(n, np.int32) if time_index is None else np.asarray(time_index)
        if index.shape != (n,) or index.dtype.kind not in "iu":
            raise InvalidInput(f"time_index has shape {index.shape}; expected integers of shape ({n},).")
        if index.min() < 0 or index.max() >= self.times.size:
            raise InvalidInput(f"time_index runs to {index.max()}, but there are {self.times.size} times.")
        self.time_index = index.astype(np.int32)
        if (self.counts == 0).any():
            empty = self.times[self.counts == 0][0]
            raise InvalidInput(f"no sample at time {empty:g}; leave that time out.")
        self.condition = _condition(condition, n)
        self.names = _labels(names, self.event_shape, "names", "x")
        self.units = _labels(units, self.event_shape, "units", "")
        self.time_unit = time_unit
        self.domain = Free() if domain is None else domain

    @classmethod
    def from_frames(cls, frames: Sequence[Any], times: Any, **labels: Any) -> "Snapshots":
        """Build from one array ``(n_t, *event_shape)`` per time."""
        arrays = [as_floats(frame, f"frame {i}") for i, frame in enumerate(frames)]
        times = _times(times)
        if len(arrays) != times.size:
            raise InvalidInput(f"{len(arrays)} frames for {times.size} times; give one time per frame.")
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
    def n(self) -> int:
        """Number of samples over all times."""
        return self.values.shape[0]

    @property
    def counts(self) -> np.ndarray:
        """Samples at each time, shape (T,)."""
        return np.bincount(self.time_index, minlength=self.times.size)

    @property
    def sample_times(self) -> np.ndarray:
        """Physical time of each sample, shape (N,)."""
        return self.times[self.time_index]

    def at(self, time: float) -> np.ndarray:
        """Samples at one of the times, ``(n_t, *event_shape)``.

        Raises:
            InvalidInput: no snapshot within 1e-6 of the span from that time.
        """
        return self.values[self.time_index == _nearest(self.times, time)]

    def take(self, index: np.ndarray) -> "Snapshots":
        """The samples with these positions; times left empty are dropped."""
        kept, new_index = np.unique(self.time_index[index], return_inverse=True)
        return Snapshots(
            self.values[index],
            self.times[kept],
            new_index,
            condition=None if self.condition is None else self.condition[index],
            **self.labels(),
        )

    def labels(self) -> dict[str, Any]:
        """What travels with the data: names, units, time_unit, domain."""
        return {
            "names": self.names,
            "units": self.units,
            "time_unit": self.time_unit,
            "domain": self.domain,
        }

    def select(self, components: int) -> "Snapshots":
        """The first ``components`` coordinates (channels for fields)."""
        values, labels = _select(self, components)
        return Snapshots(values, self.times, self.time_index, condition=self.condition, **labels)

    def split(self, fraction: float, *, key: Key) -> tuple["Snapshots", "Snapshots"]:
        """Random split inside every time: (``fraction`` of the samples, the rest).

        Raises:
            InvalidInput: fraction outside (0, 1), or a time too small to be in both parts.
        """
        _check_fraction(fraction)
        order = _permutation(key, self.n)
        rank = np.empty(self.n, int)
        for i in range(self.times.size):
            members = order[self.time_index[order] == i]
            rank[members] = np.arange(members.size)
        first = rank < np.maximum(1, np.round(fraction * self.counts))[self.time_index]
        if (np.bincount(self.time_index[~first], minlength=self.times.size) == 0).any():
            raise InvalidInput("split: a time has too few samples for both parts; change fraction.")
        return self.take(np.flatnonzero(first)), self.take(np.flatnonzero(~first))

    def hold_out(self, times: Sequence[float]) -> tuple["Snapshots", "Snapshots"]:
        """(all other times, these times): for leave-one-time-out tests.

        Raises:
            InvalidInput: an unknown time, or none left to train on.
        """
        out = np.isin(self.time_index, [_nearest(self.times, t) for t in times])
        if out.all():
            raise InvalidInput("hold_out: every time is held out; leave at least one to learn from.")
        return self.take(np.flatnonzero(~out)), self.take(np.flatnonzero(out))

    def snapshots(self) -> "Snapshots":
        """Itself: both kinds of data answer this."""
        return self

    def to_xarray(self):
        """As an `xarray.Dataset` with dims ``sample`` and ``state`` (see `noneq.data.files`)."""
        from noneq.data.xarrays import to_xarray

        return to_xarray(self)


class Trajectories(eqx.Module):
    """Paired paths x_i(t): samples of the joint law over time.

    One shared time axis; uneven, ragged or missing observations are a mask.

    Args:
        values: ``(n, T, *event_shape)``; masked entries are ignored (stored as 0).
        times: ``(T,)`` strictly increasing, unit ``time_unit``.
        mask: ``(n, T)`` booleans, True where observed; None if all are.
        condition: ``(n, k)`` numbers that go with each trajectory, or None.
        names, units, time_unit, domain: as in `Snapshots`.

    Raises:
        InvalidInput: as `Snapshots`; also NaN where the mask says observed, an empty trajectory.
        WrongType: values or times that are no real numbers.
    """

    values: np.ndarray
    times: np.ndarray
    mask: np.ndarray | None
    condition: np.ndarray | None
    names: tuple[str, ...] = eqx.field(static=True)
    units: tuple[str, ...] = eqx.field(static=True)
    time_unit: str = eqx.field(static=True)
    domain: AbstractDomain

    def __init__(
        self,
        values: Any,
        times: Any,
        *,
        mask: Any = None,
        condition: Any = None,
        names: Sequence[str] | None = None,
        units: Sequence[str] | None = None,
        time_unit: str = "",
        domain: AbstractDomain | None = None,
    ):
        self.values = as_floats(values, "values")
        self.times = _times(times)
        if self.values.ndim == 2:
            self.values = self.values[:, :, None]
        if self.values.ndim < 3 or self.values.size == 0:
            raise InvalidInput(
                f"values has shape {self.values.shape}; expected (n, T, *event_shape), nothing empty."
            )
        n, length = self.values.shape[:2]
        if length != self.times.size:
            raise InvalidInput(
                f"values has {length} frames along axis 1, times has {self.times.size}; "
                "they must be equal (axes are trajectory, time, state)."
            )
        self.mask = None
        if mask is not None:
            mask = np.asarray(mask)
            if mask.shape != (n, length) or mask.dtype != bool:
                raise InvalidInput(
                    f"mask has shape {mask.shape} and dtype {mask.dtype}; "
                    f"expected booleans of shape ({n}, {length}), True where observed."
                )
            if not mask.any(axis=1).all():
                raise InvalidInput("a trajectory has no observation; leave it out.")
            if not mask.any(axis=0).all():
                raise InvalidInput("a time has no observation; leave it out.")
            if not mask.all():
                self.mask = mask
                shaped = mask.reshape(n, length, *(1,) * (self.values.ndim - 2))
                self.values = np.where(shaped, self.values, np.zeros((), self.values.dtype))
        _refuse_nonfinite(self.values, "mark them as missing with mask= (command line: --drop-missing).")
        self.condition = _condition(condition, n)
        self.names = _labels(names, self.event_shape, "names", "x")
        self.units = _labels(units, self.event_shape, "units", "")
        self.time_unit = time_unit
        self.domain = Free() if domain is None else domain

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one state."""
        return self.values.shape[2:]

    @property
    def n(self) -> int:
        """Number of trajectories."""
        return self.values.shape[0]

    @property
    def observed(self) -> np.ndarray:
        """(n, T) booleans, True where observed."""
        return np.ones(self.values.shape[:2], bool) if self.mask is None else self.mask

    @property
    def counts(self) -> np.ndarray:
        """Observations at each time, shape (T,)."""
        return self.observed.sum(axis=0)

    def labels(self) -> dict[str, Any]:
        """What travels with the data: names, units, time_unit, domain."""
        return {
            "names": self.names,
            "units": self.units,
            "time_unit": self.time_unit,
            "domain": self.domain,
        }

    def at(self, time: float) -> np.ndarray:
        """Observed states at one of the times, ``(n_t, *event_shape)``."""
        i = _nearest(self.times, time)
        return self.values[self.observed[:, i], i]

    def take(self, index: np.ndarray) -> "Trajectories":
        """The trajectories with these positions; times left without observation are dropped."""
        mask = None if self.mask is None else self.mask[index]
        keep = slice(None) if mask is None else mask.any(axis=0)
        return Trajectories(
            self.values[index][:, keep],
            self.times[keep],
            mask=None if mask is None else mask[:, keep],
            condition=None if self.condition is None else self.condition[index],
            **self.labels(),
        )

    def frames(self, index: Any) -> "Trajectories":
        """A subset of the time axis (slice or positions); emptied trajectories are dropped."""
        mask = None if self.mask is None else self.mask[:, index]
        keep = slice(None) if mask is None else mask.any(axis=1)
        return Trajectories(
            self.values[keep][:, index],
            self.times[index],
            mask=None if mask is None else mask[keep],
            condition=None if self.condition is None else self.condition[keep],
            **self.labels(),
        )

    def select(self, components: int) -> "Trajectories":
        """The first ``components`` coordinates (channels for fields)."""
        values, labels = _select(self, components)
        return Trajectories(values, self.times, mask=self.mask, condition=self.condition, **labels)

    def split(self, fraction: float, *, key: Key) -> tuple["Trajectories", "Trajectories"]:
        """Random split by trajectory: (``fraction`` of them, the rest).

        Raises:
            InvalidInput: fraction outside (0, 1) or fewer than 2 trajectories.
        """
        _check_fraction(fraction)
        if self.n < 2:
            raise InvalidInput("split: one trajectory cannot be split; give at least 2.")
        order = _permutation(key, self.n)
        cut = int(np.clip(round(fraction * self.n), 1, self.n - 1))
        return self.take(np.sort(order[:cut])), self.take(np.sort(order[cut:]))

    def hold_out(self, times: Sequence[float]) -> tuple["Trajectories", "Trajectories"]:
        """(all other times, these times)."""
        out = np.isin(np.arange(self.times.size), [_nearest(self.times, t) for t in times])
        if out.all():
            raise InvalidInput("hold_out: every time is held out; leave at least one to learn from.")
        return self.frames(np.flatnonzero(~out)), self.frames(np.flatnonzero(out))

    def snapshots(self) -> Snapshots:
        """Forget the pairing: the marginals as `Snapshots`."""
        rows, columns = np.nonzero(self.observed)
        condition = None if self.condition is None else self.condition[rows]
        return Snapshots(
            self.values[rows, columns], self.times, columns, condition=condition, **self.labels()
        )

    def to_xarray(self):
        """As an `xarray.Dataset` with dims ``trajectory``, ``time`` and ``state``."""
        from noneq.data.xarrays import to_xarray

        return to_xarray(self)


def as_snapshots(data: Any) -> Snapshots:
    """Marginals of any data; a plain array ``(n, *event_shape)`` is a single snapshot."""
    return data.snapshots() if isinstance(data, Snapshots | Trajectories) else Snapshots(data)


def _nearest(times: np.ndarray, time: float) -> int:
    i = int(np.argmin(np.abs(times - time)))
    if not abs(times[i] - time) <= 1e-6 * max(1.0, float(np.ptp(times))):
        near = ", ".join(f"{t:g}" for t in times[max(0, i - 2) : i + 3])
        raise InvalidInput(f"no data at time {time:g}; nearest times: {near}.")
    return i


def _check_fraction(fraction: float) -> None:
    if not 0.0 < fraction < 1.0:
        raise InvalidInput(f"fraction = {fraction}; expected a number between 0 and 1.")


def _permutation(key: Key, n: int) -> np.ndarray:
    return np.asarray(jax.random.permutation(key, n))


def _select(data: "Snapshots | Trajectories", components: int):
    count = data.event_shape[0]
    if not 1 <= components <= count:
        raise InvalidInput(f"components = {components}; this data has 1..{count}.")
    axis = data.values.ndim - len(data.event_shape)
    values = np.take(data.values, np.arange(components), axis=axis)
    labels = data.labels() | {"names": data.names[:components], "units": data.units[:components]}
    domain = data.domain
    corners = {
        name: value[:components]
        for name, value in vars(domain).items()
        if isinstance(value, tuple)
    }
    if corners:
        labels["domain"] = type(domain)(**(vars(domain) | corners))
    return values, labels
