"""The one gradient loop: compiled chunks over an `Objective`, resumable at every chunk.

Batch and noise of step i are pure functions of (key, i), so a resumed run needs no data
position. One compile serves every seed and all settings that are numbers (`Pace`, and the
floats of model and objective); what sets shapes, and words, are parts of the program.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, PyTree

from noneq import devices
from noneq._typing import Key, Scalar
from noneq.constant import learnable
from noneq.errors import DataFileError, FitDiverged, InvalidInput
from noneq.learning.checkpoints import Checkpoint, Stop
from noneq.learning.guard import START, Guard
from noneq.learning.objectives import AbstractObjective, HasHoveringLoss
from noneq.learning.training import Pace, Training
from noneq.learning.watching import told
from noneq.learning.windows import Window, Windows, by_windows
from noneq.traced import jit


class Carry(NamedTuple):
    """Everything that changes from step to step; parameters and averages are flat vectors.

    One vector in place of a dozen arrays: Adam, clipping and averaging are then a few large
    operations, which on CPUs is a quarter of the time of a step.
    """

    step: Array
    free: Array
    optimiser: PyTree
    ema: Array
    objective: PyTree
    bad: Array


def flat(model: Any) -> Array:
    """The learnable arrays of a model as one vector."""
    return ravel_pytree(eqx.filter(model, learnable(model)))[0]


def with_parameters(model: Any, vector: Array) -> Any:
    """The model with its learnable arrays taken from a vector."""
    free, fixed = eqx.partition(model, learnable(model))
    return eqx.combine(ravel_pytree(free)[1](vector), fixed)


def begun(model: Any, objective: AbstractObjective, pace: Pace, *, key: Key) -> Carry:
    """The state before the first step."""
    start = flat(model)
    return Carry(
        step=jnp.zeros((), jnp.int32),
        free=start,
        optimiser=pace.adam.init(start),
        ema=start,
        objective=objective.init(model, key=key),
        bad=jnp.asarray(False),
    )


def _batch(rows: PyTree, size: int, key: Key) -> PyTree:
    """``size`` random rows (0: all rows), spread over all devices if their number divides it."""
    if isinstance(rows, Window):
        rows, count = rows
    else:
        count = jax.tree.leaves(rows)[0].shape[0]
    if size == 0:
        return rows
    index = jax.random.randint(key, (size,), 0, count)
    return devices.shared(jax.tree.map(lambda a: a[index], rows), size)


def _grad(
    carry: Carry, model: Any, objective: AbstractObjective, rows: PyTree, size: int, key: Key
) -> tuple[Scalar, PyTree, PyTree]:
    batch_key, noise_key = jax.random.split(jax.random.fold_in(key, carry.step))
    batch = _batch(rows, size, batch_key)
    return objective.grad(with_parameters(model, carry.free), carry.objective, batch, key=noise_key)


def one_step(
    carry: Carry,
    model: Any,
    objective: AbstractObjective,
    rows: PyTree,
    batch: int,
    pace: Pace,
    key: Key,
) -> tuple[Carry, Scalar]:
    """One step of the optimiser, and the loss before it."""
    loss, grads, memory = _grad(carry, model, objective, rows, batch, key)
    slope = ravel_pytree(grads)[0]
    bad = ~(jnp.isfinite(loss) & jnp.isfinite(optax.tree.norm(slope)))
    direction, moments = pace.adam.update(slope, carry.optimiser)
    rate = pace.rate_at(carry.step).astype(carry.free.dtype)
    free = carry.free - rate * jnp.asarray(direction)
    # Early averages forget the random start: decay rises with the step.
    decay = jnp.minimum(pace.ema, (1 + carry.step) / (10 + carry.step))
    ema = free + decay * (carry.ema - free)
    return Carry(carry.step + 1, free, moments, ema, memory, bad), loss


@jit
def _advance(
    carry: Carry,
    model: Any,
    objective: AbstractObjective,
    rows: PyTree,
    batch: int,
    pace: Pace,
    stop: Array,
    key: Key,
) -> tuple[Carry, Array]:
    """Step until ``stop``, or just past the first bad step; also the mean loss on the way."""
    start = carry.step

    def step(state: tuple[Carry, Array]) -> tuple[Carry, Array]:
        carry, total = state
        carry, loss = one_step(carry, model, objective, rows, batch, pace, key)
        return carry, total + loss

    go_on = lambda state: (state[0].step < stop) & ~state[0].bad
    carry, total = jax.lax.while_loop(go_on, step, (carry, jnp.zeros(())))
    return carry, total / jnp.maximum(carry.step - start, 1)


@jit
def _held_out_loss(
    carry: Carry, model: Any, objective: AbstractObjective, rows: PyTree, key: Key
) -> Scalar:
    return objective.grad(with_parameters(model, carry.ema), carry.objective, rows, key=key)[0]


def train(
    model: Any,
    objective: AbstractObjective,
    rows: PyTree,
    training: Training,
    *,
    key: Key,
    held_out: PyTree = None,
    progress: Callable[[int, int, dict[str, float]], None] | bool | None = None,
    checkpoint: Path | None = None,
) -> tuple[Any, dict[str, list[float]]]:
    """Follow the objective's gradient.

    Args:
        model: start; its learnable arrays are those outside `Constant`.
        objective: what to follow.
        rows: pytree of arrays with a common leading axis; a batch is random rows of it. Or the
            `Windows` of data that stay in their file.
        training: settings.
        held_out: rows of the held-out part; the best model by its loss is returned.
        progress: called as progress(step, steps, row) after every chunk; an `AbstractReporter` is
            also told when a program compiles, and can preview the model.
        checkpoint: folder for the training state; one found there is resumed, bit-identically
            on the same number of devices.

    Returns:
        (model with averaged parameters, history columns). The model is the last one; the best one
        if there are held-out rows or if the loss ended far away (`noneq.learning.guard.Guard`).

    Warns:
        LossAway: the loss rose far above its best value and stays there.

    Raises:
        InvalidInput: no rows, or a checkpoint of another fit.
        DataFileError: the file of `Windows` changed or lost a chunk; the state is saved first.
        FitDiverged: a non-finite loss or gradient, naming the step and the first bad leaf.
        Interrupted: on SIGINT or SIGTERM, after saving.
    """
    report, lazy = told(progress), isinstance(rows, Windows)
    if not lazy and jax.tree.leaves(rows)[0].shape[0] < 1:
        raise InvalidInput("train: there is no row to learn from.")
    devices.check_batch(training.batch)
    rows, held_out = (rows if lazy else devices.everywhere(rows)), devices.everywhere(held_out)
    if training.batch:
        held_out = jax.tree.map(lambda a: a[: 8 * training.batch], held_out)
    init_key, step_key, held_key = jax.random.split(key, 3)
    start, pace = flat(model), training.pace
    carry = begun(model, objective, pace, key=init_key)
    best, history = start, {"step": [], "loss": []} | ({"held_out_loss": []} if held_out else {})
    saved = Checkpoint(
        checkpoint,
        {
            "training": training,
            "objective": objective,
            "key": key,
            "rows": rows.identity if isinstance(rows, Windows) else rows,
        },
    )
    advance = by_windows(
        rows,
        lambda carry, end, rows: devices.here(
            _advance(
                carry,
                model,
                objective,
                rows,
                training.batch,
                pace,
                jnp.asarray(end, jnp.int32),
                step_key,
            )
        ),
    )

    report.stage("compiling")
    with Stop() as stop:
        guard = Guard([] if hovers(objective) else _start_losses(carry, advance))
        (carry, best), history = saved.restore((carry, best), history)
        while int(carry.step) < training.steps and not _stalled(history, training.patience):
            end = min((int(carry.step) // training.chunk + 1) * training.chunk, training.steps)
            before = carry
            try:
                carry, loss = advance(before, end)
            except DataFileError as error:
                saved.save((before, best), history)
                raise saved.stopped(error, int(before.step)) from error
            if bool(carry.bad):
                # Steps are pure functions of (key, step): go again to just before the bad one.
                good, _ = advance(before, int(carry.step) - 1)
                saved.save((good, best), history)
                some = rows.at(int(good.step))[0] if isinstance(rows, Windows) else rows
                raise _diverged(good, model, objective, some, training, step_key)
            row = {"step": float(end), "loss": float(loss)}
            least = guard.best([*history["loss"], row["loss"]])
            if held_out is not None:
                value = _held_out_loss(carry, model, objective, held_out, held_key)
                row["held_out_loss"] = float(value)
                least = min([*history["held_out_loss"], float(value)])
            history = {name: [*column, row[name]] for name, column in history.items()}
            if row.get("held_out_loss", row["loss"]) <= least:
                best = carry.ema
            guard.warn(history)
            report(end, training.steps, row)
            report.preview(end, lambda carry=carry: with_parameters(model, carry.ema))
            stopping = devices.any_of(stop.asked is not None)
            saved.save((carry, best), history, only_if_due=not stopping)
            stop.raise_if_asked(end, saved.path, elsewhere=stopping)
    saved.save((carry, best), history)
    last = held_out is None and not guard.away(history["loss"])
    return with_parameters(model, carry.ema if last else best), history


def hovers(objective: AbstractObjective) -> bool:
    """Whether the loss is no measure of the fit."""
    return isinstance(objective, HasHoveringLoss) and objective.hovers


def _start_losses(carry: Carry, advance: Callable[[Carry, int], Any]) -> list[float]:
    """The loss of the start on the batches of the first steps, by the program of the training."""
    at = lambda i: carry._replace(step=jnp.asarray(i, jnp.int32))
    return [float(advance(at(i), i + 1)[1]) for i in range(START)]


def _stalled(history: dict[str, list[float]], patience: int) -> bool:
    losses = history.get("held_out_loss", [])
    return bool(patience and losses and len(losses) - 1 - int(np.argmin(losses)) >= patience)


def _diverged(
    carry: Carry, model: Any, objective: Any, rows: PyTree, training: Training, key: Key
) -> FitDiverged:
    """The error for the step that ``carry`` stands before: recompute it to name the leaf."""
    loss, grads, _ = jit(_grad)(carry, model, objective, rows, training.batch, key)
    leaf = "loss"
    if bool(jnp.isfinite(loss)):
        for path, grad in jax.tree_util.tree_leaves_with_path(grads):
            if not bool(jnp.isfinite(grad).all()):
                leaf = "gradient of " + jax.tree_util.keystr(path).lstrip(".")
                break
    step = int(carry.step)
    return FitDiverged(
        f"training met a non-finite number at step {step} (first in: {leaf}); the model of step "
        f"{step} is kept. Lower training.rate, or check the data with `noneq inspect`.",
        step=step,
        leaf=leaf,
        model=with_parameters(model, carry.ema),
    )
