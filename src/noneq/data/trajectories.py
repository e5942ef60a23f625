"""Joint laws: paired paths over one shared time axis."""

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
from noneq.data.snapshots import Snapshots
from noneq.domains import AbstractDomain
from noneq.errors import InvalidInput
from noneq.kinds import checked


class Trajectories(AbstractEnsemble):
    """Paired paths x_i(t): samples of the joint law over time.

    One shared time axis; uneven, ragged or missing observations are a mask.

    Args:
        values: ``(n, T, *event_shape)``; masked entries are ignored (stored as 0).
        times: ``(T,)`` strictly increasing, unit ``time_unit``.
        mask: ``(n, T)`` booleans, True where observed; None if all are.
        condition: ``(n, k)`` numbers or texts that go with each trajectory, or None.
        names, units, time_unit, domain, condition_names, categories, transform, scaling,
            drawn_from: as in `Snapshots`.

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
    condition_names: tuple[str, ...] = eqx.field(static=True)
    categories: Categories = eqx.field(static=True)
    transform: tuple[str, ...] = eqx.field(static=True)
    scaling: Scaling = eqx.field(static=True)
    drawn_from: str = eqx.field(static=True)

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
        condition_names: Sequence[str] | None = None,
        categories: Sequence[Sequence[str]] | None = None,
        transform: Sequence[str] | None = None,
        scaling: Scaling = "std",
        drawn_from: str = "",
    ):
        self.values = as_floats(values, "values")
        self.times = as_times(times)
        if self.values.ndim == 2:
            self.values = self.values[:, :, None]
        if self.values.ndim < 3 or self.values.size == 0:
            raise InvalidInput(
                f"values has shape {self.values.shape}; expected (n, T, *event_shape), "
                "nothing empty; a single path needs values[None]."
            )
        n, length = self.values.shape[:2]
        if length != self.times.size:
            raise InvalidInput(
                f"values has {length} frames along axis 1, times has {self.times.size}; "
                "they must be equal (axes are trajectory, time, state; one path: values[None])."
            )
        self.mask = _mask(mask, n, length)
        if self.mask is not None:
            shaped = self.mask.reshape(n, length, *(1,) * (self.values.ndim - 2))
            self.values = np.where(shaped, self.values, np.zeros((), self.values.dtype))
        refuse_nonfinite(self.values, "mark them with mask= (command line: --drop-missing).")
        self.condition, self.condition_names, self.categories = conditions(
            condition, n, condition_names, categories
        )
        self.names = as_labels(names, self.event_shape, "names", "x")
        self.units = as_labels(units, self.event_shape, "units", "")
        self.time_unit = str(time_unit)
        self.domain = as_domain(domain, self.event_shape)
        # A view where nothing is missing: values may lie in a file larger than memory.
        flat = self.values.reshape(-1, *self.event_shape)
        states = flat if self.mask is None else self.values[self.mask]
        refuse_outside(states, self.domain)
        self.transform = as_transform(transform, states, self.names, self.domain)
        self.scaling, self.drawn_from = scaling, str(drawn_from)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one state."""
        return self.values.shape[2:]

    @property
    def observed(self) -> np.ndarray:
        """(n, T) booleans, True where observed."""
        return np.ones(self.values.shape[:2], bool) if self.mask is None else self.mask

    @property
    def counts(self) -> np.ndarray:
        """Observations at each time, shape (T,)."""
        return self.observed.sum(axis=0)

    def by_axes(self) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
        values = self.values
        if self.mask is not None:
            observed = self.mask.reshape(*self.mask.shape, *(1,) * len(self.event_shape))
            values = np.where(observed, values, np.full((), np.nan, values.dtype))
        return ("trajectory", "time"), values, self.times

    @checked
    def at(self, time: float) -> np.ndarray:
        """Observed states at one of the times, ``(n_t, *event_shape)``."""
        i = nearest(self.times, time)
        return self.values[self.observed[:, i], i]

    @checked
    def take(self, index: np.ndarray) -> "Trajectories":
        """The trajectories with these positions; times left without observation are dropped."""
        index = as_index(index, self.n, "take")
        mask = None if self.mask is None else self.mask[index]
        keep = slice(None) if mask is None else mask.any(axis=0)
        return Trajectories(
            self.values[index][:, keep],
            self.times[keep],
            mask=None if mask is None else mask[:, keep],
            condition=None if self.condition is None else self.condition[index],
            **self.labels(),
        )

    @checked
    def frames(self, index: Any) -> "Trajectories":
        """A subset of the time axis (slice or positions); emptied trajectories are dropped."""
        index = as_index(index, self.times.size, "frames")
        mask = None if self.mask is None else self.mask[:, index]
        keep = slice(None) if mask is None else mask.any(axis=1)
        return Trajectories(
            self.values[keep][:, index],
            self.times[index],
            mask=None if mask is None else mask[keep],
            condition=None if self.condition is None else self.condition[keep],
            **self.labels(),
        )

    @checked
    def select(self, components: int) -> "Trajectories":
        """The first ``components`` coordinates (channels for fields)."""
        values, labels = first_components(self.values, self.labels(), 2, components)
        return Trajectories(values, self.times, mask=self.mask, condition=self.condition, **labels)

    @checked
    def split(self, fraction: float, *, key: Key) -> tuple["Trajectories", "Trajectories"]:
        """Random split by trajectory: (``fraction`` of them, the rest).

        Raises:
            InvalidInput: fraction outside (0, 1) or fewer than 2 trajectories.
        """
        check_fraction(fraction)
        if self.n < 2:
            raise InvalidInput("split: one trajectory cannot be split; give at least 2.")
        order = permutation(key, self.n)
        cut = int(np.clip(round(fraction * self.n), 1, self.n - 1))
        return self.take(np.sort(order[:cut])), self.take(np.sort(order[cut:]))

    @checked
    def hold_out(
        self, times: Sequence[float] | np.ndarray
    ) -> tuple["Trajectories", "Trajectories"]:
        """(all other times, these times)."""
        out = held_out(self.times, times)
        return self.frames(np.flatnonzero(~out)), self.frames(np.flatnonzero(out))

    def snapshots(self) -> Snapshots:
        """Forget the pairing: the marginals as `Snapshots`."""
        rows, columns = np.nonzero(self.observed)
        condition = None if self.condition is None else self.condition[rows]
        return Snapshots(
            self.values[rows, columns], self.times, columns, condition=condition, **self.labels()
        )


def _mask(mask: Any, n: int, length: int) -> np.ndarray | None:
    """Booleans with an observation in every row and column; None if all are observed."""
    if mask is None:
        return None
    mask = host_array(mask, "mask")
    if mask.shape != (n, length) or mask.dtype != bool:
        raise InvalidInput(
            f"mask has shape {mask.shape} and dtype {mask.dtype}; "
            f"expected booleans of shape ({n}, {length}), True where observed."
        )
    if not mask.any(axis=1).all():
        raise InvalidInput("a trajectory has no observation; leave it out.")
    if not mask.any(axis=0).all():
        raise InvalidInput("a time has no observation; leave it out.")
    return None if mask.all() else mask
