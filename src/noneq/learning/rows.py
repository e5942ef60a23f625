"""What all gradient methods of p(x, t) share: rows of a data set, and the way from data to `Fit`."""

import time as clock
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, ScalarLike
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.data.lattice import lattice_step
from noneq.data.lazy.ensemble import LazyEnsemble
from noneq.data.summary import summarise
from noneq.errors import FitDiverged, InvalidInput
from noneq.frames.normaliser import Normaliser
from noneq.learning.loop import train
from noneq.learning.method import Fit, History, Progress, check_coordinates, check_init
from noneq.learning.objectives import AbstractObjective
from noneq.learning.watching import Part, told
from noneq.learning.windows import Windows
from noneq.traced import is_on


def fit_rows(
    method: Any,
    data: Snapshots | Trajectories | LazyEnsemble,
    objective: Callable[[Any], AbstractObjective],
    *,
    read: Callable[[Any, Any], Any],
    part: Callable[[Any], Any],
    key: Key,
    init: Any,
    progress: Progress | None,
    checkpoint: Path | None,
    prepare: Callable[..., Any] | None = None,
) -> Fit:
    """The way from data to `Fit` that all gradient methods share.

    Args:
        method: with `init` and a field ``training``.
        data: what the method has checked already; of a `LazyEnsemble` one window at a time is read.
        objective: what to follow, given the model.
        read: rows to learn from, ``read(model, data)``: arrays with a common leading axis.
        part: the learnt part of the model.
        prepare: what a fresh model does with the training rows before training, as
            ``prepare(model, rows, key=)``.
    """
    check_coordinates(method, data)
    split_key, init_key, train_key, measure_key = jax.random.split(key, 4)
    began = clock.monotonic()
    held = None
    if method.training.patience:
        data, held = data.split(1 - method.training.held_out, key=split_key)
    summary = summarise(data)
    check_init(method, init, summary, part)
    model = method.init(summary, key=init_key) if init is None else init
    first = _first(data)
    learnt_from = read(model, first)
    if prepare is not None and init is None:
        model = prepare(model, learnt_from, key=measure_key)
    with ExitStack() as stack:
        if isinstance(data, LazyEnsemble):
            fitted = model
            learnt_from = Windows(
                data, lambda states: read(fitted, states), method.training, key=train_key
            )
            stack.callback(learnt_from.close)
        model, history = train_part(
            model,
            part,
            objective(model),
            learnt_from,
            method.training,
            key=train_key,
            held_out=None if held is None else read(model, _first(held)),
            progress=progress,
            checkpoint=checkpoint,
        )
    return Fit(model, history, method, summary, {"seconds": clock.monotonic() - began})


def _first(data: Snapshots | Trajectories | LazyEnsemble) -> Snapshots | Trajectories:
    """The data, or some of those that stay in their file."""
    return data.window(0, 0) if isinstance(data, LazyEnsemble) else data


def train_part(
    model: Any, part: Callable[[Any], Any], *args: Any, **settings: Any
) -> tuple[Any, History]:
    """`noneq.learning.loop.train` on a part of a model; also what a divergence keeps."""
    whole = lambda learnt: eqx.tree_at(part, model, learnt)
    settings["progress"] = Part(told(settings.get("progress")), whole=whole)
    try:
        learnt, history = train(part(model), *args, **settings)
    except FitDiverged as error:
        error.model = whole(error.model)
        raise
    return whole(learnt), history


def rows(data: Snapshots | Trajectories, normaliser: Normaliser) -> dict[str, np.ndarray | None]:
    """One row per sample: normalised state, physical time, condition."""
    flat = data.snapshots()
    condition = flat.condition
    return {
        "y": normaliser.host(flat.values),
        "time": flat.sample_times.astype(np.float32),
        "condition": None if condition is None else condition.astype(np.float32),
    }


def dequantised(
    y: Float[Array, "n dim"], width: Float[Array, " dim"] | None, *, key: Key
) -> Float[Array, "n dim"]:
    """Normalised states with uniform noise on [−width/2, width/2), which keeps their mean."""
    return y if width is None else y + width * (jax.random.uniform(key, y.shape) - 0.5)


def left_open(
    condition: Float[Array, "n columns"] | None, drop: ScalarLike, *, key: Key
) -> Float[Array, "n columns"] | None:
    """Conditions of which a fraction is replaced by NaN, "not given"."""
    if condition is None or not is_on(drop):
        return condition
    keep = jax.random.uniform(key, (condition.shape[0], 1)) >= drop
    return jnp.where(keep, condition, jnp.nan)


def check_lattice(
    data: Snapshots | Trajectories | LazyEnsemble, dequantise: float | None, name: str
) -> None:
    """Refuse discrete data unless the method says what to do with them.

    Raises:
        InvalidInput: naming the spacing.
    """
    step = lattice_step(_first(data)) if dequantise is None else None
    if step is not None:
        raise InvalidInput(
            f"{name}: the values are discrete (multiples of {step:g}), so that they have no density; "
            f"set dequantise={step:g} to fill the gaps with uniform noise, or 0 to take them as "
            f"they are (command line: --set dequantise={step:g})."
        )


def check_handling(method: Any) -> None:
    """Refuse a ``drop_condition`` outside [0, 1) or a ``dequantise`` that is no width.

    Raises:
        InvalidInput: naming the method.
    """
    name, drop, width = type(method).__name__, method.drop_condition, method.dequantise
    if not 0 <= drop < 1:
        raise InvalidInput(f"{name}: drop_condition = {drop}; expected a fraction in [0, 1).")
    if width is not None and not 0 <= width < float("inf"):
        raise InvalidInput(f"{name}: dequantise = {width}; expected a width ≥ 0, or none.")
