"""Several methods on the same data, fitted on one part and scored on the rest."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax

from noneq.data.readings.velocities import PREFIX
from noneq.data.snapshots import Snapshots
from noneq.data.trajectories import Trajectories
from noneq.errors import Interrupted, InvalidInput, NoneqError, WriteFailed
from noneq.kinds import checked
from noneq.learning.method import AbstractMethod, Progress
from noneq.learning.watching import Part
from noneq.methods.bridges.references.velocities import learns_velocities
from noneq.progress import AbstractReporter
from noneq.runs.baselines import baselines
from noneq.runs.extras import set_apart
from noneq.runs.fitting import fit_seeds
from noneq.runs.measures import Measure, measures_named, needs
from noneq.runs.rows import Row, combine
from noneq.runs.scoring import noise_width, score
from noneq.store import add_rows, fingerprint


TRAINING_PART = 0.8


@checked
def compare(
    methods: Sequence[AbstractMethod],
    data: Snapshots | Trajectories,
    folder: str | Path,
    metrics: Sequence[str] = (),
    *,
    case: str = "data",
    hold_out: Sequence[float] = (),
    n: int = 1000,
    frames: int = 20,
    seed: int = 0,
    seeds: int = 1,
    record: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    trust: bool = False,
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Rows of all methods, and what failed.

    With ``hold_out`` there are also rows of what one has without training
    (`noneq.runs.baselines`), for the metrics of samples; `noneq.runs.verdicts` says what the rows
    mean. A method that fails costs only its own rows. Runs that are there already (same method, data
    and seed) are taken as they are, so the same command goes on where it was stopped.

    Args:
        methods: what to compare.
        data: split into a training part (80 %) and a test part, or by ``hold_out``.
        folder: gets one run folder per method and ``metrics.json``.
        metrics: names; none means those that suit the data.
        case: name of the data in the rows.
        hold_out: times to leave out of training and to score on.
        n, frames: samples at each scored time, and the most times to score.
        seed, seeds: base seed, and how many fits per method.
        record, progress: as in `noneq.runs.fit`.
        trust: allow metrics, and fits that are there already, with code outside noneq.

    Raises:
        InvalidInput: an unknown metric, or nothing that could be scored.
        Interrupted, WriteFailed: as in `noneq.runs.fit`; what is finished is kept.
    """
    if not methods:
        raise InvalidInput("no method to compare; give at least one.")
    folder, facts = Path(folder), dict(record or {})
    chosen = measures_named(metrics, data, trust=trust)
    # Of all data, not of the part that a fit sees: the file can be read again and recognised.
    whole = {"n": data.n, "fingerprint": fingerprint(data)}
    facts["data"] = whole | facts.get("data", {})
    split_key, score_key = jax.random.split(jax.random.key(seed))
    if hold_out:
        train, test = data.hold_out(hold_out)
        # No other sample of the truth at these times: the floor comes from halves of the test.
        truth, case = None, f"{case} t={','.join(f'{t:g}' for t in hold_out)}"
    else:
        train, test = data.split(TRAINING_PART, key=split_key)
        truth = train
    rows, failed = [], {}
    sees = _seen(methods, data)
    states, _ = set_apart(train, *sees)
    test, extra = set_apart(test, *sees)
    truth = None if truth is None else states
    for name, method in named(methods).items():
        try:
            if hold_out:
                _check_between(method, train, test)
            own = train if learns_velocities(method) or vars(method).get("lineage") else states
            fits = fit_seeds(
                method, own, folder / name, seed=seed, seeds=seeds, resume=True,
                record=facts, progress=_of(progress, name), trust=trust,
            )  # fmt: skip
            scored = [
                score(
                    fit.model, test, chosen, case=case, method=name, n=n, frames=frames,
                    truth=truth, dequantise=noise_width(method),
                    conditional=fit.summary.condition_dim > 0, extra=extra,
                    key=jax.random.fold_in(score_key, i),
                )
                for i, fit in enumerate(fits)
            ]  # fmt: skip
            rows += combine([tuple(part) for part in scored])
        except (Interrupted, WriteFailed):
            raise
        except NoneqError as error:
            if len(methods) == 1:
                raise
            failed[name] = str(error)
    if not rows:
        raise InvalidInput("; ".join(f"{name}: {reason}" for name, reason in failed.items()))
    if hold_out:
        # The key of the first seed, so that floors are the same.
        first = jax.random.fold_in(score_key, 0)
        rows += _untrained(states, test, chosen, case=case, n=n, frames=frames, key=first)
    add_rows(folder, rows)
    return rows, failed


def _seen(methods: Sequence[AbstractMethod], data: Any) -> tuple[list[str], list[str], str | None]:
    """Coordinates and conditions that all of the methods see, and the column of clones.

    What one of them learns from, velocities or clones, is no state or condition of the others.
    """
    apart = any(map(learns_velocities, methods))
    names = [name for name in data.names if not (apart and name.startswith(PREFIX))]
    columns = [name for name in (vars(method).get("lineage") for method in methods) if name]
    conditions = [name for name in data.condition_names if name not in columns]
    return names, conditions, columns[0] if columns else None


def _check_between(method: AbstractMethod, train: Any, test: Any) -> None:
    """Refuse held-out times beyond the snapshots that a transport connects.

    Raises:
        InvalidInput: naming the time.
    """
    low, high = train.times[0], train.times[-1]
    beyond = [float(t) for t in test.times if not low < t < high]
    if type(method).between_times and beyond:
        raise InvalidInput(
            f"{type(method).__name__} connects snapshots: with time {beyond[0]:g} left out it knows "
            f"{low:g} to {high:g}, and nothing of what lies beyond. Hold out a time between two others."
        )


def _untrained(
    train: Any, test: Any, metrics: Mapping[str, Measure], **how: Any
) -> list[dict[str, Any]]:
    """Rows of the baselines at held-out times, for the metrics that compare samples."""
    takes = {
        name: metric
        for name, metric in metrics.items()
        if needs(metric).metric and needs(metric).of != "model" and not needs(metric).paths
    }
    if not takes:
        return []
    conditional = train.condition is not None
    found, why = baselines(train, test.times.tolist())
    if why:
        warnings.warn(f"{why}.", stacklevel=3)
    scored: list[tuple[Row, ...]] = []
    for name, model in found.items():
        try:
            scored.append(
                tuple(score(model, test, takes, method=name, conditional=conditional, **how))
            )
        except NoneqError as error:
            # What was trained has its rows already.
            warnings.warn(f"no row of {name}: {error}", stacklevel=3)
    return combine(scored)


def _of(progress: Progress | None, name: str) -> Progress | None:
    """What one method tells, by its name."""
    return Part(progress, name) if isinstance(progress, AbstractReporter) else progress


def named(methods: Sequence[AbstractMethod]) -> dict[str, AbstractMethod]:
    """Methods by class name; a name that comes again gets a number."""
    result: dict[str, AbstractMethod] = {}
    for method in methods:
        name, count = type(method).__name__, 2
        while name in result:
            name, count = f"{type(method).__name__}_{count}", count + 1
        result[name] = method
    return result
