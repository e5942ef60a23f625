"""A first look at data: what is in a file, what is wrong with it, what to do next."""

import shlex
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from noneq._face import late
from noneq.data.checks import as_floats
from noneq.data.files import handling, read_lazy, read_raw, reading_of
from noneq.data.lattice import lattice_step
from noneq.data.layouts import Raw, as_raw, ensemble, labels_of
from noneq.data.lazy.ensemble import LazyEnsemble
from noneq.data.pictures import picture as picture
from noneq.data.readings.options import Reading, words as options
from noneq.data.readings.refinement import build, refine
from noneq.data.readings.understanding import Understanding
from noneq.data.scales.normalisation import normalisation
from noneq.data.snapshots import Snapshots
from noneq.data.summary import check_float32
from noneq.data.trajectories import Trajectories
from noneq.domains import AbstractDomain
from noneq.errors import NoneqError


_MANY_COMPONENTS = 50
_MANY_LEVELS = 64
_CODES = (-9.0, -99.0, -999.0, -9999.0, -99999.0, 999.0, 9999.0, 99999.0, 1e20, 9.96921e36)
_FAR = 8


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
        condition_names, categories: names of its columns and of their categories, where they have
            any.
        understood: what each part of the file was taken for, or None for data in memory.
        warnings: what would give wrong numbers if it is not what it seems.
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
    condition_names: tuple[str, ...]
    categories: tuple[tuple[str, ...], ...]
    understood: Understanding | None
    warnings: tuple[str, ...]
    problem: str
    command: str

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def inspection(data: Any, *, lazy: bool = False, **how: Any) -> Inspection:
    """Look at an ensemble or at a file, NaN and all.

    Args:
        data: `Snapshots`, `Trajectories`, `LazyEnsemble`, or a path.
        lazy: read a path a few chunks at a time, as `noneq.data.read` does.
        how: the keywords of `noneq.data.read`, for a path.

    Raises:
        InvalidInput: no such file, or nothing in it that could be an ensemble.
        DataFileError: the file is damaged or unsafe.
    """
    if isinstance(data, Snapshots | Trajectories):
        return _look(as_raw(data), Reading(), "FILE")
    asked = reading_of(**how)
    if lazy or isinstance(data, LazyEnsemble):
        stays = data if isinstance(data, LazyEnsemble) else read_lazy(data, asked)
        name = shlex.quote(str(stays.path))
        return late("noneq.data.lazy.look", "look")(stays, name)
    raw, reading = read_raw(data, asked)
    file = shlex.quote(str(data))
    if "sha256" in raw.record:
        return _look(as_raw(build(raw, reading, handling(reading))), asked, file)
    return _look(refine(raw, reading), asked, file)


def _look(raw: Raw, reading: Reading, file: str) -> Inspection:
    labels = labels_of(raw)
    states, counts = _states(raw)
    columns = [_describe(states[:, i]) for i in range(states.shape[1])]
    mean, std, low, high, nan, infinite = zip(*columns, strict=True)
    steps = np.diff(raw.times) if raw.times.size > 1 else np.full(1, np.nan)
    median = float(np.median(steps))
    problem = _problem(raw, len(states))
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
        condition_names=labels["condition_names"] if condition_dim else (),
        categories=labels["categories"] if condition_dim else (),
        understood=raw.understood,
        warnings=(*_drawn(labels["drawn_from"]), *doubts(states, labels["names"])),
        problem=problem,
        command=_command(
            _advice(raw, states), file, reading, states.shape[1], sum(nan) + sum(infinite) > 0
        ),
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


def _problem(raw: Raw, count: int) -> str:
    try:
        data = ensemble(raw, "mask")
        check_float32(data)
        normalisation(data.snapshots())
    except NoneqError as error:
        return str(error)
    return "" if count > 1 else "one sample is too little to learn from; give at least 2."


def _advice(raw: Raw, states: np.ndarray) -> str:
    """What suits the kind of data: dynamics for paths, a held-out time for snapshots, a discrete
    model for few levels; samples of a model are no data to learn from."""
    if run := labels_of(raw)["drawn_from"]:
        return f"noneq report {shlex.quote(run)}"
    if raw.time_index is None and raw.times.size > 1:
        return "noneq fit Transition"
    step = lattice_step(Snapshots(np.nan_to_num(states[:10_000].astype(np.float64))))
    if step is not None:
        return _discrete(states[np.isfinite(states)], step)
    if raw.times.size > 2:
        middle = raw.times[raw.times.size // 2]
        return f"noneq compare --methods ScoreMatching,FlowMatching --hold-out {middle:.15g}"
    return "noneq fit ScoreMatching"


def _discrete(values: np.ndarray, step: float) -> str:
    """Units with a number for each level where there are few; else noise that fills the gaps."""
    levels = np.unique(values).size
    if levels > min(_MANY_LEVELS, values.size // 4):
        return f"noneq fit ScoreMatching --set dequantise={step:g}"
    units = f" --set visible=CategoricalUnits --set visible.levels={levels}"
    return "noneq fit Autoregressive" + (units if levels > 2 else "")


def _command(advice: str, file: str, reading: Reading, count: int, missing: bool) -> str:
    if advice.startswith("noneq report"):
        return advice
    words = [advice, file, "-o run/", *options(reading)]
    if missing:
        words.append("--drop-missing")
    if not reading.components and count > _MANY_COMPONENTS:
        words.append(f"--components {_MANY_COMPONENTS}")
    return " ".join(words)


def _drawn(run: str) -> list[str]:
    """That the file holds no data."""
    return [f"these are samples of the model in {run}, no data to learn from"] if run else []


def _transform(column: np.ndarray) -> str:
    """The scale that draws outliers in."""
    return "log" if column.min() > 0 else "log1p" if column.min() > -1 else "asinh"


def doubts(states: np.ndarray, names: tuple[str, ...]) -> list[str]:
    """Numbers that look like codes for missing entries, and outliers that would set the scale."""
    found = []
    columns = states.reshape(len(states), states.shape[1], -1)
    for i, name in enumerate(names):
        column = columns[:, i].ravel()
        column = column[np.isfinite(column)].astype(np.float64)
        if column.size < _FAR:
            continue
        present = [c for c in _CODES if np.isclose(column, c, rtol=1e-6, atol=0).any()]
        # Codes may be so many that they would set the quantiles.
        rest = column[~np.isclose(column[:, None], present, rtol=1e-6, atol=0).any(1)]
        low, middle, high = np.quantile(rest if rest.size else column, [0.05, 0.5, 0.95])
        reach = max(high - low, 1e-300)
        far = np.abs(column - middle) > _FAR * reach
        codes = [c for c in present if abs(c - middle) > _FAR * reach] if rest.size else []
        for code in codes:
            count = int(np.isclose(column, code, rtol=1e-6, atol=0).sum())
            found.append(
                f"{name} is {code:g} in {count} places, far from the rest: if that marks missing "
                f"entries, add --missing {code:g}"
            )
        others = int(far.sum())
        if others and not codes and column.std() > 3 * reach:
            worst = column[np.argmax(np.abs(column - middle))]
            found.append(
                f"{name} has {others} outliers such as {worst:.4g} that set its scale (90 % lie "
                f"between {low:.4g} and {high:.4g}): --read scaling=robust measures it by median and "
                f"quartiles, --read transform={name}:{_transform(column)} draws them in"
            )
    return found
