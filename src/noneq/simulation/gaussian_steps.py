"""Linear systems from one recorded time to the next, without internal steps and without their error."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from noneq._typing import Key
from noneq.systems.base import HasTransition
from noneq.systems.linear import square_root


_DIGITS = 6
"""Of an interval: times that come in float32 are even up to these."""


def exact_advance(
    system: HasTransition, times: np.ndarray, dtype: np.dtype
) -> Callable[[Array, Key], Array]:
    """From (states at the first time, key) to the states at all others.

    **Equation**: x(t + lag) = decay x(t) + covariance^{1/2} ξ, both in float64 on the host, once
    for each length of an interval.
    """
    shown = np.asarray([f"{span:.{_DIGITS}g}" for span in np.diff(times)])
    lags, index = np.unique(shown, return_inverse=True)
    steps = [system.transition(float(lag)) for lag in lags]
    decays = jnp.asarray(np.stack([decay for decay, _ in steps]), dtype)
    roots = jnp.asarray(np.stack([square_root(added) for _, added in steps]), dtype)
    index = jnp.asarray(index.reshape(-1), jnp.int32)
    return lambda states, key: _advance(states, decays, roots, index, key)


@eqx.filter_jit
def _advance(states: Array, decays: Array, roots: Array, index: Array, key: Key) -> Array:
    """States at the end of every interval, ``(T − 1, n, *event)``."""

    def interval(x, frame):
        which, count = frame
        noise = jax.random.normal(jax.random.fold_in(key, count), x.shape, x.dtype)
        kept = jnp.matmul(x, decays[which].T, precision="highest")
        x = kept + jnp.matmul(noise, roots[which].T, precision="highest")
        return x, x

    flat = states.reshape(len(states), -1)
    frames = jax.lax.scan(interval, flat, (index, jnp.arange(index.size)))[1]
    return frames.reshape(index.size, *states.shape)
