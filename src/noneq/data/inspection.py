"""A first look at data: what is in a file, what is wrong with it, what to do next."""

import shlex
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from noneq.data.checks import as_floats
from noneq.data.files import read_raw
from noneq.data.layouts import Layout, Raw, build, domain_record, labels_of, selected
from noneq.data.pictures import picture as picture
from noneq.data.snapshots import Snapshots
from noneq.data.summary import check_float32
from noneq.data.trajectories import Trajectories
from noneq.domains import AbstractDomain
from noneq.errors import NoneqError


_MANY_COMPONENTS = 50


@dataclass(frozen=True)
class Inspection:
    """What a look at data found; plain numbers and texts only.

    Args:
        kind: ``"snapshots"`` or ``"trajectories"``.
        n: samples over all times, or trajectories.
        event_shape: shape of one state.
        times, counts: the distinct times and the observations at each.
        dt_min, dt_median, dt_max: intervals between times, unit ``time_unit``; NaN for one time.
        irregularity: (dt_max − dt_min)/dt_median, 0 for even times.
        observed: fraction of the (trajectory, time) grid that is observed; 1 for snapshots.
        names, units, time_unit: labels; channels for fields.
        mean, std, low, high: per coordinate (channel), over the finite entries.
        nan, infinite: entries that are not numbers, per coordinate.
        constant: names of coordinates that never change.
        outside: finite entries outside the domain's bounds.
        condition_dim: length of the condition vector, 0 if none.
        problem: why the data cannot be used as they are, or "".
        command: the recommended next command.
    """

    kind: str
    n: int
    event_shape: tuple[int, ...]
    times: tuple[float, ...]
    counts: tuple[int, ...]
    dt_min: float
    dt_median: float
    dt_max: float
    irregularity: float
    observed: float
    names: tuple[str, ...]
    units: tuple[str, ...]
    time_unit: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    nan: tuple[int, ...]
    infinite: tuple[int, ...]
    constant: tuple[str, ...]
    outside: int
    condition_dim: int
    problem: str
    command: str

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def inspection(data: Any, **layout: Any) -> Inspection:
    """Look at an ensemble or at a file, NaN and all.

    Args:
        data: `Snapshots`, `Trajectories`, or a path.
        layout: as the keywords of `noneq.data.read`, for a path.

    Raises:
        InvalidInput: no such file, or nothing in it that could be an ensemble.
        DataFileError: the file is damaged or unsafe.
    """
    if isinstance(data, Snapshots | Trajectories):
        return _look(_as_raw(data), Layout(), "FILE")
    raw, given = read_raw(data, **layout)
    own = "sha256" in raw.record
    raw = _as_raw(build(raw, given, "error")) if own else selected(raw, given.components)
    found = _look(raw, given, shlex.quote(str(data)))
    if limit := layout.get("unpack_limit"):
        return replace(found, command=f"{found.command} --unpack-limit {limit:g}")
    return found


def _as_raw(data: Snapshots | Trajectories) -> Raw:
    if isinstance(data, Trajectories):
        index, mask = None, data.mask
    else:
        index, mask = data.time_index, None
    labels = data.labels() | {"domain": domain_record(data.domain)}
    return Raw(data.values, data.times, index, mask, data.condition, labels)


def _look(raw: Raw, layout: Layout, file: str) -> Inspection:
    labels = labels_of(raw)
    states, counts = _states(raw)
    columns = [_describe(states[:, i]) for i in range(states.shape[1])]
    mean, std, low, high, nan, infinite = zip(*columns, strict=True)
    steps = np.diff(raw.times) if raw.times.size > 1 else np.full(1, np.nan)
    median = float(np.median(steps))
    problem = _problem(raw, layout, len(states))
    condition_dim = 0 if raw.condition is None else raw.condition[0].size
    constant = [
        name
        for name, lowest, highest in zip(labels["names"], low, high, strict=True)
        if lowest == highest and len(states) > 1
    ]
    paired = raw.time_index is None
    return Inspection(
        kind="trajectories" if paired else "snapshots",
        n=len(raw.values),
        event_shape=states.shape[1:],
        times=tuple(raw.times.tolist()),
        counts=tuple(counts.tolist()),
        dt_min=float(steps.min()),
        dt_median=median,
        dt_max=float(steps.max()),
        irregularity=float(np.ptp(steps)) / median if raw.times.size > 2 else 0.0,
        observed=len(states) / (len(raw.values) * raw.times.size) if paired else 1.0,
        names=labels["names"],
        units=labels["units"],
        time_unit=labels["time_unit"],
        mean=mean,
        std=std,
        low=low,
        high=high,
        nan=nan,
        infinite=infinite,
        constant=tuple(constant),
        outside=_outside(labels["domain"], states),
        condition_dim=condition_dim,
        problem=problem,
        command=_command(file, layout, states.shape[1], sum(nan) + sum(infinite) > 0),
    )


def _states(raw: Raw) -> tuple[np.ndarray, np.ndarray]:
    """All observed states ``(N, *event_shape)`` and the number of them at each time."""
    values = as_floats(raw.values, "values")
    if raw.time_index is not None:
        values = values[:, None] if values.ndim == 1 else values
        return values, np.bincount(raw.time_index, minlength=raw.times.size)
    values = values[..., None] if values.ndim == 2 else values
    mask = np.ones(values.shape[:2], bool) if raw.mask is None else raw.mask
    return values[mask], mask.sum(axis=0)


def _describe(column: np.ndarray) -> tuple[float, float, float, float, int, int]:
    """Mean, standard deviation, lowest, highest (of the finite entries), NaN, infinite."""
    finite = column[np.isfinite(column)].astype(np.float64)
    nan = int(np.isnan(column).sum())
    infinite = column.size - finite.size - nan
    if not finite.size:
        return np.nan, np.nan, np.nan, np.nan, nan, infinite
    low, high = float(finite.min()), float(finite.max())
    with np.errstate(over="ignore"):
        return float(finite.mean()), float(finite.std()), low, high, nan, infinite


def _outside(domain: AbstractDomain, states: np.ndarray) -> int:
    if domain.bounds is None:
        return 0
    rest = (1,) * (states.ndim - 2)
    low, high = (np.reshape(b, (-1, *rest)) for b in domain.bounds)
    return int(((states < low) | (states > high)).sum())


def _problem(raw: Raw, layout: Layout, count: int) -> str:
    try:
        check_float32(build(raw, layout, "mask"))
    except NoneqError as error:
        return str(error)
    return "" if count > 1 else "one sample is too little to learn from; give at least 2."


def _command(file: str, layout: Layout, count: int, missing: bool) -> str:
    words = ["noneq fit ScoreMatching", file, "-o run/"]
    if layout.time:
        words.append(f"--time-column {shlex.quote(layout.time)}")
    if layout.trajectory:
        words.append(f"--trajectory-column {shlex.quote(layout.trajectory)}")
    words += [f"--condition-column {shlex.quote(name)}" for name in layout.condition]
    if layout.kind:
        words.append(f"--kind {layout.kind}")
    if missing:
        words.append("--drop-missing")
    if layout.components or count > _MANY_COMPONENTS:
        words.append(f"--components {layout.components or _MANY_COMPONENTS}")
    return " ".join(words)
