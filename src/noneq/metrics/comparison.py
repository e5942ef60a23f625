"""What every two-sample metric shares: matching the times, the floor, the random numbers."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, TypeAlias

import jax
import numpy as np

from noneq._typing import Key
from noneq.data.ensembles import Snapshots, Trajectories, as_snapshots
from noneq.domains import AbstractDomain, Torus
from noneq.errors import InvalidInput, WrongType
from noneq.estimate import Estimate
from noneq.needs import observable


_LARGEST = 1e35
_CORNERS = ((np.minimum, np.min), (np.maximum, np.max))

Frames: TypeAlias = tuple[np.ndarray, ...]
"""One array per shared time, first axis the samples."""

Measure: TypeAlias = Callable[[np.ndarray, np.ndarray, np.random.Generator], tuple[float, float]]
"""(samples, reference, rng) -> (value, standard error) at one time."""


@dataclass(frozen=True)
class Comparison:
    """Samples, reference and (perhaps) a second truth, frame by frame at shared times.

    Args:
        samples, reference, truth: one array ``(n_t, …)`` per time.
        times: the shared times; None when plain arrays are compared.
        domain: where the states live.
        event_shape: shape of one state.
    """

    samples: Frames
    reference: Frames
    truth: Frames | None
    times: np.ndarray | None
    domain: AbstractDomain
    event_shape: tuple[int, ...]

    def map(self, transform: Callable[[np.ndarray], np.ndarray]) -> "Comparison":
        """Apply the same transformation to every frame."""
        each = lambda frames: tuple(transform(frame) for frame in frames)
        return replace(
            self,
            samples=each(self.samples),
            reference=each(self.reference),
            truth=None if self.truth is None else each(self.truth),
        )

    def estimate(self, measure: Measure, *, key: Key | None, unit: str = "") -> Estimate:
        """The measure at every time, beside its floor.

        The floor is measure(truth, reference) with the truth subsampled to the number of
        samples, or, without a truth, the measure between two random halves of the reference; if
        there are fewer samples than half of it, between as many and the rest.
        """
        # One generator per time: a time's result does not depend on the other times.
        rngs = [generator(key, i) for i in range(len(self.samples))]
        values, floors = [], []
        for i, (x, y) in enumerate(zip(self.samples, self.reference, strict=True)):
            values.append(measure(x, y, rngs[i]))
            if self.truth is None:
                order = rngs[i].permutation(len(y))
                cut = min(len(x), len(y) // 2)
                first, second = y[order[:cut]], y[order[cut:]]
            else:
                second = y
                first = self.truth[i]
                if len(first) > len(x):
                    first = first[np.sort(rngs[i].choice(len(first), len(x), replace=False))]
            floors.append(measure(first, second, rngs[i]))
        value, stderr = np.asarray(values).T
        floor, floor_stderr = np.asarray(floors).T
        result = Estimate(
            value,
            stderr,
            np.asarray([len(frame) for frame in self.samples]),
            times=self.times,
            floor=floor,
            floor_stderr=floor_stderr,
            floor_kind="halves" if self.truth is None else "truth",
            unit=unit,
        )
        return result[0] if self.times is None else result


def pair(
    samples: Any, reference: Any, truth: Any = None, domain: AbstractDomain | None = None
) -> Comparison:
    """Match ensembles at the times they share.

    Args:
        samples, reference, truth: `Snapshots`, `Trajectories`, or an array
            ``(n, *event_shape)`` of a single time.
        domain: where the states live; the reference's own if None.

    Raises:
        InvalidInput: different event shapes, no shared time, or too few samples at a time.
        WrongType: a domain that is none.
    """
    given = {"samples": samples, "reference": reference} | (
        {} if truth is None else {"truth": truth}
    )
    sets = {name: as_snapshots(data) for name, data in given.items()}
    plain = any(not isinstance(data, Snapshots | Trajectories) for data in given.values())
    shape = sets["reference"].event_shape
    for name, data in sets.items():
        if data.event_shape != shape:
            raise InvalidInput(
                f"{name} has states of shape {data.event_shape}, reference {shape}; "
                "compare the same coordinates of both."
            )
        if plain and data.times.size != 1:
            raise InvalidInput(
                f"{name} has {data.times.size} times, but an array without times is compared "
                "with it; give Snapshots or Trajectories on both sides, or one time."
            )
    times, positions = (None, [np.zeros(1, int)] * len(sets)) if plain else shared_times(sets)
    domain = check_domain(sets["reference"].domain if domain is None else domain, shape)
    frames = {
        name: _frames(data, index, domain)
        for (name, data), index in zip(sets.items(), positions, strict=True)
    }
    return collect(frames, times, domain, shape)


def collect(
    frames: dict[str, Frames],
    times: np.ndarray | None,
    domain: AbstractDomain,
    event_shape: tuple[int, ...],
) -> Comparison:
    """A comparison of frames named samples, reference and (perhaps) truth.

    Raises:
        InvalidInput: too few states at a time, or a unit that float32 cannot hold.
    """
    _check_counts(frames, times)
    _check_unit(frames)
    truth = frames.get("truth")
    return Comparison(frames["samples"], frames["reference"], truth, times, domain, event_shape)


def shared_times(sets: dict[str, Any]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Times of ``samples`` that all the others have (to 1e-6 of the span), and their positions.

    Raises:
        InvalidInput: none is shared.
    """
    axes = [data.times for data in sets.values()]
    span = max(float(np.ptp(axis)) for axis in axes) or max(1.0, float(np.abs(axes[0]).max()))
    near = [np.abs(axis - axes[0][:, None]) <= 1e-6 * span for axis in axes]
    kept = np.logical_and.reduce([match.any(axis=1) for match in near])
    if not kept.any():
        lists = "; ".join(f"{name} at {listed(data.times)}" for name, data in sets.items())
        raise InvalidInput(f"no shared time: {lists}. Sample at the times of the reference.")
    return axes[0][kept], [match[kept].argmax(axis=1) for match in near]


@observable("values")
def excess(estimate: Estimate) -> Estimate:
    """How far a metric lies above its floor: value − floor.

    **Equation**: excess = value − floor, stderr² = stderr(value)² + stderr(floor)². Both share
    the reference, so the error is on the safe side. A floor of halves is of smaller samples:
    the excess is then too small.

    Raises:
        InvalidInput: the estimate has no floor, or none with an error.
    """
    if estimate.floor is None or estimate.floor_stderr is None:
        raise InvalidInput("excess: this estimate has no floor with an error; nothing to subtract.")
    return replace(
        estimate,
        value=np.asarray(estimate.value - estimate.floor),
        stderr=np.asarray(np.hypot(estimate.stderr, estimate.floor_stderr)),
        floor=None,
        floor_stderr=None,
        floor_kind=None,
    )


def check_domain(domain: Any, event_shape: tuple[int, ...]) -> AbstractDomain:
    """Refuse what is no domain of such states.

    Raises:
        WrongType: not a domain.
        InvalidInput: a domain of other coordinates.
    """
    if not isinstance(domain, AbstractDomain):
        raise WrongType(
            f"domain is {domain!r}; expected Free(), Box(low, high), Torus(period), or None "
            "for the domain of the reference."
        )
    corner = () if domain.bounds is None else np.broadcast(*domain.bounds).shape
    # The corners of a box are one per leading coordinate, which is the channel of a field.
    if corner not in ((), event_shape if isinstance(domain, Torus) else event_shape[:1]):
        raise InvalidInput(
            f"{type(domain).__name__} has corners of shape {corner}, states have {event_shape}; "
            "give one number, or one per coordinate."
        )
    return domain


def generator(key: Key | None, *label: int) -> np.random.Generator:
    """A host generator that is a function of a key and a label; key(0) if None.

    Raises:
        WrongType: anything but a typed key.
    """
    key = jax.random.key(0) if key is None else key
    if not (isinstance(key, jax.Array) and jax.dtypes.issubdtype(key.dtype, jax.dtypes.prng_key)):
        raise WrongType(f"key is {type(key).__name__}; expected jax.random.key(seed).")
    words = np.asarray(jax.random.key_data(key)).ravel().tolist()
    return np.random.default_rng(np.random.SeedSequence(words, spawn_key=label))


def wrapped(values: np.ndarray, domain: AbstractDomain) -> np.ndarray:
    """The states in float64, brought into one period on a torus."""
    values = values.astype(np.float64)
    if not isinstance(domain, Torus):
        return values
    return domain.low + np.mod(values - np.asarray(domain.low), np.asarray(domain.period))


def whole(value: Any, name: str, low: int, high: int = 2**20) -> int:
    """A whole number in a range.

    Raises:
        InvalidInput: naming the range.
    """
    if (
        isinstance(value, bool)
        or not isinstance(value, int | np.integer)
        or not low <= value <= high
    ):
        raise InvalidInput(f"{name} = {value!r}; expected a whole number from {low} to {high}.")
    return int(value)


def listed(times: np.ndarray) -> str:
    """A few of the times, as text."""
    text = ", ".join(f"{t:g}" for t in times[:5])
    return text if times.size <= 5 else f"{text}, … {times[-1]:g} ({times.size} times)"


def _frames(data: Snapshots, positions: np.ndarray, domain: AbstractDomain) -> Frames:
    values = wrapped(data.values, domain)
    order = np.argsort(data.time_index, kind="stable")
    parts = np.split(order, np.cumsum(data.counts)[:-1])
    return tuple(values[parts[i]] for i in positions)


def _check_counts(frames: dict[str, Frames], times: np.ndarray | None) -> None:
    fewest = {"samples": 2, "reference": 2 if "truth" in frames else 4}
    for name, least in fewest.items():
        for i, frame in enumerate(frames[name]):
            if len(frame) < least:
                raise InvalidInput(
                    f"{name} has {len(frame)} states{_where(times, i)}; at least {least} are "
                    + ("needed." if least == 2 else "needed (two halves of 2), or give truth=.")
                )
    for i, (x, z) in enumerate(zip(frames["samples"], frames.get("truth", ()), strict=False)):
        if len(z) < len(x):
            raise InvalidInput(
                f"truth has {len(z)} states{_where(times, i)}, samples {len(x)}; the floor needs "
                "at least as many: give more truth, or fewer samples."
            )


def _check_unit(frames: dict[str, Frames]) -> None:
    pooled = [frame for part in frames.values() for frame in part]
    largest = max(float(np.abs(frame).max()) for frame in pooled)
    low, high = (reduce(f, [g(x, axis=0) for x in pooled]) for f, g in _CORNERS)
    spread = float((high - low).max())
    if largest > _LARGEST or 1e-14 * largest < spread < 1 / _LARGEST:
        raise InvalidInput(
            f"the states reach {largest:.3g} and spread over {spread:.3g}; metrics hold numbers from "
            f"{1 / _LARGEST:g} to {_LARGEST:g}: give the states in another unit."
        )


def _where(times: np.ndarray | None, i: int) -> str:
    return "" if times is None else f" at time {times[i]:g}"
