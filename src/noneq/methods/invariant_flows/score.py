"""What an invariant flow learns from: states of its law, and the law's score there."""

from dataclasses import replace
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar
from noneq.calculus import exact_divergence
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.data.summary import Summary
from noneq.errors import InvalidInput
from noneq.frames.normaliser import Normaliser
from noneq.learning.method import AbstractMethod, History
from noneq.learning.rows import rows
from noneq.methods.denoising.frozen_noise import FrozenNoise
from noneq.methods.denoising.time_scores import time_score
from noneq.methods.invariant_flows.equilibrium_flow_model import EquilibriumFlowModel
from noneq.methods.invariant_flows.known_motion import KnownField
from noneq.methods.invariant_flows.transitions import Pairs
from noneq.traced import jit
from noneq.traits import AbstractModel, HasNoising, HasScore, require


_ROWS, _NUMBERS = 2**16, 2**24
"""States after noise: so many, unless they are so many numbers."""
_MOVING_ROWS = 2**14
"""Of a law that moves, whose time derivative costs a solve each."""
_TOGETHER = 2**18


def kept_law(score: AbstractModel, noise: float) -> AbstractModel:
    """The law that a flow keeps: that of the score, with noise if it knows noise levels.

    Args:
        score: a model with the trait `HasScore`.
        noise: ratio of the noise's standard deviation to the data's.
    """
    if not isinstance(score, HasNoising):
        return score
    return FrozenNoise(score, noise)  # pyright: ignore[reportCallIssue]


def check_score(score: Any, event_shape: tuple[int, ...], name: str) -> None:
    """Refuse a model that has no score, or one of other states.

    Raises:
        MissingTrait: no score.
        InvalidInput: another shape of states.
    """
    require(score, HasScore, name)
    if score.event_shape != event_shape:
        raise InvalidInput(
            f"{name}: score is of states of shape {score.event_shape}, the data of "
            f"{event_shape}; give a score that was fitted to such data."
        )


class Scored(NamedTuple):
    """The score that a flow is made of.

    Attributes:
        model: with the trait `HasScore`.
        given: whether it comes from outside the fit, so that the fit must keep it.
        history: of its own training, empty if there was none.
    """

    model: AbstractModel
    given: bool
    history: History


def scored(
    recipe: AbstractMethod,
    data: Snapshots | Trajectories,
    summary: Summary,
    score: AbstractModel | None,
    init: Any,
    name: str,
    **training: Any,
) -> Scored:
    """The score that is given, else that of the flow ``init``, else one trained on the data.

    Args:
        recipe: trains it.
        score: a fitted model, or None.
        init: a flow with a ``law``, or None.
        name: of the caller.
        training: further arguments of ``recipe.fit``.

    Raises:
        MissingTrait, InvalidInput: what the recipe makes is no score, or of other states.
    """
    if score is None and init is not None:
        score = init.law.model if isinstance(init.law, FrozenNoise) else init.law
    if score is not None:
        return Scored(score, True, {})
    outline = eqx.filter_eval_shape(recipe.init, summary, key=training["key"])
    check_score(outline, summary.event_shape, name)
    trained = recipe.fit(data, **training)
    return Scored(trained.model, False, trained.history)


def law_rows(
    model: EquilibriumFlowModel, data: Snapshots | Trajectories, *, key: Key
) -> dict[str, Any]:
    """States of the law with their scores, found once before training.

    Data are noised several times each if the law is one of noised states, and stand as they are
    if not.

    Returns:
        ``y``, ``score`` ``(n, dim)`` and ``time_score`` ``(n,)`` (with what a known motion adds,
        `sources`) in normalised coordinates, ``time`` ``(n,)`` and ``condition`` ``(n, columns)``
        or None.
    """
    normaliser, law = model.frame.normaliser, model.law
    flat = data.snapshots()
    many = copied(law, normaliser, flat)
    y, score = _scored(law, normaliser, many, many_times(flat), key)
    many |= {"y": y, "score": score}
    return many | {"time_score": sources(model, many, many_times(flat))}


def copied(law: AbstractModel, normaliser: Normaliser, data: Snapshots) -> dict[str, Any]:
    """Rows of the data, several of each state if the law is one of noised states."""
    copies = 1
    if isinstance(law, FrozenNoise):
        wanted = _MOVING_ROWS if many_times(data) else _ROWS
        copies = max(1, min(-(-wanted // data.n), _NUMBERS // data.values.size))
    plain = rows(data, normaliser)
    return {k: None if a is None else np.repeat(a, copies, 0) for k, a in plain.items()}


def exchangeable(summary: Summary) -> Summary:
    """The summary with one shift and one scale for all particles ``(particles, dim)``."""
    shift, scale = np.asarray(summary.shift), np.asarray(summary.scale)
    pooled = float(np.sqrt(np.mean(scale**2) + np.var(shift)))
    number = len(shift)
    return replace(summary, shift=(float(shift.mean()),) * number, scale=(pooled,) * number)


def paced(
    model: EquilibriumFlowModel, rows: dict[str, Any], pairs: Pairs | None, moving: bool
) -> tuple[EquilibriumFlowModel, float | None]:
    """The unit of the learnt field, in standard deviations per time, if anything tells its speed.

    Returns:
        The model with that unit, and the unit: the rate of observed transitions, else the size of
        q (1 if q is zero); None if the law stays and nothing is known of the motion.
    """
    if pairs is None and model.known is None and not moving:
        return model, None
    size = jnp.sqrt(jnp.mean(rows["time_score"] ** 2)) if pairs is None else pairs.pace
    pace = float(size) or 1.0
    constants = jnp.zeros(model.frame.dim), jnp.full(model.frame.dim, 1 / pace)
    return eqx.tree_at(lambda m: (m.mean.value, m.std.value), model, constants), pace


def in_pace(rows: dict[str, Any], pace: float) -> dict[str, Any]:
    """Rows with time in units of 1/pace."""
    return rows | {"time_score": rows["time_score"] / pace}


def many_times(data: Snapshots) -> bool:
    """Whether the law depends on time."""
    return len(data.times) > 1


@jit
def sources(model: EquilibriumFlowModel, rows: dict[str, Any], moving: bool) -> Float[Array, " n"]:
    """q at every row: ∂_t log p of a law that moves, and div u + u·s of a known motion u."""
    normaliser, law = model.frame.normaliser, model.law

    def one(row: dict[str, Any]) -> Scalar:
        y, time, condition = row["y"], row["time"], row["condition"]
        q = jnp.zeros(())
        if moving:
            q += time_score(law, normaliser.inverse(y), time, condition)
        if model.known is not None:
            known = KnownField(model.known, normaliser, 1.0, moving)
            value, push = jax.linearize(lambda y: known(y, time, condition), y)
            q += exact_divergence(push, y) + jnp.vdot(value, row["score"])
        return q

    n = rows["y"].shape[0]
    if not moving and model.known is None:
        return jnp.zeros(n)
    return jax.lax.map(one, rows, batch_size=min(n, 1024))


@jit
def _scored(
    law: AbstractModel, normaliser: Normaliser, rows: dict[str, Any], moving: bool, key: Key
) -> tuple[Float[Array, "n dim"], Float[Array, "n dim"]]:
    """Noised states and their scores, both in normalised coordinates."""
    assert isinstance(law, HasScore)

    def one(args: tuple[dict[str, Any], Key]) -> tuple[Array, Array]:
        row, key = args
        x = normaliser.inverse(row["y"])
        if isinstance(law, FrozenNoise):
            x = law.noised(x, key=key)
        time = row["time"] if moving else None
        score = law.score(x, time=time, condition=row["condition"])
        return normaliser.forward(x), jnp.ravel(score) * normaliser.scale.value

    n, dim = rows["y"].shape
    together = max(1, min(n, _TOGETHER // dim))
    return jax.lax.map(one, (rows, jax.random.split(key, n)), batch_size=together)
