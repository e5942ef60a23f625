"""Divergence of a field, exact or by probes, and fixed steps of the classical Runge–Kutta method."""

from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.errors import InvalidInput


Push: TypeAlias = Callable[[Array], Array]
"""v ↦ J v, J the Jacobian of a field at one state."""

Pushes: TypeAlias = Callable[[Push, Array], Array]
"""From v ↦ J v and a state to div v, or to one estimate of it per probe."""


MOST_EXACT = 64
"""Largest dimension in which a value that is asked for, such as `log_prob`, is exact."""

MOST_EXACT_LOSS = 16
"""Largest dimension in which losses and penalties are exact: above, an unbiased estimate serves
them as well, and in 64 dimensions a step of `FFJORD` is then 29 times faster."""


def check_exact(dim: int) -> None:
    """Refuse exact divergence of states that are too large for it.

    Raises:
        InvalidInput: naming the dimension.
    """
    if dim > MOST_EXACT:
        raise InvalidInput(
            f"log_prob: exact divergence in {dim} dimensions is too slow (at most {MOST_EXACT}); "
            "use log_prob_estimate, or fewer --components."
        )


def exact_divergence(push: Push, x: Array) -> Scalar:
    """Trace of J: one product per dimension."""
    return jnp.trace(jax.vmap(push)(jnp.eye(x.size, dtype=x.dtype)))


def hutchinson(probes: Float[Array, "probes dim"]) -> Pushes:
    """Estimates e·J e of the trace of J, one per probe; unbiased if E[e eᵀ] = I.

    Source: Hutchinson 1990; Grathwohl et al. 2019, eq. 7 (a probe is kept along the path).
    """
    return lambda push, x: jnp.sum(probes * jax.vmap(push)(probes), axis=-1)


def rademacher(probes: int, dim: int, *, key: Key) -> Float[Array, "probes dim"]:
    """Probes of random signs: of all with unit covariance those of least variance."""
    return jax.random.rademacher(key, (probes, dim), dtype=float)


def directions(dim: int, *, probes: int = 1, key: Key) -> Float[Array, "k {dim}"]:
    """Vectors v with Σ v vᵀ = I: the unit vectors, or above 16 dimensions on average only.

    Args:
        probes: number of random signs above 16 dimensions.
    """
    if dim <= MOST_EXACT_LOSS:
        return jnp.eye(dim)
    return rademacher(probes, dim, key=key) / jnp.sqrt(probes)


def divergence(push: Push, along: Float[Array, "k dim"]) -> Scalar:
    """Σ v·J v over `directions`: exact, or unbiased if they are random."""
    return jnp.sum(along * jax.vmap(push)(along))


def runge_kutta_step(
    rate: Callable[[Any, ScalarLike], Any], state: Any, t: ScalarLike, h: ScalarLike
) -> tuple[Any, Any]:
    """One step h of d state/dt = rate(state, t), order 4, and the rate at its start.

    States and rates are arrays or trees of arrays.
    """
    add = lambda slope, by: jax.tree.map(lambda x, v: x + by * v, state, slope)
    a = rate(state, t)
    b = rate(add(a, h / 2), t + h / 2)
    c = rate(add(b, h / 2), t + h / 2)
    d = rate(add(c, h), t + h)
    total = jax.tree.map(lambda a, b, c, d: a + 2 * b + 2 * c + d, a, b, c, d)
    return add(total, h / 6), a


def runge_kutta(
    rate: Callable[[Any, ScalarLike], Any], state: Any, start: float, end: float, steps: int
) -> Any:
    """The state at ``end`` of d state/dt = rate(state, t), by ``steps`` equal steps.

    Each step is recomputed on the way back, so that gradients keep only the states between.
    """
    h = (end - start) / steps
    low, high = min(start, end), max(start, end)
    # No node may leave the interval by rounding.
    inside = lambda state, t: rate(state, jnp.clip(t, low, high))

    @jax.checkpoint
    def step(state: Any, i: Array) -> tuple[Any, None]:
        return runge_kutta_step(inside, state, start + i * h, h)[0], None

    return jax.lax.scan(step, state, jnp.arange(steps))[0]
