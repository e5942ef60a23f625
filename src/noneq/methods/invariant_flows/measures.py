"""What is measured of an invariant flow over states of its law: steps, residuals, speeds."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar
from noneq.calculus import MOST_EXACT, exact_divergence, rademacher
from noneq.traced import jit


_STEP = 0.02
"""Of the time in which a state moves by the standard deviation of the data."""


@jit
def natural_step(model: Any, x: Array, time: Any, condition: Any, noise: Any) -> Scalar:
    """The largest step of a path: states ``(n, *event)`` turn, and noise forgets, slower than that."""
    scale = model.frame.normaliser.scale.value
    size = lambda field: jnp.sqrt(jnp.mean(field.reshape(x.shape[0], -1) ** 2, axis=0) + 1e-30)
    over = lambda f: jax.vmap(lambda x: f(x, time=time, condition=condition))(x)
    turn = jnp.max(size(over(model.velocity)) / scale)
    forget = noise * jnp.max(size(over(model.score))) ** 2
    return 1.0 / jnp.maximum(turn / _STEP, 10.0 * forget)


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
