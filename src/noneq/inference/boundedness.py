"""Which trajectories stay where the data are."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Numbers, ScalarLike
from noneq.data.base import AbstractEnsemble
from noneq.data.checks import as_floats
from noneq.data.ensembles import Trajectories
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.inference.integration import (
    advance,
    check_reach,
    deviation,
    extent_of,
    is_timed,
    starts_of,
    step_of,
)
from noneq.inference.velocities import check_field, states_of
from noneq.needs import observable


_STARTS = 256


@observable("model", more=("data",))
def bounded_fraction(
    paths: Any,
    data: AbstractEnsemble | Numbers,
    *,
    reach: float = 5.0,
    start: AbstractEnsemble | Numbers | None = None,
    time: float = 100.0,
    step: float | None = None,
    first: float | None = None,
    condition: Numbers | None = None,
) -> Estimate:
    """Fraction of trajectories that stay within ``reach`` standard deviations of reference data.

    **Equation**: [mean_i ((x_i(t) − m_i)/s_i)²]^{1/2} ≤ reach at all times, m and s the mean and
    standard deviation of the data in every coordinate i. The error is that of a binomial
    proportion, half the width of Wilson's interval at one standard deviation, so it is not zero
    where all or none stay.

    Args:
        paths: `Trajectories`, an array ``(n, T, *event_shape)`` (NaN and infinity are out of
            bounds), or a vector field to follow: a model, a system (its noise left out) or a
            function.
        data: reference states.
        reach: bound, in standard deviations.
        start: of a field, ``(n, *event_shape)``; None takes 256 states of the data, evenly spaced.
        time: for which a field is followed.
        step: of a field, by classical Runge–Kutta; None is a system's ``time_step``, else 0.01.
        first: physical time of the start, for fields that depend on time.
        condition: of a conditional model, shared.

    Raises:
        MissingTrait: neither paths nor a vector field.
        InvalidInput: numbers out of range, or shapes that do not fit.

    Source: Wilson 1927.
    """
    check_reach(reach)
    if isinstance(paths, Trajectories | np.ndarray | jax.Array | list | tuple):
        inside = _furthest_of_paths(paths, data) <= reach
    else:
        check_field(paths, "bounded_fraction")
        if not 0 < time < float("inf"):
            raise InvalidInput(f"bounded_fraction: time = {time}; expected a positive number.")
        x = starts_of(paths, _spread_out(states_of(data)) if start is None else start)
        h = step_of(paths, step)
        furthest = _furthest_of_field(
            paths,
            x,
            extent_of(data, x.shape[1:]),
            jnp.asarray(h, x.dtype),
            jnp.asarray(0.0 if first is None else first, x.dtype),
            condition,
            timed=is_timed(paths, first),
            steps=max(1, round(time / h)),
        )
        inside = np.asarray(furthest) <= reach
    return proportion(int(inside.sum()), inside.size)


def proportion(count: int, n: int) -> Estimate:
    """count/n with half the width of Wilson's interval at one standard deviation as its error."""
    share = count / n
    error = np.sqrt(share * (1 - share) / n + 1 / (4 * n**2)) / (1 + 1 / n)
    return Estimate(np.asarray(share), np.asarray(error), np.asarray(n))


def _spread_out(states: np.ndarray) -> np.ndarray:
    return states[np.linspace(0, len(states) - 1, min(len(states), _STARTS)).astype(int)]


def _furthest_of_paths(paths: Any, data: Any) -> np.ndarray:
    """Largest distance of every path from the data; NaN where it is not a number somewhere."""
    values = paths.values if isinstance(paths, Trajectories) else as_floats(paths, "paths")
    if values.ndim < 3 or not values.size:
        raise InvalidInput(
            f"bounded_fraction: paths have shape {values.shape}; expected (n, T, *event_shape)."
        )
    centre, width = (np.asarray(a) for a in extent_of(data, values.shape[2:]))
    squared = ((values.astype(np.float64) - centre) / width) ** 2
    away = np.sqrt(squared.reshape(*values.shape[:2], -1).mean(-1))
    if isinstance(paths, Trajectories) and paths.mask is not None:
        away = np.where(paths.mask, away, 0.0)
    return away.max(1)


@eqx.filter_jit
def _furthest_of_field(
    field: Any,
    x: Float[Array, "n *event"],
    extent: tuple[Array, Array],
    h: ScalarLike,
    first: ScalarLike,
    condition: Any,
    *,
    timed: bool,
    steps: int,
) -> Float[Array, " n"]:
    """Largest distance from the data of every trajectory, infinite if one becomes so."""

    def one(x: Array) -> Array:
        def step(index: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
            x, furthest = carry
            moved, _ = advance(field, x, first + index * h, h, timed, condition)
            away = deviation(moved, *extent)
            away = jnp.where(jnp.isfinite(away), away, jnp.inf)
            return jnp.where(jnp.isfinite(away), moved, x), jnp.maximum(furthest, away)

        return jax.lax.fori_loop(0, steps, step, (x, deviation(x, *extent)))[1]

    return jax.vmap(one)(x)
