"""Models against data: the rows of `noneq evaluate` and `noneq compare`."""

import inspect
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from noneq._typing import Key
from noneq.data.snapshots import Snapshots
from noneq.data.trajectories import Trajectories
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.learning.method import AbstractMethod
from noneq.metrics.strata import within_conditions
from noneq.runs.folders import members
from noneq.runs.rows import Row, combine, over_times, row_of
from noneq.runs.sampling import generate, generate_like
from noneq.spec import public, unknown
from noneq.store import add_rows, fingerprint, load
from noneq.thermo import entropy_production, mixing_time, self_transition
from noneq.traits import HasChain


def known_metrics() -> dict[str, Callable[..., Estimate]]:
    """The metrics: functions of a model or samples, and a reference."""
    return {name: f for name, f in public("metrics").items() if "reference" in _takes(f)}


def metrics_named(names: Sequence[str], data: Any) -> dict[str, Callable[..., Estimate]]:
    """Metrics by name; none named means those that suit the data.

    Raises:
        InvalidInput: an unknown name.
    """
    known = known_metrics()
    if not names:
        cells = int(np.prod(data.event_shape)) <= 3
        names = [*(["jensen_shannon"] if cells else []), "sliced_w2", "energy_distance"]
    for name in names:
        if name not in known:
            raise unknown("metric", name, known)
    return {name: known[name] for name in names}


def score(
    model: Any,
    reference: Snapshots | Trajectories,
    metrics: Sequence[str] = (),
    *,
    case: str = "data",
    method: str = "",
    n: int = 1000,
    frames: int = 20,
    truth: Snapshots | Trajectories | None = None,
    dequantise: float | None = None,
    conditional: bool = False,
    key: Key,
) -> list[Row]:
    """One row per metric: mean over at most ``frames`` times, with error and floor.

    A conditional model is sampled for the conditions of the reference's states and compared
    with them inside groups of like conditions (`within_conditions`).

    Args:
        model: a fitted model.
        reference: held-out data.
        metrics: names (`noneq list metrics`); none means those that suit the data.
        case, method: names for the rows; the model's class, if none is given.
        n: samples drawn at each time, at most as many as ``truth`` (for a conditional model also
            the reference) has.
        frames: score at no more times than this, evenly spaced.
        truth: further samples of the same law for the floor; None takes halves of the
            reference.
        dequantise: width of the noise that likelihoods of discrete data need.
        conditional: the model was fitted with conditions.
        key: typed random key.

    Raises:
        MissingTrait: a metric asks for what the model lacks.
        InvalidInput: data and model do not fit together.
    """
    _check(model, reference)
    chosen, method = metrics_named(metrics, reference), method or type(model).__name__
    sample_key, metric_key = jax.random.split(key)
    rows, drawn = [], {}
    like = conditional and reference.condition is not None
    for name, metric in chosen.items():
        paired = "lag" in _takes(metric)
        shown = _some_times(reference, frames, paired, name)
        if "model" in _takes(metric):
            given = {"dequantise": dequantise, "key": metric_key}
            takes = {name: value for name, value in given.items() if name in _takes(metric)}
            estimate = _over_times(metric(model, shown, **takes), shown)
        else:
            if paired not in drawn:
                count, how = _count(n, truth, shown.times), {"paths": paired, "key": sample_key}
                drawn[paired] = (
                    generate_like(model, count, shown, **how)
                    if like
                    else generate(model, count, shown.times, **how)
                )
            lag = {"lag": float(np.diff(shown.times).min())} if paired else {}
            shared = None if truth is None else _at_times(truth, shown.times)
            distance = lambda x, y, z, metric=metric, lag=lag: _over_times(
                metric(x, y, truth=z, key=metric_key, **lag), y
            )
            compare = partial(within_conditions, distance) if like else distance
            estimate = compare(drawn[paired], shown, shared)
        rows.append(row_of(case, method, name, estimate))
    return rows


def _over_times(estimate: Estimate, reference: Snapshots | Trajectories) -> Estimate:
    return over_times(estimate, same_paths=isinstance(reference, Trajectories))


def chain_rows(model: Any, *, case: str, method: str) -> list[Row]:
    """What the chain of hidden states does: exact numbers of the fitted model, without floor.

    A chain without these numbers (reducible; infinite dissipation; periodic) gets no row, but a
    warning that says why.
    """
    if not isinstance(model, HasChain):
        return []
    rows = []
    for observable in (entropy_production, self_transition, mixing_time):
        name = observable.__name__
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


def _takes(function: Callable) -> set[str]:
    return set(inspect.signature(function).parameters)


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


def evaluate(
    folder: str | Path,
    data: Snapshots | Trajectories,
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
    Models with a chain of hidden states (`HasChain`) get rows for it too: `chain_rows`.

    Args:
        folder: of a run, or of an ensemble over seeds.
        data: data that the fit has not seen.
        metrics, case, n, frames: as in `score`.
        seed: of the random key.
        trust: allow a run whose method is code outside noneq.

    Raises:
        InvalidInput, MissingTrait: as in `score`, or no finished run in the folder.
    """
    chosen = list(metrics_named(metrics, data))
    scored, trained_on = [], set()
    for i, member in enumerate(members(Path(folder))):
        fit = load(member, trust=trust)
        trained_on.add(fit.meta.get("data", {}).get("fingerprint"))
        key = jax.random.fold_in(jax.random.key(seed), i)
        name = type(fit.method).__name__
        rows = score(
            fit.model, data, chosen, case=case, method=name, n=n, frames=frames,
            dequantise=noise_width(fit.method), key=key,
            conditional=fit.summary.condition_dim > 0,
        )  # fmt: skip
        scored.append(rows + chain_rows(fit.model, case=case, method=name))
    if fingerprint(data) in trained_on:
        warnings.warn(
            f"{folder} was fitted to these data; numbers on data it has not seen may be worse "
            "(`noneq compare` keeps some back).",
            stacklevel=2,
        )
    rows = combine([tuple(part) for part in scored])
    add_rows(folder, rows)
    return rows
