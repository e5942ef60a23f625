"""Fits of one method to the same data with several keys, trained by one program."""

import time as clock
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from noneq import devices
from noneq._typing import Key
from noneq.data.summary import summarise
from noneq.errors import InvalidInput
from noneq.learning.gradient import AbstractLawMethod, HasFinish, HasPreparation
from noneq.learning.guard import START, Guard
from noneq.learning.loop import Carry, begun, hovers, one_step, with_parameters
from noneq.learning.method import AbstractMethod, Data, Fit, Progress, check_coordinates
from noneq.learning.objectives import AbstractObjective
from noneq.learning.training import Pace, Training
from noneq.learning.watching import watch
from noneq.traced import jit


def check_joint(method: AbstractMethod) -> None:
    """Refuse a method whose fits cannot be trained together.

    Raises:
        InvalidInput: no single gradient loop over the samples, early stopping (every member would
            stop at another step), or several processes.
    """
    name = type(method).__name__
    if not isinstance(method, AbstractLawMethod):
        raise InvalidInput(
            f"{name} does not learn by one gradient loop over the samples, so its seeds cannot train "
            "together; leave --together (together=True) out."
        )
    if method.training.patience:
        raise InvalidInput(
            f"{name}: with training.patience every seed stops at another step; leave --together "
            "(together=True) out, or set training.patience=0."
        )
    if devices.ranks() > 1:
        raise InvalidInput("seeds train together in one process; leave --processes out.")


def fit_members(
    method: AbstractMethod,
    data: Data,
    *,
    keys: Sequence[Key] | Array,
    progress: Progress | None = None,
    callback: Any = None,
) -> list[Fit]:
    """One fit a key, all trained by one program: many small networks as one large one.

    Fit i is that of ``method.fit(data, key=keys[i])`` but for rounding, and shows as its seconds its
    share of all. There are no checkpoints. If a member meets a number that is not finite, all are
    fitted one after the other instead, so that the error is that of the single fit.

    Args:
        method: one that learns p(x, t) by one gradient loop, without ``patience``.
        data, progress, callback: as in `AbstractMethod.fit`; the loss shown is the mean of all.
        keys: typed random keys, one a fit.

    Returns:
        The fits, in the order of the keys.

    Raises:
        InvalidInput: a method whose fits cannot be trained together (`check_joint`), or no key.
        FitDiverged: as the single fit.
    """
    check_joint(method)
    assert isinstance(method, AbstractLawMethod)
    if not len(keys):
        raise InvalidInput("fit_members: no key; give one for each fit.")
    began = clock.monotonic()
    check_coordinates(method, data)
    known = method.check(data)
    summary = summarise(known)
    models, rows, train_keys, finish_keys = [], None, [], []
    for key in keys:
        fit_key, finish_key = jax.random.split(key) if isinstance(method, HasFinish) else (key, key)
        _, init_key, train_key, measure_key = jax.random.split(fit_key, 4)
        model = method.init(summary, key=init_key)
        rows = method.rows_of(model, known) if rows is None else rows
        if isinstance(method, HasPreparation):
            model = method.prepare(model, rows, key=measure_key)
        models.append(model)
        train_keys.append(train_key)
        finish_keys.append(finish_key)
    parts = [method.learnt_part(model) for model in models]
    goals = [method.objective_of(model) for model in models]
    with watch(progress, callback, type(method).__name__) as report:
        trained = _train(parts, goals, rows, method.training, train_keys, report)
        if trained is None:
            return [method.fit(data, key=key, progress=report) for key in keys]
    seconds = (clock.monotonic() - began) / len(keys)
    fits = []
    for model, (part, history), finish_key in zip(models, trained, finish_keys, strict=True):
        whole = eqx.tree_at(method.learnt_part, model, part)
        fit = Fit(whole, history, method, summary, {"seconds": seconds})
        if isinstance(method, HasFinish):
            fit = replace(fit, model=method.finish(fit.model, key=finish_key))
        fits.append(fit)
    return fits


def _train(
    parts: Sequence[Any],
    goals: Sequence[AbstractObjective],
    rows: PyTree,
    training: Training,
    keys: Sequence[Key],
    report: Any,
) -> list[tuple[Any, dict[str, list[float]]]] | None:
    """`noneq.learning.loop.train` of all members.

    None if one met a number that is not finite, or if they differ in more than arrays.
    """
    rows, pace, count = devices.everywhere(rows), training.pace, len(parts)
    split = [jax.random.split(key, 3) for key in keys]
    carry = _stacked(
        [begun(p, g, pace, key=s[0]) for p, g, s in zip(parts, goals, split, strict=True)]
    )
    step_keys = jnp.stack([s[1] for s in split])
    learnt, followed = _split(parts), _split(goals)
    if learnt is None or followed is None:
        return None
    (own, fixed), (aims, rules) = learnt, followed
    advance = lambda carry, end: _advance(
        carry,
        own,
        fixed,
        aims,
        rules,
        rows,
        training.batch,
        pace,
        jnp.asarray(end, jnp.int32),
        step_keys,
    )
    report.stage("compiling")
    at = lambda i: carry._replace(step=jnp.full(count, i, jnp.int32))
    first = [] if hovers(goals[0]) else [np.asarray(advance(at(i), i + 1)[1]) for i in range(START)]
    guards = [Guard([float(losses[i]) for losses in first]) for i in range(count)]
    histories: list[dict[str, list[float]]] = [{"step": [], "loss": []} for _ in parts]
    best, done = np.array(carry.ema), 0
    while done < training.steps:
        done = min((done // training.chunk + 1) * training.chunk, training.steps)
        carry, losses = advance(carry, done)
        if bool(carry.bad.any()):
            return None
        for i, (guard, history) in enumerate(zip(guards, histories, strict=True)):
            loss = float(losses[i])
            least = guard.best([*history["loss"], loss])
            history["step"].append(float(done))
            history["loss"].append(loss)
            guard.warn(history)
            if loss <= least:
                best[i] = carry.ema[i]
        report(done, training.steps, {"step": float(done), "loss": float(losses.mean())})
    kept = [
        best[i] if guard.away(history["loss"]) else carry.ema[i]
        for i, (guard, history) in enumerate(zip(guards, histories, strict=True))
    ]
    found = [with_parameters(p, jnp.asarray(k)) for p, k in zip(parts, kept, strict=True)]
    return list(zip(found, histories, strict=True))


@jit
def _advance(
    carry: Carry,
    own: PyTree,
    fixed: PyTree,
    aims: PyTree,
    rules: PyTree,
    rows: PyTree,
    batch: int,
    pace: Pace,
    stop: Array,
    keys: Array,
) -> tuple[Carry, Array]:
    """All members to step ``stop``, or just past the first bad step of any; also their mean losses."""
    start = carry.step[0]

    def one(carry: Carry, own: PyTree, aim: PyTree, key: Key) -> tuple[Carry, Array]:
        model, objective = eqx.combine(own, fixed), eqx.combine(aim, rules)
        return one_step(carry, model, objective, rows, batch, pace, key)

    def step(state: tuple[Carry, Array]) -> tuple[Carry, Array]:
        carry, loss = jax.vmap(one)(state[0], own, aims, keys)
        return carry, state[1] + loss

    go_on = lambda state: (state[0].step[0] < stop) & ~state[0].bad.any()
    carry, total = jax.lax.while_loop(go_on, step, (carry, jnp.zeros(len(keys))))
    return carry, total / jnp.maximum(carry.step[0] - start, 1)


def _split(members: Sequence[Any]) -> tuple[Any, Any] | None:
    """The arrays of all members, stacked, and all else, which they share; None if they do not."""
    arrays, rest = zip(*(eqx.partition(member, eqx.is_array) for member in members), strict=True)
    return (_stacked(arrays), rest[0]) if bool(eqx.tree_equal(*rest)) else None


def _stacked(trees: Sequence[Any]) -> Any:
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)
