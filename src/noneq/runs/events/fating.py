"""Fates of the states of a data set under a fitted model."""

from collections.abc import Mapping
from pathlib import Path

import jax
import numpy as np

from noneq.data.checks import nearest
from noneq.data.readings.matching import matched
from noneq.data.snapshots import Snapshots
from noneq.data.trajectories import Trajectories
from noneq.errors import InvalidInput
from noneq.inference.fates import Fates, fate_probabilities
from noneq.inference.regions import regions_of
from noneq.kinds import checked
from noneq.store import load


@checked
def fates(
    folder: str | Path,
    data: Snapshots | Trajectories,
    *,
    regions: Mapping[str, str] | None = None,
    by: str | None = None,
    clusters: int | None = None,
    start: float | None = None,
    end: float | None = None,
    states: int = 200,
    paths: int = 100,
    seed: int = 0,
    trust: bool = False,
) -> Fates:
    """Fate probabilities of states of the data, by paths of a run's model.

    Fates are ``regions``, or the values of the condition ``by`` among the states of the last snapshot,
    or its ``clusters`` (None of the three: as many as are clear).

    Args:
        folder: of a run.
        data: with the coordinates of the run.
        regions: inequalities of the coordinates by name, ``{"right": "x > 0"}``.
        by: name of a condition of the data.
        clusters: how many.
        start, end: times; None takes the first and the last one of the data.
        states: at most so many states of the data at ``start``.
        paths: from each of them.
        seed: of the random key.
        trust: allow a run whose method is code outside noneq.

    Raises:
        InvalidInput: a start that is no time of the data, fates that overlap or are not found, a model
            with conditions.
        MissingTrait: a model without paths.
    """
    fit = load(Path(folder), trust=trust)
    if fit.summary.condition_dim:
        raise InvalidInput(
            "fates: the model has conditions; call fate_probabilities(..., condition=) from Python."
        )
    flat = data.snapshots()
    found = matched(flat, fit.summary).snapshots()
    begin = float(found.times[0] if start is None else start)
    here = np.flatnonzero(found.time_index == nearest(found.times, begin))
    start_key, key = jax.random.split(jax.random.key(seed))
    here = here[np.asarray(jax.random.permutation(start_key, len(here)))[:states]]
    return fate_probabilities(
        fit.model,
        found.values[here],
        regions_of(found, texts=regions, by=by, clusters=clusters),
        start=begin,
        end=float(found.times[-1] if end is None else end),
        paths=paths,
        names=found.names,
        key=key,
    )
