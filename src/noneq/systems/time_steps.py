"""How fast a system changes: an internal step for one whose author says none."""

import functools
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from noneq._typing import Key, Scalar
from noneq.errors import InvalidInput
from noneq.systems.base import HasParity


_PATHS, _ROUNDS, _STEPS = 64, 64, 10
_FIRST = 1e-9
_SHARE, _INERTIAL_SHARE = 0.02, 0.05
_LONGEST = 1e3


def step_of(system: Any) -> float:
    """0.02 over the largest rate of change of drift and noise, on a few paths from the start.

    **Equation**: h = 0.02 / max(‖∂f/∂x‖, ‖∂B/∂x‖²), and at walls √(B² h) stays below a twentieth of
    the width. The maximum is over 64 paths of some relaxation times: they show where the system goes.
    Systems with velocities take 0.05 / max √‖(∂f/∂x)²‖, the highest frequency: their scheme is of
    second order, and ‖∂f/∂x‖ mixes units.

    Raises:
        InvalidInput: a rate that is not finite.
    """
    try:
        hash(system)
    except TypeError:  # a drift that holds arrays
        return _measured(system)
    return _kept(system)


@functools.lru_cache(maxsize=64)
def _kept(system: Any) -> float:
    return _measured(system)


def _measured(system: Any) -> float:
    keys = jax.random.split(jax.random.key(0), _ROUNDS + 1)
    x = jax.vmap(system.initial)(jax.random.split(keys[0], _PATHS))
    advance = jax.jit(partial(_advance, system))
    share = _INERTIAL_SHARE if _has_velocities(system) else _SHARE
    longest, step, time, bounds = _LONGEST, _FIRST, 0.0, system.domain.bounds
    for key in keys[1:]:
        rate, kick, onward = advance(time, x, step, key)
        rate, kick = float(rate), float(kick)
        if not np.isfinite(rate + kick):
            raise InvalidInput(
                f"{type(system).__name__}: the slope of drift or noise is not finite on the first "
                "paths; give time_step=."
            )
        longest = min(longest, share / rate if rate > 0 else _LONGEST)
        if bounds is not None and kick > 0:
            longest = min(longest, (0.05 * float(np.min(bounds[1] - bounds[0])) / kick) ** 2)
        if step <= longest:
            x, time = onward, time + _STEPS * step
        # Doubled only, so that no path jumps over a place where it would have to go slowly.
        step = min(2 * step, longest)
    return longest


def _has_velocities(system: Any) -> bool:
    return isinstance(system, HasParity)


def _advance(system: Any, t: Scalar, x: Array, h: Scalar, key: Key) -> tuple[Array, Array, Array]:
    """Largest rate and size of the noise at these states, and the states after some steps."""
    rates, sizes = _rates(system, t, x)
    return jnp.max(rates), jnp.max(sizes), _onward(system, t, x, h, key)


def _rates(system: Any, t: Scalar, x: Array) -> tuple[Array, Array]:
    """Rates of change of drift and noise, and the size of the noise, at each state."""

    def one(x):
        drift = jax.jacfwd(lambda x: system.drift(t, x))(x).reshape(x.size, x.size)
        noise = jax.jacfwd(lambda x: system.diffusion(t, x))(x).reshape(-1, x.size)
        size = jnp.sqrt(jnp.sum(jnp.asarray(system.diffusion(t, x)) ** 2))
        inertial = isinstance(system, HasParity)
        rate = (
            jnp.sqrt(jnp.linalg.norm(drift @ drift, 2)) if inertial else jnp.linalg.norm(drift, 2)
        )
        return jnp.maximum(rate, jnp.linalg.norm(noise) ** 2), size

    return jax.vmap(one)(x)


def _onward(system: Any, t: Scalar, x: Array, h: Scalar, key: Key) -> Array:
    """The paths after some steps of Euler and Maruyama."""

    def step(x, k):
        b = system.diffusion(t, x)
        plain = b.shape in ((), x.shape)
        xi = jax.random.normal(k, x.shape if plain else b.shape[1:], x.dtype)
        kick = b * xi if plain else b @ xi
        return system.domain.project(x + h * system.drift(t, x) + jnp.sqrt(h) * kick)

    def path(x, key):
        keys = jax.random.split(key, _STEPS)
        return jax.lax.scan(lambda x, k: (step(x, k), None), x, keys)[0]

    return jax.vmap(path)(x, jax.random.split(key, len(x)))
