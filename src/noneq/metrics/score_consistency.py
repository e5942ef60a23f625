"""Is a learnt score the score of anything? Its Fokker–Planck residual, and its curl."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key
from noneq.calculus import MOST_EXACT, directions, rademacher
from noneq.data.ensembles import Snapshots, Trajectories, as_snapshots
from noneq.errors import InvalidInput, MissingTrait, SolveFailed
from noneq.estimate import Estimate
from noneq.metrics.comparison import whole
from noneq.needs import metric
from noneq.processes.fokker_planck import score_terms
from noneq.traced import jit
from noneq.traits import HasNoising, HasScore, require


_RATIOS = (0.1, 10.0)
"""Noise levels that are looked at, in standard deviations of the data."""


@metric("model", traits=(HasNoising,), takes=("key",))
def score_fpe_residual(
    model: Any,
    reference: Any,
    *,
    states: int = 256,
    levels: int = 8,
    key: Key | None = None,
) -> Estimate:
    """How far a noisy score is from obeying the Fokker–Planck equation of its own noise, per time.

    **Equation**: with T_0 = ∂_tau s, T_1 = ∇ ½ g² div s, T_2 = ∇ ½ g² |s|², T_3 = −∇(f·s + div f):
    √⟨|g (T_0 − T_1 − T_2 − T_3)|²⟩ / √⟨(|g T_0| + |g T_1| + |g T_2| + |g T_3|)²⟩ over states of the
    reference noised to one level, averaged over levels from 0.1 to 10 standard deviations of the
    data, evenly spaced in their logarithm. 0 for the score of a law, at most 1; without unit,
    and the same on any clock and in any scale of the coordinates.

    Args:
        model: one with the trait `HasNoising`.
        reference: `Snapshots`, `Trajectories`, or an array ``(n, *event_shape)`` for a model
            without time. Conditions of the samples are passed on.
        states: at most so many random states of each time.
        levels: noise levels.
        key: for states and noise; None: ``jax.random.key(0)``.

    Returns:
        One entry per time (a scalar for an array), without floor. Above 16 dimensions the
        divergence is Hutchinson's with 8 probes, whose spread counts as residual.

    Raises:
        MissingTrait: no noisy score, or no diffusion behind it.
        InvalidInput: other event shape, or fewer than two states at a time.
        SolveFailed: a score that is not finite.

    Source: Lai et al. 2023, section 3; deviation: relative to the terms of the equation.
    """
    require(model, HasNoising, "score_fpe_residual")
    return _ratio(model, reference, _fokker_planck, states, levels, key)


@metric("model", traits=(HasNoising, HasScore), takes=("key",))
def curl(
    model: Any,
    reference: Any,
    *,
    states: int = 256,
    levels: int = 8,
    key: Key | None = None,
) -> Estimate:
    """How far a score is from being a gradient, per time.

    **Equation**: √⟨‖J − Jᵀ‖²⟩ / √⟨‖J‖²⟩ with J = ∂s/∂x (Frobenius norms); 0 for a gradient, 2 for
    a rotation. A noisy score is taken at states noised to ``levels`` levels as in
    `score_fpe_residual` and the ratios averaged; a score without noise at the states themselves.
    Above 64 dimensions norms are Hutchinson's.

    Args and errors: those of `score_fpe_residual`; any score will do.
    """
    if isinstance(model, HasNoising):
        return _ratio(model, reference, _noisy_curl, states, levels, key)
    if isinstance(model, HasScore):
        return _ratio(model, reference, _plain_curl, states, 1, key)
    raise MissingTrait(
        f"curl needs a model with a score (HasScore, or HasNoising); {type(model).__name__} has "
        "none. `noneq list methods` shows which methods give it."
    )


def _fokker_planck(
    model: HasNoising, x: Array, ratio: Array, time: Any, condition: Any, key: Key
) -> Float[Array, "2"]:
    """Squares of residual and of the terms' sum at one state."""
    shape, tau = x.shape, model.noise_clock(ratio)
    noise_key, probe_key = jax.random.split(key)
    x = model.noised(x, tau, key=noise_key)

    def score(x, tau):
        s = model.noisy_score(x.reshape(shape), tau, time=time, condition=condition)
        return jnp.ravel(s)

    def noising(x, tau):
        f, g = model.noising(x.reshape(shape), tau)
        return jnp.ravel(f), jnp.ravel(g)

    x = jnp.ravel(x)
    along = directions(x.size, probes=8, key=probe_key)
    terms = noising(x, tau)[1] * score_terms(score, noising, x, tau, along)
    residual = terms[0] - jnp.sum(terms[1:], axis=0)
    size = jnp.sum(jnp.sqrt(jnp.sum(terms**2, axis=1)))
    return jnp.stack([jnp.sum(residual**2), size**2])


def _noisy_curl(
    model: HasNoising, x: Array, ratio: Array, time: Any, condition: Any, key: Key
) -> Float[Array, "2"]:
    tau = model.noise_clock(ratio)
    noise_key, probe_key = jax.random.split(key)
    x = model.noised(x, tau, key=noise_key)
    score = lambda x: model.noisy_score(x, tau, time=time, condition=condition)
    return _asymmetry(score, x, probe_key)


def _plain_curl(
    model: HasScore, x: Array, ratio: Array, time: Any, condition: Any, key: Key
) -> Float[Array, "2"]:
    score = lambda x: model.score(x, time=time, condition=condition)
    return _asymmetry(score, x, key)


def _asymmetry(score: Callable[[Array], Array], x: Array, key: Key) -> Float[Array, "2"]:
    """Squares of ‖J − Jᵀ‖ and ‖J‖ at one state, exact or unbiased."""
    field = lambda y: jnp.ravel(score(y.reshape(x.shape)))
    y = jnp.ravel(x)
    if y.size <= MOST_EXACT:
        jacobian = jax.jacfwd(field)(y)
        return jnp.stack([jnp.sum((jacobian - jacobian.T) ** 2), jnp.sum(jacobian**2)])

    def probe(v):
        push = jax.jvp(field, (y,), (v,))[1]
        pull = jax.vjp(field, y)[1](v)[0]
        return jnp.stack([jnp.sum((push - pull) ** 2), jnp.sum(push**2)])

    return jnp.mean(jax.vmap(probe)(rademacher(8, y.size, key=key)), axis=0)


def _ratio(
    model: Any, reference: Any, squares: Callable, states: int, levels: int, key: Key | None
) -> Estimate:
    """Root of the ratio of two mean squares at each time, averaged over levels."""
    states, levels = whole(states, "states", 2), whole(levels, "levels", 1)
    key = jax.random.key(0) if key is None else key
    timeless = not isinstance(reference, Snapshots | Trajectories)
    data = as_snapshots(reference)
    if data.event_shape != tuple(model.event_shape):
        raise InvalidInput(
            f"reference has states of shape {data.event_shape}, the model {model.event_shape}; "
            "give the coordinates that the model was fitted to."
        )
    rows = []
    for i, time in enumerate(data.times):
        here = np.flatnonzero(data.time_index == i)
        if len(here) < 2:
            raise InvalidInput(
                f"one state at time {time:g}; a mean with an error needs at least 2."
            )
        pick_key, noise_key = jax.random.split(jax.random.fold_in(key, i))
        pick = here[np.asarray(jax.random.permutation(pick_key, len(here)))[:states]]
        condition = None if data.condition is None else jnp.asarray(data.condition[pick])
        clock = None if timeless else jnp.asarray(time, jnp.result_type(float))
        x = jnp.asarray(data.values[pick])
        pairs = np.asarray(
            _squares(model, squares, x, levels, clock, condition, noise_key), np.float64
        )
        if not np.isfinite(pairs).all():
            raise SolveFailed(
                f"the score or its derivatives are not finite at time {time:g}; check the scale of "
                "the reference against the training data."
            )
        rows.append(_root_of_ratio(pairs))
    value, stderr, n = np.asarray(rows).T
    full = Estimate(value, stderr, n, times=data.times)
    return full[0] if timeless else full


def _root_of_ratio(pairs: Float[np.ndarray, "n levels 2"]) -> tuple[float, float, int]:
    """Mean over levels of √(mean numerator/mean denominator), its error, and n."""
    n = len(pairs)
    top, bottom = np.moveaxis(pairs.mean(axis=0), -1, 0)
    bottom = np.maximum(bottom, np.finfo(float).tiny)
    root = np.sqrt(top / bottom)
    # First-order influence of each state; a numerator of 0 has none.
    lift = pairs[..., 0] / np.maximum(top, np.finfo(float).tiny) - pairs[..., 1] / bottom
    influence = np.mean(root / 2 * lift, axis=1)
    return float(root.mean()), float(influence.std(ddof=1) / np.sqrt(n)), n


@jit
def _squares(
    model: Any,
    squares: Callable,
    x: Array,
    levels: int,
    time: Any,
    condition: Any,
    key: Key,
) -> Float[Array, "n levels 2"]:
    ratios = jnp.geomspace(*_RATIOS, levels)

    def at_levels(row):
        x, condition, key = row
        one = lambda ratio, key: squares(model, x, ratio, time, condition, key)
        return jax.vmap(one)(ratios, jax.random.split(key, levels))

    # In blocks: third derivatives of a large network at all states at once fill the memory.
    rows = (x, condition, jax.random.split(key, x.shape[0]))
    return jax.lax.map(at_levels, rows, batch_size=64)
