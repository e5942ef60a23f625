"""Rare events by motion that is made to do them, learnt from the paths of a splitting."""

from dataclasses import replace
from typing import Any

import jax
import numpy as np

from noneq._typing import Key
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.inference.rare.conditioned import ConditionedPaths, conditioned_paths
from noneq.inference.rare.doob_score import score_transform
from noneq.inference.rare.outcome import RareEvent
from noneq.inference.rare.populations.retraced import Path
from noneq.simulation import LearntSystem
from noneq.systems.base import AbstractDiffusion
from noneq.traits import AbstractModel


TEACHERS = 500
"""Paths of the splitting that the push is learnt from, at most."""
_FEW = 10
_DRAWN = 24
_PAGE = (
    "Repeats and levels are those of the splitting that taught the push; the paths are pushed ones, each "
    "from its own noise."
)


def by_doob(found: Any, asked: dict[str, Any], *, n: int, progress: Any, key: Key) -> Any:
    """What a splitting found, done anew by the Doob transform that its paths teach.

    Args:
        found: `RareFindings` of a splitting with ``TEACHERS`` paths.
        asked: ``start``, ``target``, ``avoid``, ``horizon``, ``time`` and ``step`` of the splitting.
        n: weighted paths.
        progress: as in `fit`.
        key: typed random key.

    Returns:
        the findings, with paths of the transform. Where hardly any path made it, those of the splitting
        with a note.

    Raises:
        InvalidInput: a system without drift and noise.
    """
    given = {name: value for name, value in asked.items() if value is not None}
    nature = _diffusion(found.system, given)
    event: RareEvent = found.event
    if len(event.paths) < _FEW:
        few = f"Only {len(event.paths)} paths made it, too few to learn from: this is by splitting."
        return replace(found, notes=(few, *found.notes))
    fit_key, test_key = jax.random.split(key)
    made = score_transform(nature, event.paths, progress=progress, key=fit_key, **given)
    weighted = conditioned_paths(made, n=n, keep=min(n, 4 * _DRAWN), key=test_key, **given)
    probability = replace(weighted.probability, method="doob")
    plain = event.probability
    rows = (("probability", probability), ("splitting", plain), *_certificate(weighted, n))
    paths = [
        Path(given["time"] + t, x) for t, x in zip(weighted.times, weighted.paths, strict=True)
    ]
    return replace(
        found,
        sentence=f"probability {probability}, by splitting {plain}",
        estimates=rows,
        event=replace(event, paths=tuple(paths[:_DRAWN])),
        notes=(*sentences(probability.notes), _PAGE),
    )


def sentences(notes: tuple[str, ...]) -> tuple[str, ...]:
    """Notes with a capital letter and a full stop."""
    return tuple(f"{note[:1].upper()}{note[1:]}." for note in notes)


def _diffusion(system: Any, asked: dict[str, Any]) -> AbstractDiffusion:
    """The system, or that of a fitted model."""
    if isinstance(system, AbstractModel):
        step = asked.get("step") or asked.get("horizon", 1.0) / 1000
        system = LearntSystem(system, asked.get("time", 0.0), step)
    if not isinstance(system, AbstractDiffusion):
        raise InvalidInput(
            f"--method doob: {type(system).__name__} has no noise that could be pushed; expected a "
            "diffusion or a run of a model with a drift, or take splitting."
        )
    return system


def _certificate(found: ConditionedPaths, n: int) -> tuple[tuple[str, Estimate], ...]:
    """Share of paths that arrive, effective share, and variance of the log weights, with errors."""
    count, logs = np.asarray(n), found.log_weights
    weights = np.concatenate([np.exp(logs - logs.max()), np.zeros(n - len(logs))])
    one, two = weights.mean(), (weights**2).mean()
    slope = 2 * one * (weights - one) / two - one**2 * (weights**2 - two) / two**2
    squares = (logs - logs.mean()) ** 2
    error = lambda values: np.asarray(values.std() / np.sqrt(len(values)))
    share = found.arrived
    return (
        (
            "arrived",
            Estimate(np.asarray(share), np.asarray(np.sqrt(share * (1 - share) / n)), count),
        ),
        ("effective_share", Estimate(np.asarray(found.effective), error(slope), count)),
        (
            "log_weight_variance",
            Estimate(np.asarray(found.variance), error(squares), np.asarray(len(logs))),
        ),
    )
