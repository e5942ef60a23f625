"""How well learnt scores and velocities obey the equations of one law, and what generation costs."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key
from noneq.calculus import directions, divergence
from noneq.errors import InvalidInput, SolveFailed
from noneq.estimate import Estimate
from noneq.needs import observable
from noneq.processes.fokker_planck import score_terms
from noneq.thermo.learnt.requests import condition_of, count_of, times_of
from noneq.traced import jit
from noneq.traits import HasNoising, HasNoisyVelocity, HasScore, HasVelocity, require


_PROBES = 8
_RATIOS = (0.02, 50.0)
"""Noise levels of generation, in standard deviations of the data."""
_LEVELS = 33
_CHECKED = (0.1, 10.0)


@observable("model", traits=(HasNoising,), takes=("key",))
def fokker_planck_residual(
    model: Any,
    n: int = 256,
    *,
    time: float | None = None,
    condition: Any = None,
    levels: int = 8,
    key: Key,
) -> Estimate:
    """How far the scores of all noise levels are from those of one law under the noising SDE.

    **Equation**: as `noneq.metrics.score_fpe_residual` with draws of the model for states: the root
    mean square of ∂_tau s − ∇[½ g²(div s + |s|²) − f·s − div f] over that of the sum of its terms'
    lengths, averaged over levels from 0.1 to 10 standard deviations. 0 for a law, at most 1.

    Raises:
        MissingTrait: no noisy score.
        SolveFailed: a score that is not finite.

    Source: Lai et al. 2023, section 3.
    """
    require(model, HasNoising, "fokker_planck_residual")
    count_of(n, "fokker_planck_residual")
    condition = condition_of(condition, "fokker_planck_residual")
    if levels < 1:
        raise InvalidInput(f"fokker_planck_residual: levels = {levels}; expected at least 1.")
    draw_key, key = jax.random.split(key)
    x = model.sample(n, time=time, condition=condition, key=draw_key)
    ratios = jnp.geomspace(*_CHECKED, levels)
    clock = None if time is None else jnp.asarray(time, float)
    squares = _noise_squares(model, x, ratios, clock, condition, key)
    return _ratio(np.asarray(squares, np.float64), "fokker_planck_residual", None)


@observable("model", traits=(HasVelocity,), takes=("key",))
def continuity_residual(
    model: Any,
    n: int = 256,
    *,
    times: Sequence[float] | np.ndarray | float | None = None,
    condition: Any = None,
    key: Key,
) -> Estimate:
    """How far velocity u and score s of a model are from those of one law p(x, t).

    **Equation**: ∂_t s + ∇(div u + u·s) = 0 is the gradient of the continuity equation over p. The
    root mean square of its left side over that of the sum of its terms' lengths, per time; 0 for one
    law, at most 1. With drift f = u + D s it is the residual of the Fokker–Planck equation too.

    Args:
        model: with the traits `HasVelocity` and `HasScore`.
        n: draws at each time.
        times: physical times; None for a model without time, where ∂_t s = 0.

    Raises:
        MissingTrait: no velocity or no score.
        SolveFailed: one that is not finite.
    """
    require(model, HasVelocity, "continuity_residual")
    require(model, HasScore, "continuity_residual")
    count_of(n, "continuity_residual")
    condition = condition_of(condition, "continuity_residual")
    clocks = times_of(times, "continuity_residual") or [None]
    rows = []
    for t, k in zip(clocks, jax.random.split(key, len(clocks)), strict=True):
        draw_key, probe_key = jax.random.split(k)
        x = model.sample(n, time=t, condition=condition, key=draw_key)
        clock = None if t is None else jnp.asarray(t, float)
        rows.append(np.asarray(_flow_squares(model, x, clock, condition, probe_key), np.float64))
    several = times is not None and np.ndim(times) > 0
    if several:
        return _ratio(np.stack(rows), "continuity_residual", np.asarray(clocks))
    return _ratio(rows[0][None], "continuity_residual", None)


@observable("model", traits=(HasNoising, HasNoisyVelocity), takes=("key",))
def generation_entropy(
    model: Any,
    n: int = 512,
    *,
    time: float | None = None,
    condition: Any = None,
    key: Key,
) -> Estimate:
    """Entropy production of one generation by the noising SDE run backwards, in nats.

    **Equation**: ∫ ⟨|v/g|²⟩ 2 dtau, v = f − ½ g² s the velocity of the flow and D = g²/2, over noise
    levels from 0.02 to 50 standard deviations of the data (as far as the process has them), each at
    draws of the model noised to that level. The same for every clock of one process.

    Raises:
        MissingTrait: no noising flow.
        SolveFailed: a velocity that is not finite.

    Source: Ikeda et al. 2025 (arXiv 2407.04495).
    """
    require(model, HasNoising, "generation_entropy")
    require(model, HasNoisyVelocity, "generation_entropy")
    count_of(n, "generation_entropy")
    condition = condition_of(condition, "generation_entropy")
    draw_key, key = jax.random.split(key)
    x = model.sample(n, time=time, condition=condition, key=draw_key)
    ratios = jnp.geomspace(*_RATIOS, _LEVELS)
    clock = None if time is None else jnp.asarray(time, float)
    taus = np.unique(np.asarray(jax.vmap(model.noise_clock)(ratios), np.float64))
    rates = _generation_rates(model, x, jnp.asarray(taus, float), clock, condition, key)
    whole = np.asarray(np.trapezoid(np.asarray(rates, np.float64), taus, axis=0))
    if not np.isfinite(whole).all():
        raise SolveFailed("generation_entropy: the rate is not finite.")
    error = whole.std(ddof=1) / np.sqrt(len(whole))
    note = f"Noise clock from {taus[0]:.3g} to {taus[-1]:.3g}; less noise is left out."
    return Estimate(
        np.asarray(whole.mean()), np.asarray(error), np.asarray(float(n)), unit="nat",
        method="flow", notes=(note,),
    )  # fmt: skip


def _ratio(squares: np.ndarray, what: str, times: np.ndarray | None) -> Estimate:
    """√⟨residual²⟩/√⟨size²⟩ of ``(groups, n, 2)`` squares, averaged over groups without times.

    Raises:
        SolveFailed: squares that are not finite.
        InvalidInput: fewer than two states.
    """
    if squares.shape[1] < 2:
        raise InvalidInput(f"{what}: n = {squares.shape[1]}; expected at least 2.")
    if not np.isfinite(squares).all():
        raise SolveFailed(f"{what}: the score or the velocity is not finite.")
    miss, size = squares.mean(1).T
    size = np.maximum(size, 1e-300)
    value = np.sqrt(miss / size)
    spread = (squares[..., 0] - value[:, None] ** 2 * squares[..., 1]).std(1, ddof=1)
    error = spread / np.sqrt(squares.shape[1]) / size / np.maximum(2 * value, 1e-12)
    estimate = Estimate(
        value, error, np.asarray(float(squares.shape[1])), times=times, method="residual"
    )
    return estimate if times is not None else estimate.mean()


@jit
def _noise_squares(
    model: Any, x: Array, ratios: Array, time: Any, condition: Any, key: Key
) -> Float[Array, "levels n 2"]:
    shape = model.event_shape

    def one(x: Array, ratio: Array, key: Key) -> Array:
        noise_key, probe_key = jax.random.split(key)
        tau = model.noise_clock(ratio)
        y = jnp.ravel(model.noised(x, tau, key=noise_key))
        score = lambda y, tau: jnp.ravel(
            model.noisy_score(y.reshape(shape), tau, time=time, condition=condition)
        )

        def noising(y: Array, tau: Any) -> tuple[Array, Array]:
            f, g = model.noising(y.reshape(shape), tau)
            return jnp.ravel(f), jnp.ravel(g)

        along = directions(y.size, probes=_PROBES, key=probe_key)
        terms = noising(y, tau)[1] * score_terms(score, noising, y, tau, along)
        return _squares(terms, terms[0] - jnp.sum(terms[1:], axis=0))

    keys = jax.random.split(key, (ratios.size, x.shape[0]))
    level = lambda pair: jax.vmap(one, (0, None, 0))(x, *pair)
    return jax.lax.map(level, (ratios, keys))


@jit
def _flow_squares(model: Any, x: Array, time: Any, condition: Any, key: Key) -> Float[Array, "n 2"]:
    shape = model.event_shape
    call = lambda f, y, t: jnp.ravel(f(y.reshape(shape), time=t, condition=condition))

    def one(x: Array, key: Key) -> Array:
        y = jnp.ravel(x)
        along = directions(y.size, probes=_PROBES, key=key)

        def spread(y: Array) -> Array:
            u, push = jax.linearize(lambda y: call(model.velocity, y, time), y)
            return jnp.stack([divergence(push, along), u @ call(model.score, y, time)])

        still = jnp.zeros_like(y)
        slope = still
        if time is not None:
            of_time = lambda t: call(model.score, y, t)
            slope = jax.jvp(of_time, (time,), (jnp.ones_like(time),))[1]
        terms = jnp.concatenate([slope[None], jax.jacrev(spread)(y)])
        return _squares(terms, jnp.sum(terms, axis=0))

    return jax.vmap(one)(x, jax.random.split(key, x.shape[0]))


@jit
def _generation_rates(
    model: Any, x: Array, taus: Array, time: Any, condition: Any, key: Key
) -> Float[Array, "levels n"]:
    def one(x: Array, tau: Array, key: Key) -> Array:
        y = model.noised(x, tau, key=key)
        v = model.noisy_velocity(y, tau, time=time, condition=condition)
        g = model.noising(y, tau)[1]
        return 2 * jnp.sum((v / g) ** 2)

    keys = jax.random.split(key, x.shape[0])
    return jax.lax.map(lambda tau: jax.vmap(one, (0, None, 0))(x, tau, keys), taus)


def _squares(terms: Array, residual: Array) -> Float[Array, "2"]:
    size = jnp.sum(jnp.sqrt(jnp.sum(terms**2, axis=1)))
    return jnp.stack([jnp.sum(residual**2), size**2])
