"""Log densities along the probability flow: exact divergence, or Hutchinson's estimate of it."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.samplers.base import Noisy


Pushes = Callable[[Callable[[Array], Array], Array], Array]
"""From v ↦ J v and a state to div v, or to one estimate of it per probe."""


def exact_divergence(push: Callable[[Array], Array], x: Array) -> Scalar:
    """Trace of J: one product per dimension."""
    return jnp.trace(jax.vmap(push)(jnp.eye(x.size, dtype=x.dtype)))


def hutchinson(probes: Float[Array, "probes dim"]) -> Pushes:
    """Estimates e·J e of the trace of J, one per probe; unbiased if E[e eᵀ] = I.

    Source: Hutchinson 1990; Grathwohl et al. 2019, eq. 7 (a probe is kept along the path).
    """
    return lambda push, x: jnp.sum(probes * jax.vmap(push)(probes), axis=-1)


def velocity_and_divergence(
    model: Noisy,
    x: Float[Array, " dim"],
    tau: ScalarLike,
    time: Any,
    condition: Any,
    divergence: Pushes = exact_divergence,
) -> tuple[Float[Array, " dim"], Array]:
    """v(x, tau) and its divergence."""
    field = lambda x: model.noisy_velocity(x, tau, time=time, condition=condition)
    velocity, push = jax.linearize(field, x)
    return velocity, divergence(push, x)


def flow(
    model: Noisy,
    x: Float[Array, " dim"],
    steps: int,
    time: Any,
    condition: Any,
    *,
    backwards: bool = False,
    divergence: Pushes = exact_divergence,
) -> tuple[Float[Array, " dim"], Array]:
    """The probability flow from data to prior (or back) by Heun's method on a uniform grid of tau.

    Returns:
        the state at the other end, and ∫_0^1 div v dtau along the path.
    """
    start = model.process.schedule.start
    h = (1.0 - start) / steps
    first, step_size = (1.0, -h) if backwards else (start, h)

    def step(state, i):
        x, gain = state
        tau = first + i * step_size
        # The last corner must not leave [start, 1] by rounding.
        after = jnp.clip(tau + step_size, start, 1.0)
        v, div = velocity_and_divergence(model, x, tau, time, condition, divergence)
        ahead = x + step_size * v
        w, div_end = velocity_and_divergence(model, ahead, after, time, condition, divergence)
        x = model.process.project(x + step_size / 2 * (v + w))
        return (x, gain + h / 2 * (div + div_end)), None

    shape = jax.eval_shape(lambda x: divergence(lambda v: v, x), x)
    start_gain = jnp.zeros(shape.shape, x.dtype)
    (x, gain), _ = jax.lax.scan(step, (x, start_gain), jnp.arange(steps))
    return x, gain


def heun_log_prob(
    model: Noisy,
    x: Array,
    steps: int,
    time: Any,
    condition: Any,
    divergence: Pushes = exact_divergence,
) -> Array:
    """log p(x) = log prior(x_1) + ∫_0^1 div v dtau; one value per probe with `hutchinson`."""
    end, gain = flow(model, x, steps, time, condition, divergence=divergence)
    return model.prior.log_prob(end) + gain


def rademacher(probes: int, dim: int, *, key: Key) -> Float[Array, "probes dim"]:
    """Probes of random signs: of all with unit covariance those of least variance."""
    return jax.random.rademacher(key, (probes, dim), dtype=float)
