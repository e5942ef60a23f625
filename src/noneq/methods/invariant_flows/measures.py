"""What is measured of an invariant flow over states of its law: steps, residuals, speeds."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.calculus import MOST_EXACT, exact_divergence, rademacher
from noneq.traced import jit


_STEP = 0.02
"""Of the time in which a state moves by the standard deviation of the data."""
_INFLATION = 0.02
"""Of the variance of a noisy path, that a step may add."""


def noisy_step(turn: ScalarLike, forget: ScalarLike) -> Scalar:
    """The largest step h of `StochasticHeun` that keeps the variance of a turning law to 2 %.

    **Equation**: h³ ω⁴/(8 γ) = .02, the leading error of the variance of dx = −(γ + iω) x dt + noise.
    (Of Euler–Maruyama it is h ω²/(2 γ), at any useful step as large as the variance itself.)

    Args:
        turn: ω, angle per time.
        forget: γ > 0, rate at which noise is forgotten.
    """
    return jnp.cbrt(8 * _INFLATION * forget / jnp.maximum(turn, 1e-30) ** 4)


@jit
def natural_step(
    model: Any, x: Array, time: Any, condition: Any, noise: Any, length: Any
) -> Scalar:
    """The largest step of a path: states ``(n, *event)`` turn, and noise forgets, slower than that.

    How fast the flow turns where the law is thin is the rate at which v changes along the score.
    What a step adds to the variance is forgotten after 1/(2 γ), and adds up no longer than the path.
    """
    scale = model.frame.normaliser.scale.value
    flat = lambda field: field.reshape(x.shape[0], -1)
    size = lambda field: jnp.sqrt(jnp.mean(flat(field) ** 2, axis=0) + 1e-30)

    def one(x: Array) -> tuple[Array, Array, Array]:
        velocity = lambda x: model.velocity(x, time=time, condition=condition)
        score = model.score(x, time=time, condition=condition)
        return *jax.jvp(velocity, (x,), (score,)), score

    velocity, change, score = jax.vmap(one)(x)
    moves = jnp.max(size(velocity) / scale)
    forget = noise * jnp.max(size(score)) ** 2
    longest = 1.0 / jnp.maximum(moves / _STEP, 10.0 * forget)
    turn = jnp.sqrt(jnp.mean(change**2) / (jnp.mean(score**2) + 1e-30))
    return jnp.where(
        noise > 0,
        jnp.minimum(longest, noisy_step(turn, jnp.maximum(forget, 0.5 / length))),
        longest,
    )


@jit
def residual_terms(
    model: Any, x: Array, time: Any, condition: Any, probes: int, keys: Array
) -> tuple[Array, Array]:
    """For every state an unbiased r², and (div v)² + (v·s)² + q²."""

    def one(args: tuple[Array, Key]) -> tuple[Scalar, Scalar]:
        x, key = args
        field = lambda y: jnp.ravel(
            model.velocity(y.reshape(x.shape), time=time, condition=condition)
        )
        velocity, push = jax.linearize(field, jnp.ravel(x))
        score = jnp.ravel(model.score(x, time=time, condition=condition))
        change = model.time_score(x, time=time, condition=condition)
        along = jnp.vdot(velocity, score)
        if velocity.size <= MOST_EXACT:
            first = second = exact_divergence(push, jnp.ravel(x))
        else:
            signs = rademacher(2 * probes, velocity.size, key=key)
            traces = jnp.sum(signs * jax.lax.map(push, signs), axis=1)
            first, second = jnp.mean(traces[:probes]), jnp.mean(traces[probes:])
        rest = along + change
        return (first + rest) * (second + rest), first * second + along**2 + change**2

    return jax.lax.map(one, (x, keys), batch_size=_together(x))


@jit
def squared_speeds(model: Any, x: Array, time: Any, condition: Any) -> Float[Array, " n"]:
    """|v|² of every state ``(n, *event)``."""
    one = lambda x: jnp.sum(model.velocity(x, time=time, condition=condition) ** 2)
    return jax.lax.map(one, x, batch_size=_together(x))


def _together(x: Array) -> int:
    """States whose Jacobian products are taken at once: few of large ones."""
    return max(1, min(x.shape[0], 256, 2**18 // x[0].size))
