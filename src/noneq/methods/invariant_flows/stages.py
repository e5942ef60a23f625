"""The two stages of a flow that keeps a law: first the score of the law, then the field."""

import time as clock
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import jax
from jaxtyping import Array

from noneq._typing import Key
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.data.summary import Summary, summarise
from noneq.learning.method import (
    Data,
    Fit,
    History,
    Progress,
    as_data,
    check_coordinates,
    check_init,
)
from noneq.learning.stages import Staged
from noneq.methods.invariant_flows.data_checks import check_states
from noneq.methods.invariant_flows.score import scored
from noneq.methods.invariant_flows.transitions import Pairs
from noneq.traits import AbstractModel


class Second(NamedTuple):
    """What the second stage starts from.

    Attributes:
        data, summary: of the fit.
        model: a flow on the score that was given or trained, its field still as drawn.
        pairs: transitions that were seen, or None.
        history: of the score's training.
        keys: four.
        progress, checkpoint: of this stage.
    """

    data: Snapshots | Trajectories
    summary: Summary
    model: Any
    pairs: Pairs | None
    history: History
    keys: Array
    progress: Progress | None
    checkpoint: Path | None


Prepare: TypeAlias = Callable[[Snapshots | Trajectories, Summary], tuple[list[str], Pairs | None]]
"""Refuses inputs before a score takes its time; gives warnings, and transitions that were seen."""

FieldStage: TypeAlias = Callable[[Second], tuple[Any, History, dict[str, Any]]]
"""The model with its field, its history, and what else the fit shall tell."""


def two_stages(
    recipe: Any,
    data: Data,
    prepare: Prepare,
    field: FieldStage,
    *,
    key: Key,
    score: AbstractModel | None,
    init: Any,
    progress: Progress | None,
    checkpoint: Path | None,
    **parts: Any,
) -> Fit:
    """Fit a flow of the recipe.

    Args:
        recipe: with the recipe of its ``score``.
        score: a fitted model; None takes that of ``init``, or trains one.
        parts: further arguments of ``recipe.init``; those that are None are left out.

    Raises:
        InvalidInput, MissingTrait: states or a score that no flow takes (`check_states`, `scored`).
    """
    began, name = clock.monotonic(), type(recipe).__name__
    keys = jax.random.split(key, 6)
    data = as_data(data)
    check_coordinates(recipe, data)
    check_states(data, name)
    summary = summarise(data)
    check_init(recipe, init, summary)
    warned, pairs = prepare(data, summary)
    staged = Staged(progress, "score", "field")
    folder = None if checkpoint is None else Path(checkpoint) / "score"
    law = scored(
        recipe.score, data, summary, score, init, name,
        key=keys[0], progress=staged.first, checkpoint=folder,
    )  # fmt: skip
    parts = {name: part for name, part in parts.items() if part is not None}
    staged.stage("preparing the field")
    model = recipe.init(summary, key=keys[1], score=law.model, **parts)
    start = Second(data, summary, model, pairs, law.history, keys[2:], staged.second, checkpoint)
    model, history, meta = field(start)
    warned = warned + meta.pop("warnings", [])
    meta["seconds"] = clock.monotonic() - began
    meta |= {"warnings": warned} if warned else {}
    return Fit(
        model, history, recipe, summary, meta, parts | ({"score": law.model} if law.given else {})
    )
