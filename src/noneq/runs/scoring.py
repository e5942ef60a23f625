"""Models against data: the rows of `noneq evaluate` and `noneq compare`."""

import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from noneq._typing import Key
from noneq.data.lazy.drawing import drawn
from noneq.data.lazy.ensemble import LazyEnsemble
from noneq.data.readings.matching import matched
from noneq.data.snapshots import Snapshots
from noneq.data.trajectories import Trajectories
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.frames.checks import check_count
from noneq.kinds import checked
from noneq.learning.method import AbstractMethod
from noneq.metrics.strata import within_conditions
from noneq.needs import Needs
from noneq.runs.extras import Extra, set_apart
from noneq.runs.folders import members
from noneq.runs.measures import Measure, by_traits, measures_named, needs
from noneq.runs.rows import Row, combine, over_times, row_of
from noneq.runs.sampling import generate, generate_like
from noneq.store import add_rows, fingerprint, load
from noneq.traits import AbstractModel, require


_DRAWN = 10_000
"""Samples of each time that a model is compared with of data that stay in their file."""
_DRAW = 2**31 - 1
"""What sets their key apart from those of the members of an ensemble."""


@checked
def score(
    model: AbstractModel,
    reference: Snapshots | Trajectories,
    metrics: Sequence[str] | Mapping[str, Measure] = (),
    *,
    case: str = "data",
    method: str = "",
    n: int = 1000,
    frames: int = 20,
    truth: Snapshots | Trajectories | None = None,
    dequantise: float | None = None,
    conditional: bool = False,
    extra: Extra = Extra(),
    key: Key,
) -> list[Row]:
    """One row per metric: mean over at most ``frames`` times, with error and floor.

    A conditional model is sampled for the conditions of the reference's states and compared
    with them inside groups of like conditions (`within_conditions`).

    Args:
        model: a fitted model.
        reference: held-out data.
        metrics: names of metrics and observables (`noneq list metrics`, `thermo`, `inference`);
            none means the metrics that suit the data; or the functions by name.
        case, method: names for the rows; the model's class, if none is given.
        n: samples drawn at each time, at most as many as ``truth`` (for a conditional model also
            the reference) has.
        frames: score at no more times than this, evenly spaced.
        truth: further samples of the same law for the floor; None takes halves of the
            reference.
        dequantise: width of the noise that likelihoods of discrete data need.
        conditional: the model was fitted with conditions.
        extra: what is known of the states of the reference beside themselves.
        key: typed random key.

    Raises:
        MissingTrait: a metric asks for what the model lacks.
        InvalidInput: data and model do not fit together.
    """
    check_count(n)
    if frames < 1:
        raise InvalidInput(f"frames = {frames}; expected at least 1 time to score at.")
    _check(model, reference)
    given = isinstance(metrics, Mapping)
    chosen = metrics if given else measures_named(metrics, reference)
    method = method or type(model).__name__
    sample_key, metric_key = jax.random.split(key)
    rows, drawn = [], {}
    like = conditional and reference.condition is not None
    for name, metric in chosen.items():
        asks = needs(metric)
        paired = asks.paths
        shown = _some_times(reference, frames, paired, name)
        usual = {"dequantise": dequantise, "key": metric_key} | extra.at(reference, shown)
        takes = {key: value for key, value in usual.items() if key in asks.takes}
        if asks.of == "model":
            _check_traits(model, asks, name)
            found = metric(model, shown, **takes) if asks.metric else metric(model, **takes)
            estimate = _over_times(as_estimate(found), shown)
        else:
            if paired not in drawn:
                count, how = _count(n, truth, shown.times), {"paths": paired, "key": sample_key}
                drawn[paired] = (
                    generate_like(model, count, shown, **how)
                    if like
                    else generate(model, count, shown.times, **how)
                )
            if not asks.metric:
                found = as_estimate(metric(drawn[paired], **takes))
                rows.append(row_of(case, method, name, _over_times(found, shown)))
                continue
            if "lag" in asks.takes:
                takes["lag"] = float(np.diff(shown.times).min())
            shared = None if truth is None else _at_times(truth, shown.times)
            distance = partial(_distance, metric, takes, "truth" in asks.takes)
            compare = partial(within_conditions, distance) if like else distance
            estimate = compare(drawn[paired], shown, shared)
        rows.append(row_of(case, method, name, estimate))
    return rows


def as_estimate(value: Any) -> Estimate:
    """An estimate as it is; a plain number as an exact one."""
    if isinstance(value, Estimate):
        return value
    return Estimate(np.asarray(value), np.zeros(np.shape(value)), np.ones(np.shape(value)))


def _distance(
    metric: Measure, takes: dict[str, Any], floored: bool, samples: Any, reference: Any, truth: Any
) -> Estimate:
    """One metric, averaged over the times."""
    floor = {"truth": truth} if floored else {}
    return _over_times(as_estimate(metric(samples, reference, **floor, **takes)), reference)


def _check_traits(model: Any, asks: Needs, name: str) -> None:
    """Refuse a model that has none of the traits.

    Raises:
        MissingTrait: naming them.
    """
    if asks.traits and not isinstance(model, asks.traits):
        require(model, asks.traits[0], name)


def _over_times(estimate: Estimate, reference: Snapshots | Trajectories) -> Estimate:
    return over_times(estimate, same_paths=isinstance(reference, Trajectories))


def chain_rows(model: Any, *, case: str, method: str) -> list[Row]:
    """What the chain of hidden states does: exact numbers of the fitted model, without floor.

    A chain without these numbers (reducible; infinite dissipation; periodic) gets no row, but a
    warning that says why.
    """
    rows = []
    for name, observable in by_traits(model).items():
        try:
            value = observable(model)
        except InvalidInput as reason:
            warnings.warn(f"no rows for the hidden chain of {method}: {reason}", stacklevel=2)
            return []
        if np.isfinite(value):
            rows.append(Row(case, method, name, value, 0.0))
        else:
            warnings.warn(f"{method}: the {name} of its chain is infinite; no row.", stacklevel=2)
    return rows


def _count(n: int, truth: Snapshots | Trajectories | None, times: np.ndarray) -> int:
    """No more samples than the truth has at any of the times: the floor is for equal sizes."""
    return n if truth is None else min(n, int(_at_times(truth, times).counts.min()))


def noise_width(method: AbstractMethod) -> float | None:
    """The noise that a method was told to fill the gaps of discrete data with."""
    return vars(method).get("dequantise")


def _check(model: Any, reference: Snapshots | Trajectories) -> None:
    if tuple(model.event_shape) != tuple(reference.event_shape):
        raise InvalidInput(
            f"the data have states of shape {reference.event_shape}, the model "
            f"{model.event_shape}; give the same --components as for the fit."
        )


def _some_times(
    data: Snapshots | Trajectories, count: int, paired: bool, name: str
) -> Snapshots | Trajectories:
    """Evenly spaced times of the data, with the next time of each if pairs are needed."""
    if paired and not (isinstance(data, Trajectories) and data.times.size > 1):
        raise InvalidInput(f"{name} needs trajectories with at least two times; leave it out.")
    last = data.times.size - 1 - paired
    index = np.unique(np.linspace(0, last, min(count, last + 1)).round().astype(int))
    index = np.union1d(index, index + 1) if paired else index
    return _at_times(data, data.times[index])


def _at_times(data: Snapshots | Trajectories, times: np.ndarray) -> Snapshots | Trajectories:
    """The data at those of the times that it has."""
    shared = [
        t for t in times if np.abs(data.times - t).min() <= 1e-6 * max(1.0, np.ptp(data.times))
    ]
    return data if len(shared) == data.times.size else data.hold_out(shared)[1]


@checked
def evaluate(
    folder: str | Path,
    data: Snapshots | Trajectories | LazyEnsemble,
    metrics: Sequence[str] = (),
    *,
    case: str = "data",
    n: int = 1000,
    frames: int = 20,
    seed: int = 0,
    trust: bool = False,
) -> list[dict[str, Any]]:
    """Score a run and add the rows to its ``metrics.json``.

    With an ensemble over seeds the error is the larger of sampling noise and spread over seeds.
    Models get rows for the observables of their traits too: `chain_rows`.

    Args:
        folder: of a run, or of an ensemble over seeds.
        data: data that the fit has not seen; of those that stay in their file 10,000 samples of each
            time (or 10 ``n`` if these are more) are drawn at random, or as many trajectories.
        metrics, case, n, frames: as in `score`.
        seed: of the random key.
        trust: allow a run whose method is code outside noneq.

    Raises:
        InvalidInput, MissingTrait: as in `score`, or no finished run in the folder.
    """
    mark = None
    if isinstance(data, LazyEnsemble):
        draw_key = jax.random.fold_in(jax.random.key(seed), _DRAW)
        mark, data = fingerprint(data), drawn(data, max(_DRAWN, 10 * n), key=draw_key)
    chosen = measures_named(metrics, data, trust=trust)
    scored, trained_on, seen_data = [], set(), data
    for i, member in enumerate(members(Path(folder))):
        fit = load(member, trust=trust)
        trained_on.add(fit.meta.get("data", {}).get("fingerprint"))
        key = jax.random.fold_in(jax.random.key(seed), i)
        name = type(fit.method).__name__
        sees = fit.summary.names, fit.summary.condition_names
        states, extra = set_apart(data, *sees, vars(fit.method).get("lineage"))
        seen_data = matched(states, fit.summary)
        rows = score(
            fit.model, seen_data, chosen, case=case, method=name, n=n, frames=frames,
            dequantise=noise_width(fit.method), key=key,
            conditional=fit.summary.condition_dim > 0, extra=extra,
        )  # fmt: skip
        seen = {row.metric for row in rows}
        more = chain_rows(fit.model, case=case, method=name)
        scored.append(rows + [row for row in more if row.metric not in seen])
    if (mark or fingerprint(seen_data)) in trained_on:
        warnings.warn(
            f"{folder} was fitted to these data; numbers on data it has not seen may be worse "
            "(`noneq compare` keeps some back).",
            stacklevel=2,
        )
    rows = combine([tuple(part) for part in scored])
    add_rows(folder, rows)
    return rows
